"""Where to compute."""

from __future__ import annotations

from simsid.errors import SimsidError


def pick_device(device: str) -> str:
    """'cpu' or 'cuda'; 'auto' takes a GPU when there is one.

    Raises:
        SimsidError: 'cuda' was asked for and there is none.
    """
    import torch  # slow, and help needs none

    if device == "cuda" and not torch.cuda.is_available():
        raise SimsidError("--device cuda was asked for, but torch finds no GPU: use cpu or auto")
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device
