"""``python -m simsid.recalibrate``: a model for another hospital, from some of its normal films."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from jsonargparse import ArgumentParser

from simsid.cli import command_parser, parse, run_command
from simsid.data.class_folders import refuse_class_folders
from simsid.data.find import find_images, why_none
from simsid.data.options import add_skip_unreadable, naming_unreadable
from simsid.data.own_files import without_own
from simsid.detectors.calibration import Calibration, check_rates
from simsid.detectors.model_files import ModelFolder
from simsid.detectors.model_place import model_folder_of
from simsid.detectors.no_model import require_model
from simsid.detectors.renewal import LEAST, has_threshold, normals_needed
from simsid.detectors.unusual_words import unusual_told
from simsid.device import pick_device
from simsid.errors import SimsidError
from simsid.evaluation.recalibrated_card import (
    archive_assumption,
    recalibrated_card,
    thresholds_in_words,
    uncovered_in_words,
)
from simsid.files import path_text, write_text
from simsid.marks import Marks, is_marks
from simsid.scoring.table import is_score_table
from simsid.scoring.words import named, stated_rate
from simsid.shares import in_percent

if TYPE_CHECKING:
    from simsid.detectors import Detector
    from simsid.scoring.normals import FormerVerdicts

_SHARE = 0.1
_TRAINING_UNKNOWN = (
    "note: this model does not tell which films training saw: if some of these were among them, the rate "
    "does not hold"
)


def make_parser() -> ArgumentParser:
    parser = command_parser(
        "python -m simsid.recalibrate",
        "Set the thresholds of a model anew, from normal films of another source. Networks stay as "
        f"they are, so it takes seconds. At least {LEAST} films; 60 and more make the rate certain "
        "within some percent.",
        example="--model bundled:chest --normals films/normal --out models/ours",
    )
    add = parser.add_argument
    add("--model", type=path_text, required=True, help="run folder, model folder or bundled:NAME")
    add("--normals", type=path_text, default=None,
        help="folder of normal films that were not trained on, or the marks of simsid.review")  # fmt: skip
    add("--unlabelled", type=path_text, default=None,
        help="instead: folder of films without labels, most of them normal")  # fmt: skip
    add("--abnormal-share", type=float, default=_SHARE,
        help="of --unlabelled: at most how many films are abnormal, 0 to 0.5; so many of the "
        "highest scores are left out. Ranks, p-values and the stated rate of the new model assume "
        "that these were all abnormal")  # fmt: skip
    add("--same-populations", action="store_true",
        help="the films are of populations that the model knows: each that enough of them look like "
        "gets its threshold from them, the others keep theirs. Enough are 45 for a rate of 5 % with "
        "the confidence of bundled:chest (0.9), 20 with --rate-confidence 0")  # fmt: skip
    add("--out", type=path_text, required=True, help="new model folder to write")
    add("--false-alarm-rate", type=float | None, default=None,
        help="share of normals that may be called abnormal; default: the model's own")  # fmt: skip
    add("--rate-confidence", type=float | None, default=None,
        help="probability that the realised rate keeps below the stated one, as 0.9; 0: it holds on "
        "average; default: the model's own, where the films are enough for it")  # fmt: skip
    add_skip_unreadable(parser)
    add("--device", type=Literal["auto", "cpu", "cuda"], default="auto", help="where to score")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code.

    Raises:
        SimsidError, OSError: nothing was written; for ``run_command`` to print.
    """
    options = parse(make_parser(), arguments)
    if (options.normals is None) == (options.unlabelled is None):
        raise SimsidError("give one of --normals and --unlabelled: a folder of films")
    if options.normals and options.abnormal_share != _SHARE:
        raise SimsidError(
            "--abnormal-share belongs to --unlabelled: leave it out for films that are all normal"
        )
    check_rates(options.false_alarm_rate, options.rate_confidence or None)
    out = Path(options.out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SimsidError(f"--out {out} exists already: choose a new folder")
    source = Path(options.normals or options.unlabelled)
    if source.is_file() and source.stat().st_size and is_score_table(source):
        raise SimsidError(_is_a_table(source, bool(options.normals)))
    marks = Marks(source) if options.normals and source.is_file() and is_marks(source) else None
    files = without_own(marks.normals() if marks else find_images([str(source)]))
    if marks and not files:
        raise SimsidError(f"{source} marks no film as normal: mark some with simsid.review")
    if not marks and not any(file.exists() for file in files):
        raise SimsidError(why_none([str(source)]))
    if options.normals and not marks:
        refuse_class_folders(source, files)
    require_model(options.model)

    from simsid.detectors import load_model, save_model  # torch takes seconds, a refusal none
    from simsid.detectors.recalibration import films_needed, recalibrate
    from simsid.scoring.normals import former_verdicts, read_normals, too_few_told

    detector = load_model(options.model, pick_device(options.device))
    needed = films_needed(options.abnormal_share if options.unlabelled else 0.0)
    with naming_unreadable():
        normals = read_normals(
            detector, files, needed, options.skip_unreadable, options.same_populations
        )
    images = normals.images
    if len(images) < needed:
        raise SimsidError(too_few_told(str(source), normals, needed))
    before = former_verdicts(detector, images)
    own = recalibrate(
        detector,
        np.stack(images),
        options.false_alarm_rate,
        options.rate_confidence,
        options.abnormal_share if options.unlabelled else 0.0,
        options.same_populations,
        normals.left_out,
        before.above,
    )
    save_model(own, out)
    _write_card(ModelFolder(model_folder_of(options.model)).card, ModelFolder(out).card, own)
    summary = _summary(detector, own, out, before, bool(options.unlabelled))
    unknown = [] if detector.training_films is not None else [_TRAINING_UNKNOWN]
    for line in (*normals.told, *normals.left_out_told(), *summary, *unknown):
        print(line)
    if told := unusual_told(own.facts):
        print(f"warning: {told}", file=sys.stderr)
    if marks and not marks.by_chance():
        print(
            "warning: these normals were marked among the most doubtful and unusual films first. Unless "
            "every film was marked, the threshold is too high: mark with --order random"
        )
    return 0


def _is_a_table(table: Path, normals: bool) -> str:
    """What to do with a score table that was given in place of films."""
    if not normals:
        return f"{table} is a score table: name the folder of films that it was made from"
    return (
        f"{table} is a score table: mark its films with simsid.review and give the marks with --normals "
        "(see --help), or name a folder of normal films"
    )


def _summary(
    former: Detector, detector: Detector, out: Path, before: FormerVerdicts, unlabelled: bool
) -> list[str]:
    calibration, name = detector.calibration, detector.score_names[0]
    facts = detector.facts["recalibrated"]
    now = {each: calibration.threshold(name, i) for i, each in enumerate(calibration.names)}
    used = sum(facts["renewed"].values()) if "renewed" in facts else facts["calibration_normals"]
    lines = [
        f"recalibrated on {used} films; model folder: {out}",
        *_by_population(former, detector),
    ]
    lines += [
        f"threshold: {thresholds_in_words(before.thresholds)} before, "
        f"{thresholds_in_words(now)} now",
        f"{'these films' if unlabelled else 'these normals'} above the threshold before: "
        f"{before.in_words()}",
    ]
    for index, population in enumerate(calibration.names):
        low, high = calibration.rate_interval(index)
        if not has_threshold(calibration, index):  # so it was before
            lines.append(
                f"no threshold{f' for {named(population)}' if population else ''}: its "
                f"{calibration.num_normals_of(index)} normals are too few for a false-alarm rate of "
                f"{in_percent(calibration.false_alarm_rate)}, so its films get no verdict"
            )
            continue
        lines.append(
            f"false-alarm rate now {stated_rate(calibration)} of normals"
            f"{f' of {named(population)}' if population else ''}, with 90 % confidence between "
            f"{in_percent(low, 1)} and {in_percent(high, 1)}"
        )
    if calibration.removed:
        lines.append(
            f"the {calibration.removed} highest scores were left out as possibly abnormal: the "
            "upper end holds if none of them was, the lower if all were. "
            f"{archive_assumption(calibration)}"
        )
    return [*lines, *_confidence_told(former, detector)]


def _by_population(former: Detector, detector: Detector) -> list[str]:
    """Which populations stand on these films now, and which on what they stood on before."""
    names, facts = former.calibration.names, detector.facts["recalibrated"]
    rate, sure = detector.calibration.false_alarm_rate, detector.calibration.confidence
    lines = [
        f"renewed: {named(name)}, on {count} of these films (before: on "
        f"{(held := former.calibration.num_normals_of(names.index(name)))} normals"
        f"{', so its threshold was surer before' if held > count else ''})"
        for name, count in facts.get("renewed", {}).items()
    ]
    lines += [
        f"{uncovered_in_words(name, 'these films')} --same-populations keeps its own normals"
        for name in facts.get("uncovered", {})
    ]
    for name, count in facts.get("kept", {}).items():
        few, on_average = facts["too_few"][name], normals_needed(rate, None)
        more = f"; with --rate-confidence 0 {on_average} are" if few >= on_average else ""
        lines.append(
            f"kept: {named(name)}, on its former {count} normals ({few} of these films look like it, too few "
            f"to set its threshold: {normals_needed(rate, sure)} are enough{more})"
        )
    return lines


def _confidence_told(former: Detector, detector: Detector) -> list[str]:
    """A line where the model's rate was surer than the new one's, or where its confidence is inherited."""
    was, now = former.calibration.confidence, detector.calibration.confidence
    if detector.calibration.removed:
        return _confidence_of_an_archive(was, detector.calibration)
    if was is None or (now is not None and now > was):
        return []
    if now is None:
        rate = detector.calibration.false_alarm_rate
        count = range(len(detector.calibration.names))
        least = min(map(detector.calibration.held_with, count))
        return [
            f"note: the model's rate held with a confidence of {_whole(was)}, the new one holds on average, "
            f"and with a confidence of {_whole(least)}. {normals_needed(rate, was)} normals of a population "
            f"are the least for {_whole(was)}"
        ]
    return [
        f"the rate holds with a confidence of {_whole(now)}"
        + (", as the model's did" if now == was else "")
    ]


def _confidence_of_an_archive(was: float | None, calibration: Calibration) -> list[str]:
    """A line where a confidence was asked for or had: what it is depends on the films left out."""
    if was is None and calibration.confidence is None:
        return []
    before = f"the model's rate held with a confidence of {_whole(was)}; " if was else ""
    return [
        f"note: {before}the new one holds with a confidence of {_whole(calibration.held_with_at_most())} "
        f"if the {calibration.removed} highest scores were all of abnormal films, and of "
        f"{_whole(calibration.held_with())} if none was. Normal films (--normals) make it sure"
    ]


def _whole(share: float) -> str:
    return in_percent(share, 0)


def _write_card(old: Path, new: Path, detector: Detector) -> None:
    """The former card, with what this calibration says in place of what no longer holds."""
    if old.exists():
        write_text(new, recalibrated_card(old.read_text(encoding="utf-8"), detector))


if __name__ == "__main__":
    sys.exit(run_command(main))
