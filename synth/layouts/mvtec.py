"""The folders of MVTec AD: what anomaly-detection libraries expect."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar

from synth.config import SPLITS
from synth.encode import Decoded, Encoded, pixels
from synth.walk import files_below

_TRUTH = {"train": "ground_truth_train", "val": "ground_truth_val", "test": "ground_truth"}
_DEPTH = 3  # split, kind, file


class MVTecLayout:
    """``split/good|kind/NNNN.png``, and masks of abnormal images in ``ground_truth*/kind``."""

    description: ClassVar[str] = (
        "`train/good/NNNN.png`, `val/good` and `val/<kind>`, `test/good` and `test/<kind>`. Masks "
        "of abnormal test images are `ground_truth/<kind>/NNNN_mask.png`; those of val (and of a "
        "contaminated train) are in `ground_truth_val` and `ground_truth_train` likewise."
    )
    data_files: ClassVar[dict[str, str]] = {}

    def check(self) -> None:
        """Nothing beyond Pillow is needed."""

    def write(self, root: Path, split: str, samples: Iterable[Encoded]) -> None:
        """Write one PNG an image, and one a mask of an abnormal image."""
        made = set()
        for sample in samples:
            paths = {root / f"{sample.id}.png": sample.image_png}
            if sample.record["label"]:
                paths[_mask_path(root, sample.id)] = sample.mask_png
            for path, data in paths.items():
                if path.parent not in made:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    made.add(path.parent)
                path.write_bytes(data)

    def read(self, root: Path) -> Iterator[Decoded]:
        """Yield every image with its mask, if it has one."""
        for split in SPLITS:
            for path in files_below(root / split, hard_links_apart=True):
                if path.suffix != ".png" or len(path.relative_to(root).parts) != _DEPTH:
                    continue
                name = f"{split}/{path.parent.name}/{path.stem}"
                truth = _mask_path(root, name)
                mask = pixels(truth.read_bytes()) if truth.is_file() else None
                yield Decoded(name, pixels(path.read_bytes()), mask)


def _mask_path(root: Path, name: str) -> Path:
    split, folder, number = name.split("/")
    return root / _TRUTH[split] / folder / f"{number}_mask.png"
