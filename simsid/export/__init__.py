"""Trained models as one graph that other runtimes read, and the way back to a detector."""
