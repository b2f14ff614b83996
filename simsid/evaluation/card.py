"""The model card: ``README.md`` of a model folder, with measured numbers only."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import yaml

from simsid.detectors.found_share import SENSITIVITY_ROW, population_row
from simsid.detectors.model_files import ModelFolder
from simsid.evaluation.blocks import number, percent, valued, with_interval
from simsid.evaluation.card_sections import complete_card, learned_from
from simsid.evaluation.content import DISCLAIMER, READ
from simsid.examination.examine import Examination
from simsid.examination.table import TITLE, to_text
from simsid.files import write_text
from simsid.outputs import check_file, text_holds
from simsid.shares import in_percent
from simsid.terminal import literal

_LICENSE = "apache-2.0"
_WEIGHTS = "Measured with weights of sha256"


def write_card(model_folder: Path, results: dict[str, Any]) -> None:
    """Write the card from the model folder's own config and from ``evaluate``'s results.

    Raises:
        OSError: the folder lacks ``config.json`` or weights, or cannot be written.
    """
    files = ModelFolder(model_folder)
    described = json.loads(files.config.read_text(encoding="utf-8"))
    digest = hashlib.sha256(files.weights.read_bytes()).hexdigest()
    text = card_text(described, results) + f"\n{_WEIGHTS} {digest}.\n"
    write_text(files.card, text)


def check_card(model_folder: Path) -> None:
    """Refuse to write over what somebody else wrote in a card's place.

    Raises:
        SimsidError: there is such a file.
    """
    card = ModelFolder(model_folder).card
    check_file(
        card, "--card", "a model card", lambda path: text_holds(path, DISCLAIMER), pipes=False
    )


def measured_weights(card: str) -> str | None:
    """The sha256 of the weights that a card's numbers belong to; None in cards without it."""
    found = re.search(rf"^{_WEIGHTS} ([0-9a-f]{{64}})\.$", card, re.MULTILINE)
    return found[1] if found else None


def card_text(described: dict[str, Any], results: dict[str, Any]) -> str:
    """Hugging Face front matter with a ``model-index``, then the card itself."""
    front = yaml.safe_dump(_front_matter(described, results), sort_keys=False, allow_unicode=True)
    card = f"---\n{front}---\n\n" + "\n\n".join(_body(described, results)) + "\n"
    return complete_card(card, described, results["image"]["false_alarm_rate"])


def _front_matter(described: dict[str, Any], results: dict[str, Any]) -> dict[str, Any]:
    image, pixel = results["image"], results["pixel"] or {}
    measured = [
        ("roc_auc", "image AUROC", image["auroc"]),
        ("average_precision", "image AUPR", image["aupr"]),
        ("f1", "F1 at the calibrated threshold", image["f1"]),
        ("accuracy", "accuracy at the calibrated threshold", image["accuracy"]),
        ("roc_auc", "pixel AUROC", pixel.get("auroc")),
    ]
    metrics = [
        {"type": kind, "name": name, "value": round(value, 4)}
        for kind, name, value in measured
        if value is not None
    ]
    dataset = results["data"]["name"]
    evaluated = {
        "task": {"type": "image-classification", "name": "unsupervised anomaly detection"},
        "dataset": {
            "type": dataset,
            "name": f"{dataset} ({results['data_fingerprint']})",
            "split": results["part"],
        },
        "metrics": metrics,
    }
    front: dict[str, Any] = {
        "license": _LICENSE,
        "library_name": "simsid",
        "tags": ["anomaly-detection", "unsupervised", "radiography", described["detector"]],
    }
    if metrics:  # an empty model-index is refused by the Hub
        name = f"{described['detector']}-{dataset}"
        front["model-index"] = [{"name": name, "results": [evaluated]}]
    return front


def _body(described: dict[str, Any], results: dict[str, Any]) -> list[str]:
    image, pixel, n = results["image"], results["pixel"], results["n"]
    calibration, size = results["calibration"], described["image"]
    flagged = calibration["normals_flagged"]
    rows = [
        ("image AUROC [95 % interval]", with_interval(image["auroc"], image["auroc_ci"])),
        ("image AUPR", number(image["aupr"])),
        (SENSITIVITY_ROW, number(image["sensitivity"])),
        *_found(image),
        ("specificity at the threshold", number(image["specificity"])),
        ("F1 at the threshold", number(image["f1"])),
    ]
    rows += [(f"image AUROC, {literal(kind)} (n = {v['n']})", number(v["auroc"]))
             for kind, v in results["by_kind"].items()]  # fmt: skip
    if pixel is not None:
        rows += [("pixel AUROC", number(pixel["auroc"])), ("AUPRO", number(pixel["aupro"]))]
    if results["boxes"] is not None:
        rows.append((f"pointing game, {results['boxes']['n']} films with boxes [95 % interval]",
                     valued(results["boxes"]["pointing"])))  # fmt: skip
    rows += [(f"normals flagged, {attribute} {literal(group)} (n = {measured['flagged']['n']})",
              percent(measured["flagged"]["share"]))
             for attribute, members in results["groups"]["by"].items()
             for group, measured in members.items() if measured["flagged"]]  # fmt: skip
    table = "\n".join(["| metric | value |", "|---|---:|", *(f"| {a} | {b} |" for a, b in rows)])
    return [
        f"# {described['detector']} on {results['data']['name']}",
        f"**{DISCLAIMER}**",
        f"An anomaly detector trained on {learned_from(described)}. It takes grey images of "
        f"{size['height']} x {size['width']} px with values in [0, 1] and gives a score (higher = "
        "more abnormal), a conformal p-value and an anomaly map.",
        "## Measured",
        f"On {n['normal']} normal and {n['abnormal']} abnormal images of "
        f"{results['data']['name']} (data {results['data_fingerprint']}, commit "
        f"{results['commit'] or 'none'}), one training run. Measured on the {READ[results['part']]}.",
        table,
        "## Threshold",
        f"{_thresholds(image)}, from {calibration['calibration_normals_flagged']['n']} "
        f"normals kept out of training, for a false-alarm rate of {in_percent(image['false_alarm_rate'])}; "
        f"of the {results['part']} normals {percent(flagged['share'])} were flagged.",
        *_examination(results.get("examination")),
        "## Use",
        "```\npython -m simsid.score IMAGES --model THIS_FOLDER --out scores.csv\n```",
    ]


def _examination(content: dict[str, Any] | None) -> list[str]:
    if content is None:
        return []
    return [f"## {TITLE}", to_text(Examination.from_json(content))]


def _found(image: dict[str, Any]) -> list[tuple[str, str]]:
    """What each population's threshold found of the abnormal films that get a verdict, and how many get none.

    Of one population it is told where some get none: else it is the share of all.
    """
    each = image.get("found") or {}
    without = (image.get("without_verdict") or {}).get("abnormal", 0)
    left = [("abnormal images without a verdict", str(without))] if without else []
    if len(each) == 1 and without:
        (found,) = each.values()
        return [(population_row("with a verdict", found["n"]), number(found["share"])), *left]
    if len(each) < 2:
        return []
    return [
        (population_row(literal(name), found["n"]), number(found["share"]))
        for name, found in each.items()
    ] + left


def _thresholds(image: dict[str, Any]) -> str:
    """The threshold, or that of each population."""
    several = image.get("thresholds") or {}
    if len(several) < 2:
        return number(image["threshold"])
    return ", ".join(f"{number(value)} ({name})" for name, value in several.items())
