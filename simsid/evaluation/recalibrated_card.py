"""The card of a recalibrated model: its own threshold, beside what was measured at the former one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from simsid.detectors.calibration import Calibration
from simsid.detectors.found_share import same_thresholds, stated_thresholds
from simsid.detectors.unusual_words import unusual_told
from simsid.evaluation.blocks import number, percent
from simsid.scoring.words import named, stated_rate
from simsid.shares import in_percent

if TYPE_CHECKING:
    from simsid.detectors.base import Detector

_NOTES = re.compile(r"^> \*\*(?:Recalibrated|Thresholds)\*\*.*\n(?:>.*\n)*\n?", re.MULTILINE)
_SECTION = re.compile(r"^## Threshold[ \t]*\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_DECIDED = re.compile(
    r"^\| (sensitivity|specificity|F1) at the (?:former )?threshold(, .{1,200} \(n = \d+\))?",
    re.MULTILINE,
)
_FLAGGED = re.compile(r"^\| normals flagged, ", re.MULTILINE)


def recalibrated_card(text: str, detector: Detector) -> str:
    """The former card with a note on top, the section 'Threshold' anew, and old numbers named so.

    Args:
        text: card of the model that was recalibrated, or somebody else's words.
        detector: as ``recalibrate`` gives it.
    """
    text = _told_of_former_thresholds(_NOTES.sub("", text), detector)
    text = _FLAGGED.sub("| normals flagged at the former threshold, ", text)
    text = text.replace("at the calibrated threshold\n", "at the former threshold\n")
    section = f"## Threshold\n\n{_threshold(detector)}\n\n"
    if _SECTION.search(text):
        text = _SECTION.sub(lambda _: section, text, count=1)
    else:
        text = f"{text.rstrip()}\n\n{section}"
    lines = text.splitlines(keepends=True)
    titles = [index for index, line in enumerate(lines) if line.startswith("# ")]
    at = titles[0] + 1 if titles else len(lines)
    return "".join([*lines[:at], "\n", _note(detector), *lines[at:]])


def _told_of_former_thresholds(text: str, detector: Detector) -> str:
    """What was decided at a threshold, named so; a kept population's share, at its own, stays as it is."""
    calibration, name = detector.calibration, detector.score_names[0]
    kept = detector.facts["recalibrated"].get("kept", {})
    same = same_thresholds(stated_thresholds(text), calibration, name)
    still = iter(
        [each in kept and told for each, told in zip(calibration.names, same, strict=True)]
    )

    def renamed(row: re.Match[str]) -> str:
        if row[2] and next(still, False):  # rows of populations come in the model's order
            return row[0]
        return f"| {row[1]} at the former threshold{row[2] or ''}"

    return _DECIDED.sub(renamed, text)


def _whose(detector: Detector) -> str:
    same = detector.facts["recalibrated"]["same_populations"]
    return "of the model's own populations" if same else "that it was given"


def _kept(detector: Detector) -> str:
    """Which populations kept their former normals; '' where none did."""
    kept = detector.facts["recalibrated"].get("kept", {})
    told = ", ".join(
        f"{count} of them are the former ones of {named(name)}" for name, count in kept.items()
    )
    return f"; {told}" if told else ""


def _note(detector: Detector) -> str:
    facts = detector.facts["recalibrated"]
    share = f", of which up to {in_percent(facts['abnormal_share'])} may be abnormal"
    films, whose, stand = facts["films"], _whose(detector), "stand on these films"
    if facts.get("kept"):
        films, renewed = sum(facts["renewed"].values()), ", ".join(map(named, facts["renewed"]))
        whose = f"{whose}, {renewed}"
        kept = ", ".join(
            f"of {named(name)} on its former {n} normals" for name, n in facts["kept"].items()
        )
        stand = f"of {renewed} {stand}, those {kept}"
        few = sum(facts["too_few"].values())
        stand += f" ({few} more films look like it, too few to set a threshold)" if few else ""
    told = unusual_told(detector.facts)
    return (
        f"> **Recalibrated** on {films} films {whose}"
        f"{share if facts['abnormal_share'] else ''} (fingerprint {facts['fingerprint']}). Verdicts "
        f"and p-values {stand}; the measured numbers below are those of the model that "
        f"it was made from, at its former threshold.{f' {told}' if told else ''}\n"
    )


def _threshold(detector: Detector) -> str:
    calibration, name = detector.calibration, detector.score_names[0]
    told = thresholds_in_words(
        {name_: calibration.threshold(name, i) for i, name_ in enumerate(calibration.names)}, 3
    )
    rates = [
        f"between {percent(low)} and {percent(high)}{f' ({each})' if each else ''}"
        for i, each in enumerate(calibration.names)
        for low, high in (calibration.rate_interval(i),)
    ]
    removed = (
        f" The {calibration.removed} highest scores were left out as possibly abnormal. "
        f"{archive_assumption(calibration)}."
        if calibration.removed
        else ""
    )
    films = (
        f"{calibration.num_normals} {'films without labels' if calibration.removed else 'normals'}"
    )
    return (
        f"{told}, from {films} {_whose(detector)}{_kept(detector)}, "
        f"for a false-alarm rate of {stated_rate(calibration)}; with 90 % confidence the "
        f"true rate lies {', '.join(rates)}.{removed}"
    )


def archive_assumption(calibration: Calibration) -> str:
    """What ranks of a film stand on where the highest scores of an archive were left out."""
    kept, removed = calibration.num_normals, calibration.removed
    return (
        "The stated rate, ranks and p-values assume that all of these were abnormal: a film above all "
        f"others has p = {1 / (kept + 1):.3f} then, and {(1 + removed) / (kept + removed + 1):.3f} if none "
        "was. Abnormal films among those that were kept raise the threshold, so that fewer are found"
    )


def uncovered_in_words(population: str, whose: str) -> str:
    """What becomes of films of a population that hardly any of the given normals look like.

    Args:
        whose: 'your normals' or 'these films'.
    """
    return (
        f"Most films of {named(population)} get no verdict now: hardly any of {whose} look like them. "
        f"Those of them that look like {whose} are judged by these."
    )


def thresholds_in_words(by_population: dict[str, float], digits: int = 2) -> str:
    """'1.05 (zhanglab), 2.58 (nih)'; 'n/a' where normals are too few for one."""
    return ", ".join(
        f"{number(value if np.isfinite(value) else None, digits)}{f' ({name})' if name else ''}"
        for name, value in by_population.items()
    )
