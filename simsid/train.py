"""``python -m simsid.train``: data, training, calibration, model folder, report, in one command."""

from __future__ import annotations

import dataclasses
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal

import yaml
from accelerate.utils import set_seed
from jsonargparse import ArgumentParser, Namespace

from simsid.cli import command_parser, parse, run_command
from simsid.data.datasets import RadiographData
from simsid.data.image_kind import kind_of
from simsid.data.options import add_data_options, load_from_options
from simsid.detectors import Detector, detector_class, detector_names, save_model
from simsid.detectors.calibration import DEFAULT_FALSE_ALARM_RATE
from simsid.detectors.config import config_from_dict, present_names
from simsid.detectors.model_folder import check_replaceable
from simsid.detectors.registry import load_plugin
from simsid.errors import SimsidError
from simsid.evaluation.evaluate import part_to_measure
from simsid.evaluation.provenance import kit_commit
from simsid.evaluation.report import check_report, report_on
from simsid.files import path_text, write_text
from simsid.peak import peak_gpu_mb, peak_memory_mb
from simsid.training import Training, TrainingInterrupted, TrainOptions
from simsid.training.run_folder import (
    RunFolder,
    latest_run_path,
    new_run_path,
    require_new_run,
)
from simsid.training.transfer import begin_from

# What --resume may be given beside: where and on what to run, not what to compute.
_FREE_ON_RESUME = {
    *("run", "resume", "device", "config", "data_root", "report", "tensorboard", "plugin"),
}


def make_parser() -> ArgumentParser:
    """All options; ``--print_config`` and ``--config`` come with the parser."""
    parser = command_parser(
        "python -m simsid.train",
        "Train a detector on normal images only, calibrate it, and report on the test part, or "
        "on the validation part where there is no test part.",
        example="--dataset digitanatomy --model simsid",
    )
    add = parser.add_argument
    add("--config", action="config", help="YAML file with any of these options")
    add_data_options(parser)
    add("--model", type=str, default="simsid", help=f"one of: {', '.join(detector_names())}")
    add(
        "--preset",
        type=Literal["quick", "paper"],
        default="quick",
        help="quick: about a minute on two CPU cores, some five for films; paper: the sizes of the sources",
    )
    add(
        "--contamination",
        type=float,
        default=0.0,
        help="share of abnormal images in training, 0 to 1",
    )
    add(
        "--epochs",
        type=int | None,
        default=None,
        help="passes over the data; by default what the preset asks for",
    )
    add("--batch-size", type=int, default=16, help="images a step, over all ranks")
    add("--seed", type=int, default=0, help="of weights, order, augmentation and noise")
    add("--device", type=Literal["auto", "cpu", "cuda"], default="auto", help="where to train")
    add(
        "--precision",
        type=Literal["auto", "fp32", "bf16"],
        default="auto",
        help="auto: bfloat16 autocast where the hardware multiplies in it",
    )
    add(
        "--false-alarm-rate",
        type=float,
        default=DEFAULT_FALSE_ALARM_RATE,
        help="share of normals that may be called abnormal; sets the threshold",
    )
    add(
        "--rate-confidence",
        type=float | None,
        default=None,
        help="probability that the realised rate keeps below the stated one, as 0.9; by default "
        "it holds on average",
    )
    add(
        "--detector",
        type=dict[str, Any],
        default={},
        help="settings of the model that differ from the preset, as --detector.num_slots 50",
    )
    add(
        "--run",
        type=path_text,
        default=None,
        help="run folder; default runs/<dataset>-<model>-<seed>",
    )
    add(
        "--init-from",
        type=path_text,
        default=None,
        help="run or model folder of the same method whose weights to begin with: fine-tuning",
    )
    add("--resume", action="store_true", help="go on from the run folder's checkpoint")
    add("--tensorboard", action="store_true", help="write the losses for TensorBoard as well")
    add("--report", type=bool, default=True, help="evaluate and write the report at the end")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = make_parser()
    options = parse(parser, arguments)
    path = _run_path(options)
    if options.resume:
        given = parser.parse_args(arguments, defaults=False)
        options = _resumed_options(options, given, path)
        if options.get("plugin"):
            load_plugin(options.plugin)
    return train(options, path)


def train(options: Namespace, path: Path) -> int:
    """Train in the run folder at ``path``; prints what a user wants to know."""
    started = time.monotonic()
    cls = detector_class(options.model)
    train_options = TrainOptions(
        epochs=options.epochs if options.epochs is not None else 1,
        batch_size=options.batch_size,
        seed=options.seed,
        device=options.device,
        precision=options.precision,
        tensorboard=options.tensorboard,
    )
    if not 0 < options.false_alarm_rate < 1:
        raise SimsidError(
            f"--false-alarm-rate must lie between 0 and 1, not {options.false_alarm_rate}"
        )
    data = load_from_options(options)
    detector = build_detector(cls, options, data)
    earlier = options.get("init_from")
    began_from = begin_from(detector, earlier) if earlier else None  # a checkpoint comes after it
    if options.epochs is None:
        steps = len(data.train) // min(options.batch_size, len(data.train))
        epochs = cls.epochs_for(options.preset, detector.config, steps)
        train_options = dataclasses.replace(train_options, epochs=epochs)
    folder = RunFolder(path)
    training = Training(
        detector, data.train, train_options, folder, data.fingerprint, data.train_populations
    )
    main_rank = training.accelerator.is_main_process
    say = print if main_rank else _silent
    with folder if main_rank else nullcontext():  # only the main rank locks and writes
        if options.resume:
            training.restore()
            say(f"resuming {path} at step {training.position.total} of {training.total_steps}")
        elif main_rank:
            _write_config(folder, options, detector.config)
        say(_opening(options, data, training, path))
        if began_from:
            say(f"beginning with the weights of {earlier}, trained on {began_from['data']}")
        unused = detector.unused_options()
        if unused:
            say(f"'{options.model}' has no use for: {', '.join(unused).replace('_', ' ')}")
        began, commit = time.monotonic(), kit_commit()  # files may change while it trains
        try:
            detector = training.run()
        except (TrainingInterrupted, KeyboardInterrupt):
            say(f"\nstopped; go on with: python -m simsid.train --run {path} --resume")
            return 130
        if not main_rank:
            return 0
        seconds: float | None = round(time.monotonic() - began, 2)
        peak, peak_gpu = peak_memory_mb(), peak_gpu_mb(training.device)
        if options.resume:  # of a part only
            seconds = peak = peak_gpu = None
        detector = detector.cpu()
        if data.preprocessing is not None:
            detector.preprocessing = data.preprocessing
        detector.calibrate(
            data.calibration, options.false_alarm_rate, data.populations, options.rate_confidence
        )
        detector.facts = {
            "data": data.facts,
            "data_fingerprint": data.fingerprint,
            "training": dataclasses.asdict(train_options)
            | {
                "preset": options.preset,
                "steps": training.total_steps,
                "device": str(training.device),
                "autocast": training.accelerator.mixed_precision,
                "seconds": seconds,
                "peak_memory_mb": peak,
                "peak_gpu_mb": peak_gpu,
                "commit": commit,
                "init_from": began_from,
            },
        }
        save_model(detector, folder.model)
        say(f"trained in {time.monotonic() - started:.0f} s; model folder: {folder.model}")
        part = part_to_measure(data)
        if options.report and part is not None:
            command = f"python -m simsid.train --config {folder.config}"
            summary = report_on(
                detector, data, folder.report, folder.metrics, folder.model, command
            )
            say(summary)
        elif part is None:
            say(
                "no labelled test or validation part: no report. Score images with: "
                f"python -m simsid.score IMAGES --model {path} --out scores.csv"
            )
    return 0


def build_detector(cls: type[Detector], options: Namespace, data: RadiographData) -> Detector:
    """The preset's detector for this data, changed by ``--detector``, with weights of ``--seed``.

    Raises:
        SimsidError: a setting is unknown or cannot work.
    """
    try:
        config = cls.config_class.preset(options.preset, data.image_size, kind_of(data.facts))
        changed = dataclasses.asdict(config)
        for key, value in present_names(cls.config_class, dict(options.detector)).items():
            if key not in changed:
                raise ValueError(f"unknown setting '{key}'; there are: {', '.join(changed)}")
            inner = isinstance(changed[key], dict) and isinstance(value, dict)
            changed[key] = changed[key] | value if inner else value
        set_seed(options.seed)
        return cls(config_from_dict(cls.config_class, changed))
    except Exception as error:  # odd numbers can break a network in any way
        raise SimsidError(
            f"these settings do not make a '{cls.name}' for images of "
            f"{data.image_size[0]}x{data.image_size[1]} px: {error or type(error).__name__}"
        ) from error


def _run_path(options: Namespace) -> Path:
    base = Path("runs") / _base_name(options)
    if options.run is not None:
        path = Path(options.run)
        if options.resume:
            check_replaceable(path / "model")
            check_report(path / "report", "--run")
        else:
            require_new_run(path)
        return path
    if not options.resume:
        return new_run_path(base)
    found = latest_run_path(base)
    if found is None:
        raise SimsidError(f"no run to resume at {base}: give its folder with --run")
    return found


def _base_name(options: Namespace) -> str:
    return f"{options.dataset.replace(',', '+')}-{options.model.replace(':', '-')}-{options.seed}"


def _resumed_options(options: Namespace, given: Namespace, path: Path) -> Namespace:
    """The run's own settings; what was given beside must not contradict them.

    Args:
        options: every option, defaults included.
        given: only those that were typed.
    """
    saved = _read_config(path / "config.yaml")
    for key, value in given.as_dict().items():
        if key in saved and key not in _FREE_ON_RESUME and value != saved[key]:
            raise SimsidError(
                f"--resume goes on with the run's own settings: --{key.replace('_', '-')} was "
                f"{saved[key]}, not {value}. Leave it out, or start a new run"
            )
    free = {key: value for key, value in given.as_dict().items() if key in _FREE_ON_RESUME}
    return Namespace(**(options.as_dict() | saved | free))


def _read_config(file: Path) -> dict[str, Any]:
    if not file.exists():
        raise SimsidError(f"no run to resume at {file.parent}: {file.name} is missing")
    try:
        saved = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SimsidError(f"{file} is damaged: {error}") from error
    if not isinstance(saved, dict) or "dataset" not in saved or "detector" not in saved:
        raise SimsidError(f"{file} is damaged: it does not hold a run's settings")
    return saved


def _write_config(folder: RunFolder, options: Namespace, config: Any) -> None:
    """Everything needed to train this again: ``--config config.yaml``."""
    content = {k: v for k, v in options.as_dict().items() if k not in ("config", "run", "resume")}
    content["detector"] = _plain(dataclasses.asdict(config))
    folder.claim()
    folder.metrics.unlink(missing_ok=True)  # left by a start that never reached a checkpoint
    write_text(folder.config, yaml.safe_dump(content, sort_keys=False))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _opening(options: Namespace, data: RadiographData, training: Training, path: Path) -> str:
    height, width = data.image_size
    precision = ""
    size = f"{sum(p.numel() for p in training.detector.parameters()) / 1e6:.2f} M parameters"
    if "epochs" in training.detector.unused_options():
        size = "one look at the normals, no steps"
    if training.total_steps:
        precision = f", {training.accelerator.mixed_precision.replace('no', 'fp32')}"
    mixed = data.facts.get("contaminated", 0)
    abnormal = f" and {mixed} abnormals" if mixed else ""
    note = ""
    base = _base_name(options)
    if options.run is None and not options.resume and path.name != base:
        note = f" (runs/{base} exists, so this is a new run)"
    return (
        f"{options.model} ({size}) on {data.name}: "
        f"{len(data.train) - mixed} normals{abnormal} to train, "
        f"{len(data.calibration)} to calibrate "
        f"({data.facts['calibration_from']}), {height}x{width} px, {training.device}{precision}\n"
        f"run folder: {path}{note}"
    )


def _silent(*_: object) -> None:
    """What ranks other than the main one say."""


if __name__ == "__main__":
    sys.exit(run_command(main))
