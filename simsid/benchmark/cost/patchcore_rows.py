"""One row of ``patchcore``: fill a memory from films, score films, in a process of its own.

Run by the interpreter that has the peer, so it imports nothing of the kit but what its row needs:
``PYTHON -m simsid.benchmark.cost.patchcore_rows ROW FILMS.npy SIDE SHARE REPEATS``; prints JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from simsid.benchmark.cost.patchcore_records import Cost, Measured
from simsid.peak import forget_peak, peak_memory_mb

PEER = "anomalib PatchCore"
OURS: dict[str, tuple[str, dict[str, bool]]] = {
    "patchcore": ("patchcore", {}),
    "region-patchcore": ("region-patchcore", {}),
    "region-patchcore without masking": ("region-patchcore", {"masking": False}),
    "region-patchcore without regions": ("region-patchcore", {"regions": False}),
    "region-patchcore without either": ("region-patchcore", {"masking": False, "regions": False}),
}
_BATCH, _SCORED = 16, 32
Batches = Callable[[], Iterator[torch.Tensor]]
Row = tuple[Callable[[Batches], None], Callable[[torch.Tensor], object], Callable[[], int]]


def ours(name: str, side: int, share: float) -> Row:
    """Fill, score, and the bytes of all stored vectors, of a detector with random weights."""
    from dataclasses import replace

    from simsid.data.image_kind import FILMS
    from simsid.detectors import detector_class

    model, changes = OURS[name]
    cls = detector_class(model)
    config: Any = cls.config_class.preset("quick", (side, side), FILMS)
    rows = -(-side // 8)
    config = replace(config, width=64, pretraining=False, coreset_share=share, coreset_most=65536,
                     places_per_film=rows * rows, **changes)  # fmt: skip
    detector = cls(config)

    def stored() -> int:
        banks = [detector.get_buffer(name) for name in detector.growing]
        return sum(bank.nbytes for bank in banks if len(bank) > 1)

    return detector.consolidate, detector.evidence, stored


def peer(side: int, share: float) -> Row:
    """The same of anomalib, as its own trainer calls it, with the same kind of backbone."""
    from anomalib.models.image.patchcore.torch_model import PatchcoreModel

    model = PatchcoreModel(backbone="resnet18", layers=["layer2", "layer3"], pre_trained=False)

    def fill(batches: Batches) -> None:
        model.train()
        for images in batches():
            model(images.expand(-1, 3, -1, -1))
        model.subsample_embedding(share)
        model.eval()

    return fill, lambda films: model(films.expand(-1, 3, -1, -1)), lambda: model.memory_bank.nbytes


def measure(row: Row, films: np.ndarray, repeats: int) -> Cost:
    """MB stored, and at the peak above what was held before; seconds to fill, milliseconds a film.

    The peak is that of filling and scoring, None where the system does not tell it. Times are the
    processor's, over all threads, so that other work on the machine does not count.
    """
    fill, score, stored = row
    images = torch.as_tensor(films)[:, None].float() / 255
    before, started = forget_peak(), time.process_time()
    fill(lambda: iter(images.split(_BATCH)))
    filled = time.process_time() - started
    part, seconds = images[:_SCORED], []
    with torch.inference_mode():
        score(part)
        for _ in range(repeats):
            started = time.process_time()
            score(part)
            seconds.append(time.process_time() - started)
    peak = peak_memory_mb()
    return Cost(
        stored=stored() / 1e6,
        peak=None if peak is None or before is None else peak - before,
        fill=filled,
        score=float(np.median(seconds)) / len(part) * 1e3,
    )


def main() -> None:
    """Command line of the process."""
    name, path, side, share, repeats = sys.argv[1:]
    torch.manual_seed(0)
    row = peer(int(side), float(share)) if name == PEER else ours(name, int(side), float(share))
    made: dict[str, str | int] = {
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
    }
    if name == PEER:
        made["anomalib"] = version("anomalib")
    told = Measured(made=made, cost=measure(row, np.load(path), int(repeats)))
    print(json.dumps(asdict(told)))


if __name__ == "__main__":
    main()
