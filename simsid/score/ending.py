"""How a run of scoring ends: with its summary, stopped, or on a disk without room.

Each is told in one place, for a table of rows and for shards.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

from simsid.detectors import Detector
from simsid.detectors.renewal import has_threshold, normals_needed
from simsid.errors import SimsidError
from simsid.score.job import ScoreJob
from simsid.scoring import TOO_FEW_NORMALS, BatchCheck, weakness_told
from simsid.scoring.closing import ClosingReport
from simsid.scoring.rows import SCORED
from simsid.scoring.words import named, stated_rate
from simsid.stop import terminated_as_interrupted

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def no_room(error: OSError) -> bool:
    """Whether it is not one film's failure, since every later map and row would fail, too."""
    return error.errno in _NO_ROOM


@contextmanager
def going_on_told(how: Callable[[], str]) -> Iterator[None]:
    """A block that writes rows; Ctrl-C, SIGTERM and a full disk end it with a way to go on.

    Args:
        how: says it, see ``how_to_go_on``; asked when the block has ended.

    Raises:
        KeyboardInterrupt: it was stopped; ``run_command`` prints the message and returns 130.
        SimsidError: no room is left for a file, which the message names.
    """
    try:
        with terminated_as_interrupted():
            yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"stopped: {how()}") from None
    except OSError as error:
        if not no_room(error):
            raise
        raise SimsidError(f"{error.filename}: {error.strerror}; make room: {how()}") from error


def how_to_go_on(job: ScoreJob, done: int, total: int | None = None) -> str:
    """What is there of a job that did not reach its end, and what to do.

    Args:
        done: films that have rows. total: films of the job; None where they come one by one.
    """
    if done:
        told = f"{done}{f' of {total}' if total else ''} films are in {job.out}"
    elif job.shard_rows is None:
        return f"nothing was written to {job.out}"
    else:
        told = f"{job.out} stays as it was" if job.resume else f"it is begun in {job.out}"
    if job.fetched:
        return f"{told}; films of a server are fetched anew: begin again with another --out"
    return f"{told}; the same command with --resume goes on"


@dataclass(frozen=True)
class Ending:
    """What a run came to.

    Attributes:
        films: of the whole job. made: rows of this run. failed: films with another status than 'ok'.
        seconds: that this run took by the clock.
    """

    films: int
    made: int
    failed: int
    seconds: float

    @property
    def exit_code(self) -> int:
        return 1 if self.failed else 0


def tell_the_end(
    job: ScoreJob,
    detector: Detector,
    ending: Ending,
    report: ClosingReport,
    check: BatchCheck,
    say: TextIO | None = None,
) -> None:
    """Print the summary, the closing report, and what the films say together.

    Args:
        say: where to; None for standard output.
    """
    lines = _summary(job, detector, ending, report.judged)
    lines += report.lines(ending.made, ending.seconds, SCORED)
    if (finding := check.finding()) is not None:
        lines.append(f"warning: {finding.message}")
    print("\n".join(lines), file=say)


def _summary(job: ScoreJob, detector: Detector, ending: Ending, judged: int) -> list[str]:
    """How many films were scored, and what a verdict stands on where there is one."""
    calibration, default = detector.calibration, detector.score_names[0]
    rate = stated_rate(calibration)
    lines = [f"{ending.films - ending.failed} of {ending.films} images scored; table: {job.out}"]
    needed = normals_needed(calibration.false_alarm_rate, calibration.confidence)
    others = " --same-populations" if len(calibration.names) > 1 else ""  # keep their verdicts
    remedy = (
        f"; python -m simsid.recalibrate{others} on at least {needed} normal films of their kind gives "
        "verdicts"
    )
    judging = {
        name: has_threshold(calibration, index)
        for index, name in enumerate(calibration.names)
        if job.judge_as in (None, name)
    }
    if not any(judging.values()):
        lines.append(f"every film is '{TOO_FEW_NORMALS}' at a false-alarm rate of {rate}{remedy}")
    else:
        lines += [
            f"films judged by the normals of {named(name)} are '{TOO_FEW_NORMALS}' at a false-alarm rate "
            f"of {rate}{remedy}"
            for name, enough in judging.items()
            if not enough
        ]
        if judged:
            lines.append(f"'unusual' is stated at a false-alarm rate of {rate} of normals")
    if job.score in (None, default) and (weakness := weakness_told(detector)):
        lines.append(f"warning: {weakness}")
    return lines
