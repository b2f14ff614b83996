"""``python -m simsid.train``: data, training, calibration, model folder, report, in one command."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any, Literal

from jsonargparse import ArgumentParser

from simsid.cli import INTERRUPTED, command_parser, parse, run_command
from simsid.data.options import add_data_options, tell_films
from simsid.data.too_few import tell_few_normals
from simsid.detectors import Detector, detector_names, save_model
from simsid.detectors.calibration import DEFAULT_FALSE_ALARM_RATE
from simsid.evaluation.evaluate import part_to_measure
from simsid.evaluation.provenance import kit_commit
from simsid.evaluation.report import report_on
from simsid.evaluation.report_files import REPORT, check_report
from simsid.examination.default_score import findings_of, settle_score, weakness_of
from simsid.examination.examine import Examination
from simsid.files import path_text
from simsid.outputs import json_object
from simsid.peak import peak_gpu_mb, peak_memory_mb
from simsid.plugins import load_plugin
from simsid.threads import threads_in_use
from simsid.training import TrainingInterrupted
from simsid.training.plan import Prepared, TrainPlan, prepare
from simsid.training.run_folder import RunFolder
from simsid.training.settings import (
    configured,
    resumed_settings,
    run_path,
    usual_path,
    without_idle,
    write_settings,
)
from simsid.training.trackers import TRACKERS, Trackers


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
        help="run folder, model folder or bundled:NAME of the same method to begin with: its "
        "weights, settings and preparation of films, in place of the preset's",
    )
    add("--resume", action="store_true", help="go on from the run folder's checkpoint")
    add("--log-with", type=str | None, default=None,
        help=f"experiment trackers that get settings, losses and results too: {', '.join(TRACKERS)}; "
        "several with commas between")  # fmt: skip
    add("--tensorboard", action="store_true", help="the same as --log-with tensorboard")
    add("--examine", type=bool, default=True,
        help="make anomalies from calibration normals, say which of them the model sees, and mend "
        "a default score that is blind to some that its parts see")  # fmt: skip
    add("--report", type=bool, default=True, help="evaluate and write the report at the end")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = make_parser()
    settings = parse(parser, arguments).as_dict()
    settings = without_idle(settings, configured(settings["config"] or ()))
    folder = RunFolder(run_path(settings))
    if settings["resume"]:
        check_report(folder.report, "--run")
        typed = parser.parse_args(arguments, defaults=False).as_dict()
        settings = resumed_settings(settings, typed, folder)
        if settings.get("plugin"):  # the run's own, where none was typed
            load_plugin(settings["plugin"])
    plan = TrainPlan.of(settings, folder)
    return train(plan, settings)


def train(plan: TrainPlan, settings: Mapping[str, Any]) -> int:
    """Carry out a plan; prints what a user wants to know, and returns the exit code.

    Args:
        settings: what the run folder keeps, to train this again.
    """
    started = time.monotonic()
    prepared = prepare(plan)
    training = prepared.training
    main_rank = training.accelerator.is_main_process
    say = print if main_rank else _silent
    with plan.run if main_rank else nullcontext():  # only the main rank locks and writes
        if plan.resume:
            training.restore()
            at = training.position.total
            say(f"resuming {plan.run.path} at step {at} of {training.total_steps}")
        elif main_rank:
            write_settings(plan.run, settings, training.detector.config)
        say(_opening(prepared, _why_this_folder(plan, settings)))
        tell_films(prepared.data, say)
        names = plan.log_with if main_rank else ()
        with Trackers(names, plan.run.path, _tracked(prepared)) as training.trackers:
            try:
                detector = fit(prepared)
            except (TrainingInterrupted, KeyboardInterrupt):
                say(f"\nstopped; go on with: python -m simsid.train --run {plan.run.path} --resume")
                return INTERRUPTED
            if main_rank:
                finish(prepared, detector, time.monotonic() - started)
                training.trackers.log([_measured(plan.run, training.total_steps)])
    return 0


def fit(prepared: Prepared) -> Detector:
    """Train, calibrate, and note what was done; on ranks other than the main one only train."""
    plan, data, training = prepared.plan, prepared.data, prepared.training
    began, commit = time.monotonic(), kit_commit()  # files may change while it trains
    detector = training.run()
    if not training.accelerator.is_main_process:
        return detector
    seconds: float | None = round(time.monotonic() - began, 2)
    peak, peak_gpu = peak_memory_mb(), peak_gpu_mb(training.device)
    if plan.resume:  # of a part only
        seconds = peak = peak_gpu = None
    detector = detector.cpu()
    if data.preprocessing is not None:
        detector.preprocessing = data.preprocessing

    def calibrate() -> None:
        detector.calibrate(
            data.calibration, plan.false_alarm_rate, data.populations, plan.rate_confidence
        )

    _begin("calibrating")
    calibrate()
    examination = None
    if plan.examine:
        _begin("examining: anomalies are made from calibration normals and scored")
        chosen = "fusion" in plan.detector or plan.init_from is not None
        examination = settle_score(detector, data.calibration, calibrate, not chosen)
    weakness = examination and weakness_of(examination)
    detector.facts = {
        "examination": examination and examination.to_json(),
        **(weakness.to_facts() if weakness else {}),
        "data": data.facts,
        "data_fingerprint": data.fingerprint,
        "training": dataclasses.asdict(training.options)
        | {
            "preset": plan.preset,
            "steps": training.total_steps,
            "device": str(training.device),
            "threads": threads_in_use(),
            "autocast": training.accelerator.mixed_precision,
            "seconds": seconds,
            "peak_memory_mb": peak,
            "peak_gpu_mb": peak_gpu,
            "commit": commit,
            "init_from": prepared.began_from,
        },
    }
    return detector


def finish(prepared: Prepared, detector: Detector, seconds: float) -> None:
    """Write the model folder and the report; print where they are."""
    plan, data, folder = prepared.plan, prepared.data, prepared.plan.run
    save_model(detector, folder.model)
    print(f"{_times(detector, seconds)}; model folder: {folder.model}")
    if detector.facts["examination"] is not None:
        examination = Examination.from_json(detector.facts["examination"])
        weak = weakness_of(examination)
        for told in findings_of(examination):
            warned = weak is not None and told == weak.message
            print(f"warning: {told}" if warned else told)
    part = part_to_measure(data)
    if plan.report and part is not None:
        command = f"python -m simsid.train --config {folder.config}"
        _begin("writing the report")
        print(report_on(detector, data, folder.report, folder.metrics, folder.model, command))
    elif part is None:
        print(
            "no labelled test or validation part: no report. Score images with: "
            f"python -m simsid.score IMAGES --model {folder.path} --out scores.csv"
        )


def _begin(work: str) -> None:
    """Name what begins after the training bar has ended; it may take minutes."""
    print(work, flush=True)


def _times(detector: Detector, seconds: float) -> str:
    """How long training took, and all until now; a run that was resumed knows its last part."""
    training = detector.facts["training"]["seconds"]
    if training is None:
        return f"trained; this part of the run took {seconds:.0f} s"
    return f"trained in {training:.1f} s; {seconds:.1f} s with reading, calibrating and examining"


def _tracked(prepared: Prepared) -> dict[str, Any]:
    """What experiment trackers are told of a run: numbers and names of choices, no path."""
    plan, training = prepared.plan, prepared.training
    return {
        "model": plan.model,
        "preset": plan.preset,
        "dataset": plan.data.dataset,
        "data_fingerprint": prepared.data.fingerprint,
        "normals": len(prepared.data.train),
        "training": dataclasses.asdict(training.options),
        "detector": dataclasses.asdict(training.detector.config),
    }


def _measured(run: RunFolder, step: int) -> dict[str, Any]:
    """The report's numbers for a whole film, as 'test.auroc'; none where there is no report."""
    report = json_object(run.report / f"{REPORT}.json")
    return {"step": step} | {
        f"{report['part']}.{name}": value
        for name, value in report.get("image", {}).items()
        if isinstance(value, float)
    }


def _opening(prepared: Prepared, note: str = "") -> str:
    """What begins here, in two or more lines."""
    plan, data, training = prepared.plan, prepared.data, prepared.training
    height, width = data.image_size
    unused = training.detector.unused_options()
    precision = ""
    size = f"{sum(p.numel() for p in training.detector.parameters()) / 1e6:.2f} M parameters"
    if "epochs" in unused:
        size = "one look at the normals, no steps"
    if training.total_steps:
        precision = f", {training.accelerator.mixed_precision.replace('no', 'fp32')}"
    mixed = data.facts.get("contaminated", 0)
    abnormal = f" and {mixed} abnormals" if mixed else ""
    lines = [
        f"{plan.model} ({size}) on {data.name}: "
        f"{len(data.train) - mixed} normals{abnormal} to train, "
        f"{len(data.calibration)} to calibrate "
        f"({data.facts['calibration_from']}), {height}x{width} px, {training.device}{precision}",
        f"run folder: {plan.run.path}{note}",
    ]
    lines += [
        f"warning: {told}"
        for told in tell_few_normals(data.facts, plan.false_alarm_rate, plan.rate_confidence)
    ]
    if prepared.began_from:
        lines.append(
            f"beginning with the weights of {plan.init_from}, "
            f"trained on {prepared.began_from['data']}"
        )
    if unused:
        lines.append(f"'{plan.model}' has no use for: {', '.join(unused).replace('_', ' ')}")
    return "\n".join(lines)


def _why_this_folder(plan: TrainPlan, settings: Mapping[str, Any]) -> str:
    """A word on a folder that nobody named and that is not the usual one."""
    usual = usual_path(settings)
    if settings["run"] is not None or plan.resume or plan.run.path.name == usual.name:
        return ""
    return f" ({usual} exists, so this is a new run)"


def _silent(*_: object) -> None:
    """What ranks other than the main one say."""


if __name__ == "__main__":
    sys.exit(run_command(main))
