"""What checks of the film as a whole have in common."""

from __future__ import annotations

from typing import Any

from torch import nn


class FilmCheck(nn.Module):
    """Base of the checks: learned from training normals, and absent from older model folders."""

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        """States from before a check have none of it: then it stays unfitted."""
        if any(key.startswith(prefix) for key in state_dict):
            super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
