"""What the report says, in words and tables; how it looks is ``render``'s."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

PAPERS_SCORES = ("discriminator", "reconstruction")
DISCLAIMER = "Research software, not a medical device: not for diagnosis or any clinical decision."
_CAPTIONS = {
    "panels": "Input (outline: truth), reconstruction and anomaly map of two images of each kind: "
    "the median by score, and a harder one. The colour scale is fixed by normals.",
    "curves": "Receiver operating characteristic and precision against recall. Bands: pointwise 95 "
    "% bootstrap intervals over test images.",
    "scores": "Scores of calibration normals, test normals and each kind.",
    "reconstruction": "How far reconstructions are from their images.",
    "why": "The most abnormal region of each kind's median image: as it came, rebuilt, the memory slots "
    "it was rebuilt from, decoded, with their addressing weights, and the training patch nearest to "
    "the strongest slot.",
    "training": "Training losses by step: faint each step, strong a running mean.",
    "embedding": "t-SNE of patch features of calibration normals and of memory slots, left by "
    "source, right by region.",
}


@dataclass(frozen=True)
class Table:
    """Header and rows of text; the first column is left-aligned, the others right."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Picture:
    """A figure's file name, beside the report, and its caption."""

    file: Path
    caption: str


@dataclass(frozen=True)
class Section:
    """A titled part of the report: paragraphs, tables and pictures, in order."""

    title: str
    blocks: tuple[str | Table | Picture, ...]


def title_of(results: dict[str, Any]) -> str:
    return f"{results['detector']} on {results['data']['name']}"


def summary_of(results: dict[str, Any], report: Path) -> str:
    """A few lines for a terminal."""
    image, pixel = results["image"], results["pixel"]
    kinds = ", ".join(f"{kind} {number(v['auroc'])}" for kind, v in results["by_kind"].items())
    lines = [
        f"image AUROC {with_interval(image['auroc'], image['auroc_ci'])}"
        + (f"  ({kinds})" if kinds else "")
    ]
    if pixel is not None:
        lines.append(f"pixel AUROC {number(pixel['auroc'])}, AUPRO {number(pixel['aupro'])}")
    if image["threshold"] is not None:
        flagged = results["calibration"]["test_normals_flagged"]["share"]
        lines.append(
            f"at the calibrated threshold: sensitivity {number(image['sensitivity'])}, false "
            f"alarms {_percent(flagged)} (stated {_percent(image['false_alarm_rate'])})"
        )
    else:
        lines.append(
            "no verdicts: there are too few calibration normals for a false-alarm rate of "
            f"{_percent(image['false_alarm_rate'])}; at {_percent(0.05)} it takes 19"
        )
    return "\n".join([*lines, f"report: {report}"])


def sections_of(
    results: dict[str, Any], figures: dict[str, Path], command: str | None = None
) -> list[Section]:
    """The whole report from ``evaluate``'s results and the figures that were drawn."""
    pictures = {name: Picture(file, _CAPTIONS.get(name, name)) for name, file in figures.items()}

    def shown(*names: str) -> tuple[Picture, ...]:
        return tuple(pictures[name] for name in names if name in pictures)

    sections = [
        Section("Result", (_headline(results), _headline_table(results), *shown("panels"))),
        Section("By kind of anomaly", (_kind_table(results), *shown("curves", "scores"))),
        Section("By score", (
            "The papers score an image by the discriminator or by the reconstruction error; both "
            "are computed here beside this kit's own.", _score_table(results))),
    ]  # fmt: skip
    if results["pixel"] is not None:
        sections.append(
            Section("Where the anomaly is", (_pixel_words(results), _pixel_table(results)))
        )
    if results["reconstruction"] is not None:
        table = _reconstruction_table(results)
        sections.append(Section("Reconstruction", (table, *shown("reconstruction"))))
    if shown("why"):
        sections.append(Section("Why", shown("why")))
    if shown("training", "embedding"):
        sections.append(Section("Training and memory", shown("training", "embedding")))
    sections.append(Section("Limits", tuple(limits_of(results))))
    sections.append(Section("How this was made", (_provenance(results, command),)))
    return sections


def limits_of(results: dict[str, Any]) -> list[str]:
    """What the numbers do not say, and what is missing."""
    image, calibration = results["image"], results["calibration"]
    limits = [
        DISCLAIMER,
        "One training run: intervals cover the choice of test images, not the training seed. A "
        "bootstrap interval that ends at 1.000 means that the resamples hold no error, not "
        "certainty.",
        "`oracle` numbers use the threshold that is best on these very labels, as the papers do. "
        "No user can reach them without labels.",
    ]
    if image["auroc"] is None:
        limits.append("A class is missing from the test part, so nothing could be ranked.")
    if image["threshold"] is None:
        kept = calibration["calibration_normals_flagged"]["n"]
        limits.append(
            f"There are too few calibration normals ({kept}) "
            f"for a false-alarm rate of {calibration['false_alarm_rate']:.0%}: there are no "
            "verdicts."
        )
    interval = calibration["test_normals_flagged"]["ci"]
    if image["threshold"] is not None and interval is not None:
        rate = calibration["false_alarm_rate"]
        if not interval[0] <= rate <= interval[1]:
            limits.append(
                f"The false-alarm rate on test normals lies outside the stated {rate:.0%} "
                f"(interval {_percent(interval[0])} to {_percent(interval[1])}): test normals "
                "differ from calibration normals."
            )
    if not calibration["is_own"]:
        limits.append(
            "The data set's calibration normals are not those that the model was calibrated on: "
            "the model is used outside its own data, and its threshold may not fit."
        )
    pixel = results["pixel"]
    if pixel is None:
        limits.append("There are no pixel masks, so the maps could not be measured.")
    elif pixel["abnormal_without_mask"]:
        limits.append(
            f"{pixel['abnormal_without_mask']} abnormal images have no mask and are left out of "
            "the pixel metrics."
        )
    if results["reconstruction"] is None:
        limits.append("This detector gives no reconstruction.")
    return limits


def number(value: float | None, digits: int = 3) -> str:
    return "n/a" if value is None else f"{value:.{digits}f}"


def with_interval(value: float | None, interval: list[float] | None) -> str:
    if value is None or interval is None:
        return number(value)
    return f"{value:.3f} [{interval[0]:.3f}, {interval[1]:.3f}]"


def _percent(value: float | None) -> str:
    return "n/a" if value is None else f"{100 * value:.1f} %"


def _headline(results: dict[str, Any]) -> str:
    image, n = results["image"], results["n"]
    text = (
        f"On {n['test']} test images ({n['test_normal']} normal, {n['test_abnormal']} abnormal), "
        f"read once, the image AUROC is **{with_interval(image['auroc'], image['auroc_ci'])}** (95 "
        "% bootstrap interval)."
    )
    if image["threshold"] is None:
        return text
    flagged = results["calibration"]["test_normals_flagged"]
    interval = flagged["ci"] or [None, None]
    return text + (
        f" At the threshold that calibration normals give for a false-alarm rate of "
        f"{image['false_alarm_rate']:.0%}, {_percent(image['sensitivity'])} of the abnormal images "
        f"are found, and {_percent(flagged['share'])} of the test normals are called abnormal (95 "
        f"% interval {_percent(interval[0])} to {_percent(interval[1])})."
    )


def _headline_table(results: dict[str, Any]) -> Table:
    image = results["image"]
    rows = (
        ("AUROC", with_interval(image["auroc"], image["auroc_ci"]), "n/a"),
        ("AUPR", number(image["aupr"]), "n/a"),
        ("accuracy", number(image["accuracy"]), number(image["oracle_accuracy"])),
        ("F1", number(image["f1"]), number(image["oracle_f1"])),
        ("sensitivity", number(image["sensitivity"]), "n/a"),
        ("specificity", number(image["specificity"]), "n/a"),
        ("threshold", number(image["threshold"]), number(image["oracle_f1_threshold"])),
    )
    return Table(("image metric", "calibrated threshold", "oracle (best on test)"), rows)


def _kind_table(results: dict[str, Any]) -> Table:
    rows = tuple(
        (kind, with_interval(value["auroc"], value["auroc_ci"]), str(value["n"]))
        for kind, value in results["by_kind"].items()
    )
    return Table(("kind", "AUROC against all normals [95 % interval]", "n"), rows)


def _score_table(results: dict[str, Any]) -> Table:
    rows = []
    for name, value in results["by_score"].items():
        whose = "papers'" if name in PAPERS_SCORES else "this kit's"
        default = ", default" if name == results["score"] else ""
        interval = with_interval(value["auroc"], value["auroc_ci"])
        rows.append((name.replace("_", " "), whose + default, interval, number(value["aupr"])))
    return Table(("score", "whose", "AUROC [95 % interval]", "AUPR"), tuple(rows))


def _pixel_words(results: dict[str, Any]) -> str:
    pixel = results["pixel"]
    return (
        f"Over all pixels of {pixel['n']} test images. Dice and IoU are taken at the map value "
        f"that {pixel['normal_pixels_flagged']:.0%} of the pixels of calibration normals exceed "
        f"({number(pixel['threshold'])}). AUPRO: overlap by connected region, up to a "
        "false-positive rate of 0.3."
    )


def _pixel_table(results: dict[str, Any]) -> Table:
    pixel = results["pixel"]
    names = {"auroc": "pixel AUROC", "aupro": "AUPRO", "dice": "Dice", "iou": "IoU",
             "oracle_dice": "oracle Dice (best on test)"}  # fmt: skip
    return Table(("pixel metric", "value"), tuple((t, number(pixel[k])) for k, t in names.items()))


def _reconstruction_table(results: dict[str, Any]) -> Table:
    values = results["reconstruction"]
    names = {
        "mse": ("mean squared error", 5),
        "ssim": ("SSIM", 3),
        "kl": (f"KL divergence of grey levels, {values['kl_bins']} bins, nats", 4),
    }
    rows = tuple(
        (text, number(values[key]["normal"], digits), number(values[key]["abnormal"], digits))
        for key, (text, digits) in names.items()
    )
    return Table(("mean over test images", "normals", "abnormals"), rows)


def _provenance(results: dict[str, Any], command: str | None) -> Table:
    n, versions = results["n"], results["versions"]
    model = results["model"]
    rows = [
        ("data fingerprint", results["data_fingerprint"]),
        ("commit of the kit", results["commit"] or "none (not a checkout)"),
        ("normals", f"{n['train']} to train, {n['calibration']} to calibrate"),
        ("model", f"{model['parameters']:,} parameters, {_size(model['image_size'])} px, "
                  f"{_size(model['grid_size'])} regions"),
        ("time", f"{results['seconds']:.1f} s on {model['device']}, "
                 f"{results['images_per_second']:.0f} images a second scored"),
        ("versions", ", ".join(f"{name} {text}" for name, text in versions.items() if text)),
    ]  # fmt: skip
    if command:
        rows.append(("command", f"`{command}`"))
    return Table(("what", "value"), tuple(rows))


def _size(size: list[int]) -> str:
    return " x ".join(str(side) for side in size)
