"""What a row of the ranking tells of its training's cost."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from simsid.benchmark.ranking.job import Job, _cost

RESULTS = {"n": {"train": 40}, "images_per_second": 9.0, "model": {"parameters": 1}}


@pytest.mark.parametrize(
    ("steps", "unused", "rate"),
    [
        (20, (), 20 * 8 / 4),
        (0, ("epochs", "batch_size", "precision"), 40 / 4),
        (0, ("precision",), 40 * 5 / 4),
    ],
    ids=["trained by steps", "one look", "trained by a library"],
)
def test_images_a_second_count_a_film_each_time_it_is_seen(
    tmp_path: Path, steps: int, unused: tuple[str, ...], rate: float
) -> None:
    (tmp_path / "model").mkdir()
    training = {"seconds": 4.0, "steps": steps, "batch_size": 8, "epochs": 5}
    detector = SimpleNamespace(facts={"training": training}, unused_options=lambda: unused)
    job = Job("digits", "any", 0, (), tmp_path, tmp_path / "log")
    assert _cost(detector, job, RESULTS)["train_images_per_second"] == rate
