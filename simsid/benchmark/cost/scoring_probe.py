"""Times scoring with whatever checkout of the kit this process imports; a task for each line it is sent.

It uses only what earlier commits have too.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

Task = Callable[[], list[float]]


def tasks(model: str, folder: Path, batch: int) -> dict[str, Task]:
    """What can be timed: each scores films and returns their scores.

    Args:
        folder: holds a folder of films for each task of ``python -m simsid.score``.
    """
    from simsid.data.images import read_image
    from simsid.detectors import load_model
    from simsid.score import score_batches
    from simsid.scoring import score_films

    detector = load_model(model, "cpu")
    found = {place.name: sorted(place.iterdir()) for place in sorted(folder.iterdir())}

    def command(files: list[Path]) -> list[float]:
        rows = score_batches(detector, files, 8, accept_out_of_place=True)
        return [float(row["score"]) for part in rows for row in part]

    def library(films: list[np.ndarray], size: int) -> list[float]:
        results = score_films(detector, films, None, True, size)
        return [film.score for film in results]  # type: ignore[union-attr]  # none is refused

    decoded = [read_image(file) for file in found["small"]]
    decoded = [decoded[index % len(decoded)] for index in range(batch)]
    return {
        "one film": lambda: library(decoded[:4], 1),
        f"a batch of {batch}": lambda: library(decoded, batch),
        **{f"command, {name} films": lambda f=files: command(f) for name, files in found.items()},
    }


def serve() -> None:
    """Answer names of tasks on standard input; ``sys.argv``: model, folder of films, size of a batch."""
    import torch

    model, folder, batch = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    known = tasks(model, folder, batch)
    _say({"tasks": list(known)})
    for line in sys.stdin:
        began, computed = time.perf_counter(), time.process_time()
        scores = known[line.strip()]()
        _say({"seconds": time.perf_counter() - began, "scores": scores,
              "processor": time.process_time() - computed})  # fmt: skip


def _say(content: dict[str, object]) -> None:
    print(json.dumps(content), flush=True)


if __name__ == "__main__":
    serve()
