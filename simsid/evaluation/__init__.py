"""How well a detector tells normal from abnormal: metrics, figures, report and model card."""
