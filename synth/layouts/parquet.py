"""Parquet: one file a split, images inside, as the Hugging Face Hub shows and streams them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, ClassVar

from synth.config import SPLITS
from synth.encode import Decoded, Encoded, pixels
from synth.errors import SynthError
from synth.factors import COLUMNS

if TYPE_CHECKING:
    import pyarrow

_ROWS = 500
_FEATURES = {
    "image": {"_type": "Image"},
    "mask": {"_type": "Image"},
    "label": {"names": ["normal", "abnormal"], "_type": "ClassLabel"},
}
_TEXTS = ("id", "cells", "places")
_TYPES = {str: "string", int: "int64", float: "float64"}


class ParquetLayout:
    """``split.parquet`` with pictures, label, kind, a column for each factor, cells and places."""

    description: ClassVar[str] = (
        "`<split>.parquet` with columns `image` and `mask` (PNG inside; black for normals), "
        "`label`, `kind`, `id`, a column for each factor, and `cells` and `places` (JSON text). "
        "`datasets.load_dataset(FOLDER)` opens them."
    )
    data_files: ClassVar[dict[str, str]] = {split: f"{split}.parquet" for split in SPLITS}

    def check(self) -> None:
        """Check that pyarrow is installed.

        Raises:
            SynthError: it is not.
        """
        _pyarrow()

    def write(self, root: Path, split: str, samples: Iterable[Encoded]) -> None:
        """Write the split's file in row groups of 500."""
        arrow, parquet = _pyarrow()
        rest = iter(samples)
        first = list(islice(rest, _ROWS))
        schema = _schema(arrow, first[0].record)
        with parquet.ParquetWriter(root / f"{split}.parquet", schema) as writer:
            while first:
                rows = [_row(sample) for sample in first]
                writer.write_table(arrow.Table.from_pylist(rows, schema=schema))
                first = list(islice(rest, _ROWS))

    def read(self, root: Path) -> Iterator[Decoded]:
        """Yield every row with its image and mask."""
        _, parquet = _pyarrow()
        for split in SPLITS:
            path = root / f"{split}.parquet"
            if not path.is_file():
                continue
            with parquet.ParquetFile(path) as file:
                for batch in file.iter_batches(_ROWS, columns=["id", "image", "mask"]):
                    for row in batch.to_pylist():
                        image, mask = (pixels(row[name]["bytes"]) for name in ("image", "mask"))
                        yield Decoded(row["id"], image, mask)


def _pyarrow() -> tuple[ModuleType, ModuleType]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise SynthError(
            "layout 'parquet' needs pyarrow: pip install pyarrow, or use another --layout"
        ) from None
    return pyarrow, pyarrow.parquet


def _schema(arrow: ModuleType, record: dict) -> pyarrow.Schema:
    """Columns and what the Hub's viewer and ``datasets`` take them for."""
    picture = arrow.struct([("bytes", arrow.binary()), ("path", arrow.string())])
    columns = {"kind": "string"} | dict.fromkeys(_TEXTS, "string")
    if "factors" in record:
        columns |= {name: _TYPES[kind] for name, kind in COLUMNS.items()}
    fields = [("image", picture), ("mask", picture), ("label", arrow.int64())]
    fields += [(name, arrow.type_for_alias(kind)) for name, kind in columns.items()]
    values = {name: {"dtype": kind, "_type": "Value"} for name, kind in columns.items()}
    info = json.dumps({"info": {"features": _FEATURES | values}})
    return arrow.schema(fields, metadata={"huggingface": info})


def _row(sample: Encoded) -> dict:
    name = sample.id.replace("/", "_")
    return {
        "image": {"bytes": sample.image_png, "path": f"{name}.png"},
        "mask": {"bytes": sample.mask_png, "path": f"{name}_mask.png"},
        "label": sample.record["label"],
        "kind": sample.record["kind"],
        "id": sample.id,
        "cells": json.dumps(sample.record["cells"]),
        "places": json.dumps(sample.record.get("places", [])),
        **sample.record.get("factors", {}),
    }
