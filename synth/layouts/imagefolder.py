"""Hugging Face's ImageFolder: one folder a split, described by ``metadata.jsonl``."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar

from synth.config import SPLITS
from synth.encode import Decoded, Encoded, pixels


class ImageFolderLayout:
    """``split/images/*.png``, ``split/masks/*.png`` and ``split/metadata.jsonl``."""

    description: ClassVar[str] = (
        "`<split>/metadata.jsonl` describes `<split>/images/*.png` with columns `file_name`, "
        "`mask_file_name` (black for normals), `label`, `kind`, `split`, `id`, `cells` and "
        "`places` (JSON text), and a column for each factor."
    )
    data_files: ClassVar[dict[str, str]] = {split: f"{split}/**" for split in SPLITS}

    def check(self) -> None:
        """Nothing beyond Pillow is needed."""

    def write(self, root: Path, split: str, samples: Iterable[Encoded]) -> None:
        """Write images and masks, and a line of metadata for each."""
        folder = root / split
        for part in ("images", "masks"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        with open(folder / "metadata.jsonl", "w", encoding="utf-8", newline="\n") as lines:
            for sample in samples:
                _, kind, number = sample.id.split("/")
                image, mask = f"images/{kind}_{number}.png", f"masks/{kind}_{number}.png"
                (folder / image).write_bytes(sample.image_png)
                (folder / mask).write_bytes(sample.mask_png)
                row = {"file_name": image, "mask_file_name": mask}
                row |= {key: sample.record[key] for key in ("label", "kind", "split", "id")}
                row |= sample.record.get("factors", {})
                # As text: the details differ by kind, and a column has one type.
                row["cells"] = json.dumps(sample.record["cells"])
                row["places"] = json.dumps(sample.record.get("places", []))
                lines.write(json.dumps(row) + "\n")

    def read(self, root: Path) -> Iterator[Decoded]:
        """Yield every row with its image and mask."""
        for split in SPLITS:
            metadata = root / split / "metadata.jsonl"
            if not metadata.is_file():
                continue
            for line in metadata.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                image = pixels((root / split / row["file_name"]).read_bytes())
                mask = pixels((root / split / row["mask_file_name"]).read_bytes())
                yield Decoded(row["id"], image, mask)
