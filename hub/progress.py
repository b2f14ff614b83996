"""How far a download has come, told to whoever waits for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from huggingface_hub import constants
from huggingface_hub.utils import tqdm

Progress = Callable[[int, int], None]  # bytes that have come, bytes there are
_CHUNK = 1 << 18


def bar_that_tells(tell: Callable[[int], None]) -> type[tqdm]:
    """A progress bar for the Hub's client that draws nothing and tells a file's bytes so far."""
    # The client's own pieces of 10 MiB are larger than most of our models.
    constants.DOWNLOAD_CHUNK_SIZE = min(constants.DOWNLOAD_CHUNK_SIZE, _CHUNK)

    class Bar(tqdm):
        monitor_interval = 0  # no thread that watches a bar nobody sees

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **(options | {"disable": True}))
            self.come = options.get("initial") or 0

        def update(self, n: float | None = 1) -> None:
            self.come += int(n or 0)
            tell(self.come)

        # With these two, Xet's client makes one bar of a file's content and none of its transfer.
        def update_transfer(self, n: float) -> None:
            """Bytes on the wire are not counted."""

        def set_transfer_postfix_str(self, text: str, refresh: bool = True) -> None:
            """Nor is their speed."""

    return Bar
