"""The generator's version."""

__version__ = "1.0.0"
"""Recorded with every data set. Any change of any pixel raises it."""
