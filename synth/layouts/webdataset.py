"""WebDataset: tar shards for streaming, three members a sample."""

import io
import json
import tarfile
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import ClassVar

from synth.config import SPLITS
from synth.encode import Decoded, Encoded, pixels

_SHARD = 1000


class WebDatasetLayout:
    """``split-NNNNNN.tar`` with NNNN.png, NNNN.mask.png and NNNN.json for each sample."""

    description: ClassVar[str] = (
        "`<split>-NNNNNN.tar`, 1,000 samples a shard, each as `NNNN.png`, `NNNN.mask.png` (black "
        "for normals) and `NNNN.json` (id, label, kind, cells, places, factors)."
    )
    data_files: ClassVar[dict[str, str]] = {split: f"{split}-*.tar" for split in SPLITS}

    def check(self) -> None:
        """Nothing beyond the standard library is needed."""

    def write(self, root: Path, split: str, samples: Iterable[Encoded]) -> None:
        """Write the split's shards; numbers run through all of them."""
        stream, number = iter(samples), 0
        while shard := list(islice(stream, _SHARD)):
            path = root / f"{split}-{number // _SHARD:06d}.tar"
            with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
                for sample in shard:
                    _add(tar, f"{number:04d}.png", sample.image_png)
                    _add(tar, f"{number:04d}.mask.png", sample.mask_png)
                    _add(tar, f"{number:04d}.json", json.dumps(sample.record).encode())
                    number += 1

    def read(self, root: Path) -> Iterator[Decoded]:
        """Yield every sample of every shard."""
        for split in SPLITS:
            for path in sorted(root.glob(f"{split}-*.tar")):
                try:
                    yield from _read_shard(path)
                except tarfile.TarError as error:
                    raise ValueError(f"{path.name}: {error}") from error


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    # TarInfo's defaults (time 0, owner 0, mode 644) make equal samples equal shards.
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def _read_shard(path: Path) -> Iterator[Decoded]:
    with tarfile.open(path, "r:") as tar:
        parts: dict[str, bytes] = {}
        for member in tar:
            file = tar.extractfile(member)
            if file is None:
                raise ValueError(f"{path.name}: {member.name} is not a plain file")
            parts[member.name.partition(".")[2]] = file.read()
            if len(parts) == 3:
                name = json.loads(parts["json"])["id"]
                yield Decoded(name, pixels(parts["png"]), pixels(parts["mask.png"]))
                parts = {}
        if parts:
            raise ValueError(f"{path.name}: its last sample is incomplete")
