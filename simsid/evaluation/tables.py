"""The tables of the report, and the words that explain one."""

from __future__ import annotations

from typing import Any

from simsid.evaluation.blocks import Table, number, percent, valued, with_interval
from simsid.evaluation.groups import MIN_IN_GROUP
from simsid.shares import in_percent, range_in_percent
from simsid.terminal import code, literal

PAPERS_SCORES = ("discriminator", "reconstruction")


def headline_table(results: dict[str, Any]) -> Table:
    image = results["image"]
    rows = (
        ("AUROC", with_interval(image["auroc"], image["auroc_ci"]), "n/a"),
        *shifted_row(results),
        ("AUPR", number(image["aupr"]), "n/a"),
        ("accuracy", number(image["accuracy"]), number(image["oracle_accuracy"])),
        ("F1", number(image["f1"]), number(image["oracle_f1"])),
        ("sensitivity", number(image["sensitivity"]), "n/a"),
        ("specificity", number(image["specificity"]), "n/a"),
        ("threshold", number(image["threshold"]), number(image["oracle_f1_threshold"])),
    )
    return Table(("image metric", "calibrated threshold", "oracle (best on these labels)"), rows)


def shifted_row(results: dict[str, Any]) -> tuple[tuple[str, str, str], ...]:
    """The second line of every report: what normals of another hospital might do."""
    shifted = results.get("shifted")
    if shifted is None:
        return ()
    told = with_interval(shifted["auroc"], shifted["auroc_ci"])
    return ((f"AUROC, the {shifted['normals']} normals least like training", told, "n/a"),)


def kind_table(results: dict[str, Any]) -> Table:
    rows = tuple(
        (literal(kind), with_interval(value["auroc"], value["auroc_ci"]), str(value["n"]))
        for kind, value in results["by_kind"].items()
    )
    return Table(("kind", "AUROC against all normals [95 % interval]", "n"), rows)


def score_table(results: dict[str, Any]) -> Table:
    rows = []
    for name, value in results["by_score"].items():
        whose = "papers'" if name in PAPERS_SCORES else "this kit's"
        default = ", default" if name == results["score"] else ""
        interval = with_interval(value["auroc"], value["auroc_ci"])
        rows.append((name.replace("_", " "), whose + default, interval, number(value["aupr"])))
    return Table(("score", "whose", "AUROC [95 % interval]", "AUPR"), tuple(rows))


def pixel_words(results: dict[str, Any]) -> str:
    pixel = results["pixel"]
    return (
        f"Over all pixels of the {pixel['n']} images whose truth is known{_with_masks(pixel)}. "
        "Dice and IoU are taken at the map value "
        f"that {in_percent(pixel['normal_pixels_flagged'])} of the pixels of calibration normals exceed "
        f"({number(pixel['threshold'])}). AUPRO: overlap by connected region, up to a "
        "false-positive rate of 0.3." + _logical_words(results)
    )


def _logical_words(results: dict[str, Any]) -> str:
    logical = results.get("logical")
    if not logical:
        return ""
    return (
        " sPRO (MVTec LOCO): the same for anomalies that are wrong only as a whole, where finding as "
        f"many pixels as would mend it is enough, up to a rate of {logical['fpr_limit']}."
    )


def _with_masks(pixel: dict[str, Any]) -> str:
    count = pixel.get("abnormal_with_mask")  # not in earlier reports
    return "" if count is None else f", {count} abnormal ones with a mask among them"


def pixel_table(results: dict[str, Any]) -> Table:
    pixel = results["pixel"]
    names = {"auroc": "pixel AUROC", "aupro": "AUPRO", "dice": "Dice", "iou": "IoU",
             "oracle_dice": "oracle Dice (best on these labels)"}  # fmt: skip
    rows = [(text, number(pixel[key])) for key, text in names.items()]
    logical = results.get("logical")  # not in earlier reports
    rows.append(("sPRO of logical anomalies", number(logical["spro"] if logical else None)))
    rows += [(f"… {literal(kind)}", number(value))
             for kind, value in (logical["by_kind"] if logical else {}).items()]  # fmt: skip
    return Table(("pixel metric", "value"), tuple(rows))


def reconstruction_table(results: dict[str, Any]) -> Table:
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
    return Table(("mean over images", "normals", "abnormals"), rows)


def provenance_table(results: dict[str, Any], command: str | None) -> Table:
    versions = results["versions"]
    model = results["model"]
    rows = [
        ("data fingerprint", results["data_fingerprint"]),
        ("commit of the kit", results["commit"] or "none (not a checkout)"),
        ("films", _films(results)),
        ("model", f"{model['parameters']:,} parameters, {_size(model['image_size'])} px, "
                  f"{_size(model['grid_size'])} regions"),
        ("time of training", _training_time(model["facts"])),
        ("time of this evaluation", f"{results['seconds']:.1f} s on {model['device']}, "
                 f"{results['images_per_second']:.0f} images a second scored"),
        ("versions", ", ".join(f"{name} {text}" for name, text in versions.items() if text)),
    ]  # fmt: skip
    if command:
        rows.append(("command", code(command)))
    return Table(("what", "value"), tuple(rows))


def _training_time(facts: dict[str, Any]) -> str:
    training = facts.get("training") or {}
    seconds = training.get("seconds")
    return "not recorded" if seconds is None else f"{seconds:.1f} s on {training['device']}"


def _size(size: list[int]) -> str:
    return " x ".join(str(side) for side in size)


def group_words(results: dict[str, Any]) -> list[str]:
    """What the table of groups shows, and what its groups do not."""
    groups = results["groups"]
    words = [
        f"Of {results['part']} normals with a verdict, the share called unusual at the stated rate of "
        f"{in_percent(groups['rate'])} (p-value at most {groups['rate']:g}), with its exact 95 % interval. "
        "'Expected' is the range that 95 % of such shares fall in when a group's normals are like "
        f"the {results['calibration']['calibration_normals_flagged']['n']} calibration normals: few "
        "calibration normals make a threshold that is itself uncertain. Among many groups, one in "
        "twenty falls outside by chance."
    ]
    if not groups["by"]:
        return [*words, "The data set tells neither view, age nor sex: there are no groups."]
    return [
        *words,
        f"A share takes {MIN_IN_GROUP} normals with a verdict, and says of how many it is; an AUROC takes "
        f"{MIN_IN_GROUP} normals and {MIN_IN_GROUP} abnormals, and compares within the group.",
    ]


def group_table(results: dict[str, Any]) -> Table:
    """All films, then each group."""
    groups = results["groups"]
    named = [("all", groups["all"])]
    named += [(f"{attribute}: {name}", measured)
              for attribute, members in groups["by"].items()
              for name, measured in members.items()]  # fmt: skip
    rows = []
    for name, measured in named:
        flagged, expected = measured["flagged"], measured["expected"]
        share = "n/a"
        if flagged is not None:
            low, high = flagged["ci"]
            share = (
                f"{percent(flagged['share'])} [{100 * low:.1f}, {100 * high:.1f}] of {flagged['n']}"
            )
        chance = "n/a" if expected is None else range_in_percent(*expected, digits=1)
        auroc = with_interval(measured["auroc"], measured["auroc_ci"])
        counts = (str(measured["normal"]), str(measured["abnormal"]))
        rows.append((literal(name), *counts, share, chance, auroc))
    header = ("group", "normals", "abnormals", "normals flagged [95 % interval]", "expected",
              "AUROC [95 % interval]")  # fmt: skip
    return Table(header, tuple(rows))


def box_words(results: dict[str, Any]) -> str:
    """What the pointing game and the overlaps are, and on how many films."""
    boxes = results["boxes"]
    left_out = boxes["abnormal_without_box"]
    without = f" ({left_out} abnormal films have none and are left out)" if left_out else ""
    return (
        f"On {boxes['n']} abnormal films with {boxes['boxes']} boxes of findings{without}. Pointing "
        "game: the share of films whose map has its maximum in a box. IoU: pixels above the map "
        f"value that {in_percent(boxes['normal_pixels_flagged'])} of the pixels of calibration normals "
        f"exceed ({number(boxes['threshold'])}), against the union of a film's boxes, or against the "
        "box that fits best. Boxes are rough: read each number beside its reference."
    )


def box_table(results: dict[str, Any]) -> Table:
    """Each measure of the boxes beside what no skill would score."""
    boxes = results["boxes"]
    random = f"{number(boxes['chance_pointing'])} random pixel"
    rows = (
        ("pointing game", valued(boxes["pointing"]), random),
        ("pointing game, centre of the film", valued(boxes["centre_pointing"]), random),
        ("IoU, union of boxes", valued(boxes["iou"]),
         f"{number(boxes['chance_iou'])} as many random pixels"),
        ("Dice, union of boxes", valued(boxes.get("dice")), ""),  # none in earlier reports
        ("IoU, best box", valued(boxes["best_box_iou"]), ""),
        ("oracle IoU, union of boxes", valued(boxes["oracle_iou"]),
         f"{number(boxes['chance_pointing'])} the whole film"),
        ("oracle IoU, best box", valued(boxes["oracle_best_box_iou"]), ""),
    )  # fmt: skip
    return Table(("map against boxes", "mean over films [95 % interval]", "reference"), rows)


def _films(results: dict[str, Any]) -> str:
    n, mixed = results["n"], results["data"]["facts"].get("contaminated", 0)
    train = f"{n['train']} to train" + (f", {mixed} of them abnormal on purpose" if mixed else "")
    return f"{train}; {n['calibration']} normals to calibrate"
