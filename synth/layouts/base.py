"""The contract of a layout."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar, Protocol

from synth.encode import Decoded, Encoded


class Layout(Protocol):
    """Writes encoded samples below a folder, and reads every one of them back."""

    description: ClassVar[str]
    """Where things are, one or two sentences for the data-set card."""
    data_files: ClassVar[dict[str, str]]
    """Split to the pattern of its files, for the Hugging Face front matter; may be empty."""

    def check(self) -> None:
        """Check that what the layout needs is installed.

        Raises:
            SynthError: something is not.
        """

    def write(self, root: Path, split: str, samples: Iterable[Encoded]) -> None:
        """Write all samples of one split."""

    def read(self, root: Path) -> Iterator[Decoded]:
        """Yield all samples of all splits.

        Raises:
            ValueError, OSError: a file is damaged.
        """
