"""The generators' versions."""

__version__ = "1.0.0"
"""Of generator 1, recorded with every data set it makes. Any change of any pixel raises it."""

VERSIONS = {1: __version__, 2: "2.0.0"}
"""By generator. Any change of any pixel that a generator makes raises its version."""
