"""The one error that this package raises on purpose."""


class SynthError(ValueError):
    """A wrong parameter, file or folder; the message names it and says what to do."""
