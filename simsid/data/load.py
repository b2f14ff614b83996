"""One door to every data set, by name."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from simsid.data.datasets import RadiographData
from simsid.data.film_set import FilmOptions, FilmSet, load_film_set
from simsid.data.films import Progress
from simsid.data.grid import find_grid
from simsid.data.joined import SEPARATOR, load_joined
from simsid.data.preprocess import Preprocessing
from simsid.data.sets import chexpert, covidx, folder, nih, padchest, vindr, zhanglab
from simsid.data.sets.digitanatomy import make_digitanatomy
from simsid.data.sets.placed import with_placed_truth
from simsid.errors import DataError
from synth import AnatomyConfig, SynthError
from synth.tracks import track_sets

FILM_SETS: dict[str, FilmSet] = {
    "zhanglab": zhanglab.SET,
    "chexpert": chexpert.SET,
    "covidx": covidx.SET,
    "padchest": padchest.SET,
    "nih": nih.SET,
    "vindr": vindr.SET,
    "folder": folder.SET,
}
GENERATED = "digitanatomy"
DATASETS = (GENERATED, *FILM_SETS)
_CELL = 8  # px that a cell's sides are a multiple of


def load_data(
    dataset: str,
    data_root: str | None = None,
    preprocessing: Preprocessing | None = None,
    films: FilmOptions | None = None,
    progress: Progress | None = None,
    track: str | None = None,
    **generator: Any,
) -> RadiographData:
    """Load a data set, or join several.

    Args:
        dataset: 'digitanatomy' (generated in memory, or read from ``data_root`` where ``python -m
            synth generate`` wrote it), a set of films, or several names separated by commas.
        data_root: the folder of the data set as its authors distribute it; for several
            'NAME=FOLDER,NAME=FOLDER'.
        preprocessing: of a model that will look at the films; None prepares them as ``films`` says.
        films: how films are chosen and prepared; nothing of it but ``contamination`` has a meaning
            for generated data.
        progress: wraps an iterable of films, given their number; for a progress bar.
        track: a name in ``synth.tracks``: its training set, made in memory.
        generator: fields of ``synth.AnatomyConfig`` (digits, digits_root, difficulty, seed,
            generator).

    Raises:
        DataError: the data set cannot be had; the message says why.
    """
    films = films or FilmOptions()
    if track is not None and (dataset != GENERATED or data_root is not None):
        raise DataError(
            "--track applies to generated data and not to films or --data-root: leave it out"
        )
    if SEPARATOR in dataset:
        return load_joined(
            dataset,
            data_root,
            lambda name, root, first: load_data(
                name, root, preprocessing or first, films, progress, **generator
            ),
        )
    if dataset not in DATASETS:
        raise DataError(f"unknown data set '{dataset}'; choose one of: {', '.join(DATASETS)}")
    if dataset == GENERATED and data_root is None:
        return _generate(films, generator, track)
    _refuse(
        generator,
        AnatomyConfig(),
        "applies to generated data and not to --data-root: leave one of them out",
    )
    if data_root is None:
        raise DataError(f"--dataset {dataset} needs --data-root: the folder that holds the set")
    if preprocessing is not None:
        _refuse_other_preprocessing(films, preprocessing)
    root = Path(data_root)
    film_set = FILM_SETS["folder" if dataset == GENERATED else dataset]
    data = load_film_set(dataset, film_set, root, films, preprocessing, progress)
    told = folder.generator_facts(root)
    if told:
        data = dataclasses.replace(
            data,
            facts=data.facts | told,
            validation=with_placed_truth(root, data.validation),
            test=with_placed_truth(root, data.test),
        )
    return _on_grid(data, dataset, films.grid)


def _on_grid(
    data: RadiographData, dataset: str, asked: tuple[int, int] | tuple[()] | None
) -> RadiographData:
    """With the grid of cells that was asked for, is told by the set, or is found in its normals.

    Raises:
        DataError: a grid was asked for that does not cut the images into equal cells.
    """
    if asked == () or (asked is None and (dataset != "folder" or "grid_size" in data.facts)):
        return data
    grid = asked or find_grid(data.train)
    if grid is None:
        return data
    fits = all(
        side % (_CELL * cells) == 0 for side, cells in zip(data.image_size, grid, strict=True)
    )
    words = f"{grid[0]}x{grid[1]} cells"
    if not fits:
        height, width = data.image_size
        if asked:
            raise DataError(
                f"--grid {words}: images of {height}x{width} px do not give cells of a multiple of "
                f"{_CELL} px a side; choose another --image-size"
            )
        note = (
            f"these pictures seem to be drawn on {words}, which {height}x{width} px do not cut "
            f"into multiples of {_CELL} px: choose another --image-size to use them"
        )
        return dataclasses.replace(data, notes=(*data.notes, note))
    notes = data.notes
    if not asked:
        notes = (*notes, f"these pictures are drawn on {words}; --grid none treats them as films")
    facts = data.facts | {"grid_size": list(grid)}
    return dataclasses.replace(data, facts=facts, notes=notes)


def _generate(films: FilmOptions, generator: dict[str, Any], track: str | None) -> RadiographData:
    chosen = dataclasses.asdict(dataclasses.replace(films, contamination=0.0))
    _refuse(chosen, FilmOptions(), "applies to films and not to generated data: leave it out")
    if track is not None:
        return _track(films, generator, track)
    if generator.get("digits_root") is not None and generator.get("digits") != "mnist":
        raise DataError("--digits-root belongs to --digits mnist: leave it out")
    try:
        config = AnatomyConfig(**generator, contamination=films.contamination)
    except SynthError as error:
        raise DataError(str(error)) from error
    return make_digitanatomy(config)


def _track(films: FilmOptions, generator: dict[str, Any], track: str) -> RadiographData:
    """The set of a track that is trained on; what it freezes cannot be said beside it."""
    frozen = {key: value for key, value in generator.items() if key != "digits_root"}
    _refuse(
        frozen | {"contamination": films.contamination},
        AnatomyConfig(),
        f"cannot be given beside --track {track}, which says it: leave one of them out",
    )
    try:
        sets = track_sets(track, digits_root=generator.get("digits_root"))
    except SynthError as error:
        raise DataError(f"--track: {error}") from error
    chosen = next(iter(sets.values()))
    data = make_digitanatomy(
        chosen.anatomy,
        train=chosen.train,
        test_normal=chosen.test_normal,
        test_per_kind=chosen.test_per_kind,
    )
    return dataclasses.replace(data, facts=data.facts | {"track": track})


def _refuse(given: dict[str, Any], default: Any, why: str) -> None:
    """An option that would change nothing misleads."""
    for key, value in given.items():
        if value != getattr(default, key):
            option = {"seed": "data-seed"}.get(key, key.replace("_", "-"))
            raise DataError(f"--{option} {why}")


def _refuse_other_preprocessing(films: FilmOptions, preprocessing: Preprocessing) -> None:
    """Films are prepared as the model wants them: an option that says otherwise misleads."""
    for key in ("image_size", "fit", "window", "clahe"):
        asked, own = getattr(films, key), getattr(preprocessing, key)
        if asked is not None and (asked or None) != (own or None):
            raise DataError(
                f"the model prepares films with {key.replace('_', ' ')} {own}, not {asked}: "
                f"leave out --{key.replace('_', '-')}"
            )
