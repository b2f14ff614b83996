"""``python -m simsid.benchmark run``: every model on every data set with every seed."""

from __future__ import annotations

import functools
import sys
from argparse import SUPPRESS
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jsonargparse import ArgumentParser

from simsid.benchmark import adapter
from simsid.benchmark.cases import Case
from simsid.benchmark.ceiling.kept import keep_ceiling
from simsid.benchmark.journal import Journal
from simsid.benchmark.options import check_rate, folder_named, labelled_part, typed_command
from simsid.benchmark.ranking.columns import Column, column_named
from simsid.benchmark.ranking.job import FORMAT_VERSION, Job, run_job, shown_images
from simsid.benchmark.ranking.joined import TYPED
from simsid.benchmark.ranking.records import Described, RunSettings
from simsid.benchmark.ranking.report import write_report
from simsid.benchmark.record_files import file_stem, plain, read_json, write_json
from simsid.benchmark.resumable import run_cases
from simsid.cli import command_parser, parse
from simsid.data.choice import DataChoice
from simsid.data.datasets import LabelledImages, RadiographData
from simsid.data.load import DATASETS, GENERATED
from simsid.detectors import detector_class, detector_names
from simsid.detectors.calibration import DEFAULT_FALSE_ALARM_RATE
from simsid.errors import SimsidError, check_at_least_one
from simsid.evaluation.evaluate import PARTS, part_to_measure
from simsid.files import path_text, real_path, roots_text, write_text
from simsid.map_scale import MapScale
from simsid.prediction import Prediction
from simsid.stop import terminated_as_interrupted

_DEFAULTS: dict[str, Any] = {
    "digits": "strokes",
    "digits_root": None,
    "difficulty": 0.0,
    "data_seed": 0,
    "generator": None,
    "track": None,
}


def make_parser() -> ArgumentParser:
    parser = command_parser(
        "python -m simsid.benchmark run",
        "Train and measure models on data sets; the same command goes on where it was "
        "stopped, and one model that fails does not stop the rest.",
        example="--models simsid,squid,ae --datasets "
        "digitanatomy,zhanglab --data-root zhanglab=/data/zhanglab --seeds 3 --out runs/ranking",
    )
    add = parser.add_argument
    add("--models", type=str, default="all",
        help="names with commas between, anomalib:NAME too; all stands for "
        f"{', '.join(detector_names())}")  # fmt: skip
    add("--datasets", type=str, default=GENERATED,
        help="names with commas between, with a split or track behind a colon unless it is the default, as "
        f"zhanglab:shifted or digitanatomy:hard-1, of: {', '.join(DATASETS)}")  # fmt: skip
    add("--data-root", type=roots_text, default="",
        help="folders of the data sets, as zhanglab=DIR,nih=DIR")  # fmt: skip
    add("--seeds", type=int, default=3, help="trainings of each model, seeds 0, 1, …")
    add("--preset", type=Literal["quick", "paper"], default="quick",
        help="quick: under four minutes for digitanatomy on a CPU core, up to ten for some hundred films; "
        "paper: sources' sizes")  # fmt: skip
    add(
        "--budget", type=Literal["quick", "paper"] | None, default=None, help=SUPPRESS
    )  # was its name
    add("--part", type=Literal[PARTS] | None, default=None,
        help="part to measure on; default: test where there is one, else validation")  # fmt: skip
    add("--digits", type=path_text, default="strokes",
        help="glyphs of digitanatomy: strokes, optdigits, mnist, or an .npz")  # fmt: skip
    add("--digits-root", type=path_text, default=None, help="folder of mnist's idx files")
    add("--difficulty", type=float, default=0.0, help="of digitanatomy's anomalies, 0 to 1")
    add("--data-seed", type=int, default=0, help="seed of generated data")
    add(
        "--generator",
        type=int | None,
        default=None,
        help="version that draws digitanatomy; default: 1",
    )
    add("--track", type=str | None, default=None,
        help="frozen seed and settings of digitanatomy, as hard-1; see docs/digitanatomy.md")  # fmt: skip
    add("--false-alarm-rate", type=float, default=DEFAULT_FALSE_ALARM_RATE,
        help="share of normals that may be called abnormal")  # fmt: skip
    add("--device", type=Literal["auto", "cpu", "cuda"], default="auto", help="where to train")
    add(
        "--keep-runs",
        type=bool,
        default=False,
        help="keep the checkpoints of finished trainings too",
    )
    add("--ceiling", type=bool, default=False,
        help="also train a small network WITH labels on each set: a ceiling, never ranked")  # fmt: skip
    add("--out", type=path_text, required=True, help="folder of the rows, the tables and the plots")
    return parser


@dataclass(frozen=True)
class RunPlan:
    """What is trained and measured, and how.

    Attributes:
        models, datasets: names. roots: folders of data sets, by name.
        seeds: trainings of each model, 0 to ``seeds`` - 1.
        part: to measure on; None takes test where there is one, else validation.
        settings: what makes rows comparable.
        keep_runs: keep checkpoints of finished trainings too.
        plugin: file with a method of the user's own, or None.
        ceiling: also measure what a network trained with labels reaches, beside the ranking.
    """

    models: tuple[str, ...]
    datasets: tuple[str, ...]
    roots: Mapping[str, str]
    seeds: int
    part: str | None
    settings: RunSettings
    keep_runs: bool
    plugin: Path | None
    ceiling: bool

    def root(self, column: Column) -> str | None:
        """The folder of a column's data set, None for what is generated."""
        return self.roots.get(column.dataset)

    def options(self, column: Column) -> dict[str, Any]:
        """How a column's set is drawn or split, in options of a training; none where nothing is said."""
        if not column.is_drawn(self.roots):
            return column.options
        return {key: getattr(self.settings, key) for key in _DEFAULTS}


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code.

    Raises:
        SimsidError: for ``run_command`` to print.
    """
    options = parse(make_parser(), arguments)
    folder = folder_named("--out", options.out)
    plan = plan_of(options)
    loaded = {name: _load(name, plan) for name in plan.datasets}
    with Journal(folder, plain(plan.settings)) as journal, terminated_as_interrupted():
        _keep_command(folder, typed_command("run", arguments))
        for name, (data, part, labelled) in loaded.items():
            _describe(folder, name, data, part, labelled)
        cases = [Case(f"{name}/{model}") for name in plan.datasets for model in plan.models]
        measure = functools.partial(_measure, plan, folder, loaded)
        code = run_cases(journal, cases, plan.seeds, measure, print)
        lines = journal.done()
        if plan.ceiling and not code:
            for name, (data, part, labelled) in loaded.items():
                keep_ceiling(
                    folder, name, _choice(name, plan), data, part, labelled, plan.seeds, print
                )
        if any(line["ok"] for line in lines.values()):
            print(write_report(folder))
        planned = [(case.name, seed) for case in cases for seed in range(plan.seeds)]
        failed = [key for key in planned if key in lines and not lines[key]["ok"]]
    for name, seed in failed:
        print(f"failed: {name}, seed {seed}: {lines[name, seed]['error']}", file=sys.stderr)
    return code or (1 if failed else 0)


def plan_of(options: Mapping[str, Any]) -> RunPlan:
    """What the options say.

    Raises:
        SimsidError: an unknown name, or a number that cannot be.
    """
    models, datasets = _models(options["models"]), _datasets(options["datasets"])
    given = {key: options[key] for key in _DEFAULTS}
    roots = _roots(options["data_root"], datasets, given)
    check_at_least_one(seeds=options["seeds"])
    check_rate(options["false_alarm_rate"])
    settings = RunSettings(
        format_version=FORMAT_VERSION,
        preset=options["budget"] or options["preset"],
        false_alarm_rate=options["false_alarm_rate"],
        device=adapter.device_named(options["device"]),
        **given,
    )
    plugin = None if options["plugin"] is None else real_path(options["plugin"])
    return RunPlan(
        tuple(models), tuple(datasets), roots, options["seeds"], options["part"], settings,
        options["keep_runs"], plugin, options["ceiling"],
    )  # fmt: skip


def _keep_command(folder: Path, command: str) -> None:
    file = folder / TYPED
    known = file.read_text("utf-8").splitlines() if file.exists() else []
    if command not in known:
        write_text(file, "\n".join([*known, command]) + "\n")


def _measure(
    plan: RunPlan,
    folder: Path,
    loaded: Mapping[str, tuple[RadiographData, str, LabelledImages]],
    case: Case,
    seed: int,
) -> dict[str, Any]:
    dataset, _, model = case.name.partition("/")
    data, part, labelled = loaded[dataset]
    name = file_stem(f"{dataset}-{model}")
    arguments = tuple(_train_arguments(plan, dataset, model, seed))
    kept, log = folder / "runs" / f"{name}-{seed}", folder / "logs" / f"{name}-{seed}"
    job = Job(dataset, model, seed, arguments, kept, log)
    line, prediction, scale = run_job(job, data, part, plan.settings.device)
    if seed == 0:
        _keep_maps(folder / "maps" / f"{name}.npz", labelled, prediction, scale)
    if not plan.keep_runs:
        (job.folder / "checkpoint.pt").unlink(missing_ok=True)
    return line


def _train_arguments(plan: RunPlan, dataset: str, model: str, seed: int) -> Iterator[str]:
    settings, column = plan.settings, column_named(dataset)
    yield from ("--dataset", column.dataset, "--model", model, "--seed", str(seed))
    yield from ("--preset", settings.preset, "--device", settings.device)
    yield from ("--false-alarm-rate", str(settings.false_alarm_rate))
    if plan.plugin is not None:
        yield from ("--plugin", str(plan.plugin))
    root = plan.root(column)
    if root is not None:
        yield from ("--data-root", root)
    for key, value in plan.options(column).items():
        if value is not None:
            yield from (f"--{key.replace('_', '-')}", str(value))


def _choice(name: str, plan: RunPlan) -> DataChoice:
    column = column_named(name)
    options = _DEFAULTS | plan.options(column)
    return adapter.choice_named(column.dataset, plan.root(column), plan.settings.preset, options)


def _load(name: str, plan: RunPlan) -> tuple[RadiographData, str, LabelledImages]:
    data = adapter.load(_choice(name, plan))
    return data, *labelled_part(data, part_to_measure(data, plan.part))


def _describe(
    folder: Path, name: str, data: RadiographData, part: str, labelled: LabelledImages
) -> None:
    """Keep what the report needs of a data set; refuse to go on with other data than before.

    Raises:
        SimsidError: rows of this folder were measured on other data.
    """
    file = folder / "data" / f"{file_stem(name)}.json"
    height, width = data.image_size
    described = Described(
        fingerprint=data.fingerprint,
        part=part,
        train=len(data.train),
        calibration=len(data.calibration),
        image_size=(height, width),
        labels=tuple(labelled.labels.astype(int).tolist()),
        kinds=tuple(labelled.kinds.tolist()),
        shown=tuple(shown_images(labelled.kinds)),
        made_by_the_kit=data.facts.get("config", {}).get("digits") == "strokes",
    )
    if file.exists():
        kept = read_json(Described, file)
        for key in ("fingerprint", "part"):
            before, now = getattr(kept, key), getattr(described, key)
            if before != now:
                raise SimsidError(
                    f"{folder} holds rows of {name} with {key} {before}, not {now}: "
                    "they would not compare. Choose another --out"
                )
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(file, described)
    shown = list(described.shown)
    masks = labelled.masks if labelled.masks is not None else np.zeros_like(labelled.images, bool)
    np.savez_compressed(
        folder / "data" / f"{file_stem(name)}.npz",
        images=labelled.images[shown],
        masks=masks[shown],
    )


def _keep_maps(
    file: Path, labelled: LabelledImages, prediction: Prediction, scale: MapScale
) -> None:
    """The shown images' maps, for the panels that set all methods side by side."""
    shown = shown_images(labelled.kinds)
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        file,
        maps=prediction.anomaly_map[shown, 0].astype(np.float16),
        p_values=prediction.p_value[shown],
        scale=np.array([scale.low, scale.high]),
    )


def _models(text: str) -> list[str]:
    given = _names(text)
    names = _names(",".join(n for g in given for n in (detector_names() if g == "all" else [g])))
    if not names:
        raise SimsidError("--models names none; give names with commas between, or all")
    for name in names:
        detector_class(name)
    return names


def _datasets(text: str) -> list[str]:
    names = _names(text)
    if not names:
        raise SimsidError(f"--datasets names none; choose from: {', '.join(DATASETS)}")
    for name in names:
        column_named(name)
    return names


def _roots(text: str, datasets: Sequence[str], generator: Mapping[str, Any]) -> dict[str, str]:
    """'zhanglab=DIR,nih=DIR' to folders by data set.

    Args:
        generator: how the kit would draw its set, which means nothing for one from a folder.
    """
    roots = {}
    for part in _names(text):
        name, sign, root = part.partition("=")
        if not sign or name not in DATASETS or not root:
            example = f"{datasets[0]}={part}"
            raise SimsidError(
                f"--data-root must be NAME=DIR with commas between, as {example}, not '{part}'"
            )
        roots[name] = root
    columns = [column_named(name) for name in datasets]
    unused = [name for name in roots if name not in {column.dataset for column in columns}]
    if unused:
        raise SimsidError(f"--data-root names {unused[0]}, which is not among --datasets")
    if GENERATED in roots and any(c.dataset == GENERATED and c.variant for c in columns):
        raise SimsidError(
            f"a track of {GENERATED} is drawn by the kit: leave --data-root {GENERATED}= out"
        )
    given = [key for key, value in generator.items() if value != _DEFAULTS[key]]
    if given and GENERATED not in roots and not any(column.is_drawn(roots) for column in columns):
        raise SimsidError(
            f"--{given[0].replace('_', '-')} says how {GENERATED} is drawn, and no column is drawn by it: "
            f"leave it out, or add {GENERATED} to --datasets"
        )
    if given and GENERATED in roots:
        raise SimsidError(
            f"--{given[0].replace('_', '-')} is for generated data and means nothing with "
            f"--data-root {GENERATED}={roots[GENERATED]}"
        )
    return roots


def _names(text: str) -> list[str]:
    return list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
