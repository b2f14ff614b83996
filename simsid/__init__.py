"""Unsupervised anomaly detection for radiographs: learn normal films, score new ones.

Research software, not a medical device.
"""

__version__ = "0.1.0"
