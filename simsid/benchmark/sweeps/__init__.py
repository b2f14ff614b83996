"""One method under one change after another: ``ablation``, ``contamination``, ``robustness``."""
