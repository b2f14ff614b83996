"""Every model on every data set with every seed, side by side: ``run`` and ``report``."""
