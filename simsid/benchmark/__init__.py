"""How fast, which part of a method matters, and what a method stands: speed, ablation,
contamination, robustness."""
