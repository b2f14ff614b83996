"""What the report says, in words and tables; how it looks is ``render``'s."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from simsid.data.rates import least_normals
from simsid.data.terms import terms_of
from simsid.evaluation import tables
from simsid.evaluation.blocks import (
    Picture,
    Section,
    Table,
    number,
    percent,
    valued,
    with_interval,
)
from simsid.evaluation.seen import seen_told
from simsid.examination.default_score import findings_of
from simsid.examination.examine import Examination
from simsid.examination.table import HEADER, TITLE, rows_of, words_of
from simsid.shares import in_percent
from simsid.terminal import literal

_KINDS_IN_SUMMARY = 6
DISCLAIMER = "Research software, not a medical device: not for diagnosis or any clinical decision."
READ = {
    "test": "test part, read once",
    "validation": "validation part, which may have been used for choosing: a test part would be "
    "the judge",
}
_CAPTIONS = {
    "panels": "Input (outline: truth; rectangles: boxes of findings), reconstruction and anomaly "
    "map. Images of each kind are chosen by the rank of their score, from low to high, whatever "
    "they look like. The colour scale is fixed by normals.",
    "curves": "Receiver operating characteristic and precision against recall. Bands: pointwise 95 "
    "% bootstrap intervals over images.",
    "scores": "Scores of calibration normals, of the normals measured and of each kind.",
    "groups": "Share of normals called unusual, and AUROC, by group. Lines: 95 % intervals; grey "
    "bars: what chance explains if a group's normals are like the calibration normals; dashed: the "
    "stated rate, and the AUROC of all.",
    "reconstruction": "How far reconstructions are from their images.",
    "why": "The most abnormal region of each kind's median image: as it came, rebuilt, the memory slots "
    "it was rebuilt from, decoded, with their addressing weights, and the training patch nearest to "
    "the strongest slot.",
    "training": "Training losses by step: faint each step, strong a running mean.",
    "embedding": "t-SNE of patch features of calibration normals and of memory slots, left by "
    "source, right by region.",
}


def title_of(results: dict[str, Any]) -> str:
    return f"{results['detector']} on {results['data']['name']}"


def summary_of(results: dict[str, Any], report: Path) -> str:
    """A few lines for a terminal."""
    image, pixel, boxes = results["image"], results["pixel"], results["boxes"]
    kinds = ", ".join(f"{kind} {number(v['auroc'])}" for kind, v in results["by_kind"].items())
    lines = [
        f"{results['part']} part: image AUROC {with_interval(image['auroc'], image['auroc_ci'])}"
        + (f"  ({kinds})" if kinds and len(results["by_kind"]) <= _KINDS_IN_SUMMARY else "")
    ]
    shifted = results.get("shifted")
    if shifted is not None:
        lines.append(
            f"against the {shifted['normals']} normals that look least like training: image AUROC "
            f"{with_interval(shifted['auroc'], shifted['auroc_ci'])}, "
            f"{percent(shifted['flagged']['share'])} of them called unusual"
        )
    if pixel is not None:
        lines.append(_pixel_summary(pixel))
    if (logical := results.get("logical")) is not None:
        lines.append(f"logical anomalies: sPRO {number(logical['spro'])}")
    if boxes is not None:
        lines.append(f"pointing game {valued(boxes['pointing'])} on {boxes['n']} films with boxes "
                     f"(random pixel {number(boxes['chance_pointing'])}, "
                     f"centre {number(boxes['centre_pointing']['value'])})")  # fmt: skip
    if image["threshold"] is not None:
        flagged = results["calibration"]["normals_flagged"]["share"]
        without = _undecided(image)
        lines.append(
            f"at the calibrated threshold: sensitivity {number(image['sensitivity'])}, false "
            f"alarms {percent(flagged)} (stated {in_percent(image['false_alarm_rate'])})"
            + (
                f"; {without} get no verdict: false alarms leave them out, sensitivity counts them by "
                "their score"
                if without
                else ""
            )
        )
    else:
        rate, confidence = image["false_alarm_rate"], results["calibration"].get("rate_confidence")
        lines.append(
            "no verdicts: there are too few calibration normals for a false-alarm rate of "
            f"{in_percent(rate)}: it takes {least_normals(rate, confidence)}"
        )
    if seen := seen_told(results.get("seen_in_training")):
        lines.append(f"warning: {seen}")
    return "\n".join([*lines, f"report: {report}"])


def _examination(content: dict[str, Any] | None) -> list[Section]:
    if content is None:
        return []
    examination = Examination.from_json(content)
    table = Table(HEADER, tuple(rows_of(examination)))
    return [
        Section(TITLE, (words_of(examination), *map(_sentence, findings_of(examination)), table))
    ]


def _pixel_summary(pixel: dict[str, Any]) -> str:
    if not pixel["abnormal_with_mask"]:
        return "no pixel metrics: the pixel truth of no abnormal image is known"
    text = f"pixel AUROC {number(pixel['auroc'])}, AUPRO {number(pixel['aupro'])}"
    if pixel["abnormal_without_mask"]:
        text += f" (on {pixel['n']} images whose pixel truth is known)"
    return text


def sections_of(
    results: dict[str, Any], figures: dict[str, Path], command: str | None = None
) -> list[Section]:
    """The whole report from ``evaluate``'s results and the figures that were drawn."""
    pictures = {name: Picture(file, _CAPTIONS.get(name, name)) for name, file in figures.items()}

    def shown(*names: str) -> tuple[Picture, ...]:
        return tuple(pictures[name] for name in names if name in pictures)

    sections = [
        Section("Result", (_headline(results), tables.headline_table(results), *shown("panels"))),
        Section("By kind of anomaly", (tables.kind_table(results), *shown("curves", "scores"))),
        *_examination(results.get("examination")),
        Section("By score", (
            "The papers score an image by the discriminator or by the reconstruction error; both "
            "are computed here beside this kit's own.", tables.score_table(results))),
        Section("Calibration by group", (
            *tables.group_words(results), tables.group_table(results), *shown("groups"))),
    ]  # fmt: skip
    where: list[str | Table | Picture] = []
    if results["pixel"] is not None:
        where += [tables.pixel_words(results), tables.pixel_table(results)]
    if results["boxes"] is not None:
        where += [tables.box_words(results), tables.box_table(results)]
    if where:
        sections.append(Section("Where the anomaly is", tuple(where)))
    if results["reconstruction"] is not None:
        table = tables.reconstruction_table(results)
        sections.append(Section("Reconstruction", (table, *shown("reconstruction"))))
    if shown("why"):
        sections.append(Section("Why", shown("why")))
    if shown("training", "embedding"):
        sections.append(Section("Training and memory", shown("training", "embedding")))
    sections.append(Section("Limits", tuple(limits_of(results))))
    sections.append(Section("How this was made", (tables.provenance_table(results, command),)))
    return sections


def limits_of(results: dict[str, Any]) -> list[str]:
    """What the numbers do not say, and what is missing."""
    image, calibration = results["image"], results["calibration"]
    limits = [
        DISCLAIMER,
        "One training run: intervals cover the choice of images, not the training seed. A "
        "bootstrap interval that ends at 1.000 means that the resamples hold no error, not "
        "certainty.",
        "Intervals treat every film as a case of its own: where a patient has several, they are a "
        "little too narrow.",
        "`oracle` numbers use the threshold that is best on these very labels, as the papers do. "
        "No user can reach them without labels.",
    ]
    if results["part"] == "validation":
        limits.append(
            "Measured on the validation part. If settings were chosen on it, these numbers flatter: "
            "they are not those of a test."
        )
    if image["auroc"] is None:
        limits.append(
            f"A class is missing from the {results['part']} part, so nothing could be ranked."
        )
    if image["threshold"] is None:
        kept = calibration["calibration_normals_flagged"]["n"]
        limits.append(
            f"There are too few calibration normals ({kept}) "
            f"for a false-alarm rate of {in_percent(calibration['false_alarm_rate'])}: there are no "
            "verdicts."
        )
    everybody = results["groups"]["all"]
    if everybody["flagged"] is not None and everybody["expected"] is not None:
        share, (low, high) = everybody["flagged"]["share"], everybody["expected"]
        if not low <= share <= high:
            limits.append(
                f"The false-alarm rate on {results['part']} normals ({percent(share)}) lies outside "
                f"what chance explains at the stated {in_percent(calibration['false_alarm_rate'])} "
                f"({percent(low)} to {percent(high)}): they differ from calibration normals."
            )
    if not calibration["is_own"]:
        limits.append(
            "The data set's calibration normals are not those that the model was calibrated on: "
            "the model is used outside its own data, and its threshold may not fit."
        )
    if seen := seen_told(results.get("seen_in_training")):
        limits.append(f"{seen}.")
    pixel = results["pixel"]
    if pixel is None and results["boxes"] is None:
        limits.append("There are neither pixel masks nor boxes, so the maps could not be measured.")
    elif pixel is not None and pixel["abnormal_without_mask"]:
        limits.append(
            f"The pixel truth of {pixel['abnormal_without_mask']} abnormal images is unknown; they "
            "are left out of the pixel metrics."
        )
    if results["reconstruction"] is None:
        limits.append("This detector gives no reconstruction.")
    limits += [f"The films: {literal(note)}." for note in results["data"].get("notes", ())]
    unreadable = results["data"].get("unreadable", ())
    if unreadable:
        limits.append(
            f"{len(unreadable)} films could not be read: {'; '.join(map(literal, unreadable))}."
        )
    terms = terms_of(results["data"]["name"])
    if terms is not None:
        limits.append(f"The data: {terms.limits}")
    return limits


def _headline(results: dict[str, Any]) -> str:
    image, n = results["image"], results["n"]
    text = (
        f"Measured on the **{results['part']} part**{READ[results['part']].partition('part')[2]}. On "
        f"{n['images']} images ({n['normal']} normal, {n['abnormal']} abnormal) the image AUROC is "
        f"**{with_interval(image['auroc'], image['auroc_ci'])}** (95 % bootstrap interval)."
    )
    if image["threshold"] is None:
        return text
    flagged = results["calibration"]["normals_flagged"]
    interval = flagged["ci"] or [None, None]
    text += (
        f" At the threshold that calibration normals give for a false-alarm rate of "
        f"{in_percent(image['false_alarm_rate'])}, {percent(image['sensitivity'])} of the abnormal images "
        f"are found, and {percent(flagged['share'])} of its normals are called unusual (95 "
        f"% interval {percent(interval[0])} to {percent(interval[1])})."
    )
    if without := _undecided(image):
        text += (
            f" {without} look like no film of the model's, so in use they get no verdict. The share of "
            "normals called unusual leaves them out; sensitivity, specificity and AUROC count them by "
            "their score."
        )
    return text


def _sentence(told: str) -> str:
    """A line of the terminal as a sentence of a page."""
    return f"{told[:1].upper()}{told[1:].removesuffix('.')}."


def _undecided(image: dict[str, Any]) -> str:
    """How many images get no verdict in use, as '2 normal and 0 abnormal images'; '' where all do."""
    without = image.get("without_verdict") or {"normal": 0, "abnormal": 0}
    if not sum(without.values()):
        return ""
    return f"{without['normal']} normal and {without['abnormal']} abnormal images"
