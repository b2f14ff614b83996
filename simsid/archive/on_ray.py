"""The same rows by Ray Data: scored in actors, one a core or a GPU, written by whoever asks.

Ray starts what dies again, and gives each batch back once and in order; the shards have one writer.
"""

from __future__ import annotations

import contextlib
import os
import pickle
from collections.abc import Iterable, Iterator
from typing import Any

from simsid.archive.films import ArchiveFilm
from simsid.archive.run import ArchiveModel, MadeRow, prepared, rows_of_batch
from simsid.data.preprocess import Preprocessing
from simsid.errors import SimsidError
from simsid.plugins import load_plugin
from simsid.threads import set_threads, threads_in_use

_LEAST_CORES = 2  # a decoding task and a model at once
_MOST_BLOCKS = 2000
_LOST = "Ray gave a batch twice, or lost one: nothing of it was written. Go on with --resume"
_IN_ONE_GO = 20_000  # batches that lie in Ray's memory at once


def score_on_ray(
    preprocessing: Preprocessing, model: ArchiveModel, batches: Iterable[list[ArchiveFilm]]
) -> Iterator[list[MadeRow]]:
    """Batches on the cluster that ``RAY_ADDRESS`` names, or else on one of this machine's cores.

    A worker needs the kit, the model's folder and the films under the same paths.

    Raises:
        SimsidError: ray is not installed.
    """
    ray = _ray()
    own = not ray.is_initialized()
    if own:
        start_cluster(ray)
    try:
        context = ray.data.DataContext.get_current()
        context.execution_options.preserve_order = True
        context.enable_progress_bars = False
        waiting = iter(batches)
        while some := _pickled(waiting, _IN_ONE_GO):
            yield from _score(ray, preprocessing, model, some)
    finally:
        if own:
            ray.shutdown()


def _score(
    ray: Any, preprocessing: Preprocessing, model: ArchiveModel, batches: list[dict[str, Any]]
) -> Iterator[list[MadeRow]]:
    on_gpu = model.device == "cuda"
    cores = int(ray.cluster_resources().get("CPU", _LEAST_CORES))
    gpus = int(ray.cluster_resources().get("GPU", 0))
    models = min(max(1, gpus if on_gpu else cores), len(batches))
    data = ray.data.from_items(batches, override_num_blocks=min(len(batches), _MOST_BLOCKS))
    if on_gpu:
        data = data.map(_decode, fn_kwargs={"preprocessing": preprocessing}, num_cpus=1)
    data = data.map(
        _Scoring,
        fn_constructor_kwargs={"model": model, "decode": None if on_gpu else preprocessing},
        compute=ray.data.ActorPoolStrategy(size=models),
        num_cpus=0 if on_gpu else 1,
        num_gpus=1 if on_gpu else 0,
    )
    given = 0
    for told in data.iter_rows():
        if told["number"] != given:
            raise SimsidError(_LOST)
        given += 1
        yield pickle.loads(told["made"])  # as below: bytes that another stage of this run made
    if given != len(batches):
        raise SimsidError(_LOST)


def _decode(batch: dict[str, Any], preprocessing: Preprocessing) -> dict[str, Any]:
    films = [prepared(preprocessing, film) for film in pickle.loads(batch["films"])]
    return {"number": batch["number"], "films": pickle.dumps(films)}


class _Scoring:
    """An actor with a model of its own.

    Args:
        decode: how films are prepared that no task has decoded: on a CPU they need not travel.
    """

    def __init__(self, model: ArchiveModel, decode: Preprocessing | None) -> None:
        set_threads(1)  # cores are the actors' to share
        if model.plugin:
            load_plugin(model.plugin)
        self._model, self._detector, self._preprocessing = model, model.open(), decode

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        if self._preprocessing is not None:
            batch = _decode(batch, self._preprocessing)
        made = rows_of_batch(self._detector, self._model, pickle.loads(batch["films"]))
        return {"number": batch["number"], "made": pickle.dumps(made)}


def _pickled(batches: Iterator[list[ArchiveFilm]], most: int) -> list[dict[str, Any]]:
    """The next ones, numbered, as values that Ray's tables hold."""
    numbered = zip(range(most), batches, strict=False)  # the range first: it takes none too many
    return [{"number": number, "films": pickle.dumps(batch)} for number, batch in numbered]


def _ray() -> Any:
    try:
        import ray
        import ray.data
    except ImportError:
        raise SimsidError("--engine ray needs the package ray: pip install '.[archive]'") from None
    return ray


def start_cluster(ray: Any) -> None:
    """Use the cluster of ``RAY_ADDRESS``, or start one on as many of this machine's cores as threads."""
    where: dict[str, Any] = {}
    if not os.environ.get("RAY_ADDRESS"):
        where = {"num_cpus": max(_LEAST_CORES, threads_in_use()), "include_dashboard": False}
    with contextlib.suppress(ImportError):
        import logging

        logging.getLogger("ray.data").setLevel(logging.ERROR)
    ray.init(**where, log_to_driver=False, logging_level="error")
