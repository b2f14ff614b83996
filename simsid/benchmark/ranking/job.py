"""One row of the ranking: ``python -m simsid.train`` in a process of its own, then its measures.

The process is the command that a user would type, so a row can be repeated by it, its memory is
its own, and whatever happens in it leaves the other rows alone.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from simsid.data.datasets import RadiographData
from simsid.detectors import Detector, load_model
from simsid.errors import SimsidError
from simsid.evaluation.evaluate import evaluate, strict_json
from simsid.files import write_text
from simsid.map_scale import MapScale, map_scale
from simsid.prediction import Prediction
from simsid.threads import threads_in_use
from simsid.training import TrainingInterrupted
from simsid.training.run_folder import RunFolder

FORMAT_VERSION = 1
SCORE = "score"  # each model's default one, whatever it is called there
_DIGITS = 7  # of scores in the journal: enough to rank by
_STOPPED = 130


@dataclass(frozen=True)
class Job:
    """One training of one model on one data set.

    Attributes:
        dataset, model, seed: what.
        arguments: of ``python -m simsid.train``, all but the run folder.
        folder: the run's.
        log: receives what the command prints.
    """

    dataset: str
    model: str
    seed: int
    arguments: tuple[str, ...]
    folder: Path
    log: Path

    @property
    def command(self) -> list[str]:
        """What a user types to repeat it."""
        return ["python", "-m", "simsid.train", *self.arguments]


def run_job(
    job: Job, data: RadiographData, part: str, device: str
) -> tuple[dict[str, Any], Prediction, MapScale]:
    """Train, or go on where it was stopped, and measure; the content of a journal line.

    Returns:
        The line, the prediction that it was measured on, and the colour scale of its maps.

    Raises:
        SimsidError: training failed; the message is the last line it printed.
        TrainingInterrupted: it was stopped, after saving a checkpoint.
    """
    run = RunFolder(job.folder)
    if not run.holds_model:
        _train(job, run.checkpoint.exists())
    detector = load_model(job.folder, device)
    _check_data(detector, data, job)
    evaluation = evaluate(detector, data, part=part)
    results, image = evaluation.results, evaluation.results["image"]
    scores = evaluation.prediction.score
    line = {
        "format_version": FORMAT_VERSION,
        "dataset": job.dataset,
        "model": job.model,
        "auroc": {SCORE: image["auroc"]},
        "scores": {SCORE: [float(f"{value:.{_DIGITS}g}") for value in scores]},
        "aupr": image["aupr"],
        "oracle": {name: image[name] for name in ("oracle_accuracy", "oracle_f1")},
        "decision": {name: image[name] for name in ("f1", "sensitivity", "specificity")},
        "by_kind": {kind: value["auroc"] for kind, value in results["by_kind"].items()},
        "by_score": {name: value["auroc"] for name, value in results["by_score"].items()},
        "normals_flagged": results["calibration"]["normals_flagged"],
        "pixel": results["pixel"],
        "boxes": results["boxes"],
        "cost": _cost(detector, job, results),
        "data_fingerprint": data.fingerprint,
        "part": part,
        "command": shlex.join(job.command),
        "commit": detector.facts["training"].get("commit"),
    }
    return strict_json(line), evaluation.prediction, map_scale(detector)


def _train(job: Job, resumed: bool) -> None:
    """Run the command to its end."""
    arguments = [*job.arguments, "--run", str(job.folder), "--report", "false"]
    command = [sys.executable, "-m", "simsid.train", *arguments, *(["--resume"] * resumed)]
    job.log.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with open(job.log, "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.PIPE)
        reader = threading.Thread(target=_pass_on, args=(process.stderr, log), daemon=True)
        reader.start()
        try:
            process.wait()
        except BaseException:
            process.terminate()  # it saves a checkpoint and ends
            process.wait()
            raise
        finally:
            reader.join()
    if process.returncode == _STOPPED:
        raise TrainingInterrupted
    if process.returncode < 0:
        raise SimsidError(
            f"training was ended by signal {-process.returncode}: too little memory? See {job.log}"
        )
    if process.returncode:
        raise SimsidError(_last_line(job.log) or f"training ended with {process.returncode}")
    _keep_seconds(job, None if resumed else time.monotonic() - started)


def _pass_on(source: BufferedReader, log: BinaryIO) -> None:
    """Errors and the progress bar go to the log, and to the terminal where there is one."""
    terminal = sys.stderr.buffer if sys.stderr.isatty() else None
    while chunk := source.read1(4096):
        log.write(chunk)
        if terminal is not None:
            terminal.write(chunk)
            terminal.flush()


def _last_line(log: Path) -> str:
    text = log.read_text("utf-8", "replace").replace("\r", "\n").strip()
    return text.rpartition("\n")[2].removeprefix("error: ")


def _keep_seconds(job: Job, seconds: float | None) -> None:
    """The whole command's time, for a row that is measured after a stop; unknown when resumed."""
    write_text(job.folder / "seconds.txt", "" if seconds is None else f"{seconds:.1f}\n")


def _seconds(job: Job) -> float | None:
    file = job.folder / "seconds.txt"
    text = file.read_text().strip() if file.exists() else ""
    return float(text) if text else None


def _check_data(detector: Detector, data: RadiographData, job: Job) -> None:
    trained_on = detector.facts.get("data_fingerprint")
    if trained_on != data.fingerprint:
        raise SimsidError(
            f"{job.folder} was trained on data {trained_on}, the set is now {data.fingerprint}: "
            "choose another --out"
        )


def _cost(detector: Detector, job: Job, results: dict[str, Any]) -> dict[str, Any]:
    """What a row took; None for what a resumed training cannot tell."""
    training = detector.facts.get("training", {})
    seconds = training.get("seconds")
    seen = training.get("steps", 0) * training.get("batch_size", 0)
    if not seen:  # no steps of ours: one look at each image, or epochs of a library's own
        once = "epochs" in detector.unused_options()
        seen = results["n"]["train"] * (1 if once else training.get("epochs", 1))
    return {
        "train_seconds": seconds,
        "command_seconds": _seconds(job),
        "train_images_per_second": seen / seconds if seconds else None,
        "score_images_per_second": results["images_per_second"],
        "peak_memory_mb": training.get("peak_memory_mb"),
        "peak_gpu_mb": training.get("peak_gpu_mb"),
        "model_mb": sum(f.stat().st_size for f in RunFolder(job.folder).model.iterdir()) / 1e6,
        "parameters": results["model"]["parameters"],
        "device": training.get("device"),
        "cores": threads_in_use(),
    }


def shown_images(kinds: np.ndarray, most: int = 6) -> list[int]:
    """Indices of the images that all methods are shown on: the first of each kind, normals first."""
    names = list(dict.fromkeys(kinds.tolist()))
    names.sort(key=lambda kind: kind != "normal")
    return [int(np.flatnonzero(kinds == kind)[0]) for kind in names[:most]]
