"""What a model card says beside the measurements: use, data, preparation, how to make it again."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
from typing import Any

from simsid.data.image_kind import kind_of
from simsid.data.terms import terms_of
from simsid.detectors.config import present_names
from simsid.detectors.registry import detector_class
from simsid.detectors.simsid_config import LESION

_INTENDED = (
    "Research on unsupervised anomaly detection: to compare methods, to look at what a detector "
    "trained on normal images alone finds unusual, and where. For images of the kind, age group "
    "and projection that it was trained on, read by people who know its false-alarm rate."
)
_OUT_OF_SCOPE = (
    "Diagnosis, triage, screening or any other decision about a patient; images of another body "
    "part, projection, modality or age group; use without a calibration on normals of one's own "
    "source. A low score is not evidence of health, a high one not evidence of disease."
)
_LIMITS = (
    "The numbers hold for images like those named above. Images of another source, age group, "
    "projection or device need a calibration on normals of their own."
)
_COMMIT = re.compile(r"commit ([0-9a-f]{40}(?:\+dirty)?)")


def sections(described: dict[str, Any], rate: float, commit: str | None) -> dict[str, str]:
    """Text by title, in the order of the card.

    Args:
        described: the content of the model folder's ``config.json``.
        rate: false-alarm rate that the threshold was set for.
        commit: of the kit that trained and measured; None where it is not known.
    """
    return {
        "Intended use": _INTENDED,
        "Out of scope": _OUT_OF_SCOPE,
        "Training data": _training_data(described),
        "Preprocessing": _preprocessing(described["preprocessing"]),
        "Limits": _LIMITS,
        "How to reproduce": _reproduce(described, rate, commit),
    }


def complete_card(text: str, described: dict[str, Any], rate: float) -> str:
    """A card with the sections that it lacks added at its end; what is there stays."""
    commit = _COMMIT.search(text)
    lacking = [
        f"## {title}\n\n{section}\n"
        for title, section in sections(described, rate, commit[1] if commit else None).items()
        if not re.search(rf"^## {title}\s*$", text, re.MULTILINE)
    ]
    return "\n".join([text.rstrip() + "\n", *lacking])


def trained_on(described: dict[str, Any]) -> str | None:
    """Name of the data set that the model learned from; None where it is not told."""
    name = _facts(described, "data").get("name")
    return name if isinstance(name, str) else None


def learned_from(described: dict[str, Any]) -> str:
    """What training saw, as the folder tells it: labels, not health, and what was painted or mixed in.

    Args:
        described: the content of the model folder's ``config.json``.
    """
    mixed = _facts(described, "data").get("contaminated")
    among = f", {mixed} abnormal ones mixed in," if mixed else ""
    painted = " and on lesions painted into them" if LESION in described["scores"] else ""
    return f"images that its data set calls normal{among}{painted}".removesuffix(",")


def _training_data(described: dict[str, Any]) -> str:
    data = _facts(described, "data")
    terms = terms_of(trained_on(described))
    source = (
        f"{terms.source}. Licence: {terms.licence}. {terms.limits}"
        if terms
        else "Images of the owner's own, under the owner's own terms."
    )
    counts = [f"{data[part]} normals to {verb}" for part, verb in
              (("train", "train"), ("calibration", "calibrate")) if part in data]  # fmt: skip
    mixed = f"; {data['contaminated']} abnormal ones among them" if data.get("contaminated") else ""
    return " ".join([source, *([", ".join(counts) + mixed + "."] if counts else [])])


def _preprocessing(stated: dict[str, Any]) -> str:
    height, width = stated["image_size"]
    window = stated["window"]
    grey = f"percentiles {window[0]:g} to {window[1]:g}" if window else "the film's own range"
    clahe = f", then CLAHE with clip limit {stated['clahe']:g}" if stated["clahe"] else ""
    return (
        f"Grey levels: {grey} to [0, 1]; {stated['fit']} to {height} x {width} px (height x width), "
        f"antialiased{clahe}. The kit does this at every door; the settings are in `config.json`."
    )


def _reproduce(described: dict[str, Any], rate: float, commit: str | None) -> str:
    fingerprint = described.get("facts", {}).get("data_fingerprint")
    origin = f"data fingerprint {fingerprint}" if fingerprint else "data without a fingerprint"
    versions = ", ".join(f"{k} {v}" for k, v in described.get("versions", {}).items())
    told = f"Commit {commit or 'not recorded'} of the kit; {origin}; {versions}."
    if not _facts(described, "training").get("preset"):
        return f"{told} Trained from Python with `fit`; all settings are in `config.json`."
    return f"{told}\n\n```\n{_command(described, rate)}\n```"


def _command(described: dict[str, Any], rate: float) -> str:
    """The training command, with what differs from the preset spelled out."""
    data, training = _facts(described, "data"), _facts(described, "training")
    options: dict[str, Any] = {"dataset": data.get("name")}
    if "split" in data:
        prepared = described["preprocessing"]
        window = prepared["window"]
        options |= {
            "data-root": "DATA_ROOT",
            "split": data["split"],
            "split-seed": data.get("split_seed", 0),
            "image-size": "x".join(map(str, prepared["image_size"])),
            "fit": prepared["fit"],
            "window": ",".join(map(str, window)) if window else "none",
            "clahe": prepared["clahe"],
        }
        if data.get("grid_size") and "config" not in data:
            options["grid"] = "x".join(map(str, data["grid_size"]))
        if data.get("view"):
            options["view"] = data["view"]
    elif isinstance(data.get("config"), dict):
        made = data["config"]
        names = {"digits": "digits", "difficulty": "difficulty", "seed": "data-seed"}
        if made.get("generator", 1) != 1:
            names["generator"] = "generator"
        if data.get("track"):
            options["track"] = data["track"]
        else:
            options |= {option: made[key] for key, option in names.items() if key in made}
    if data.get("contaminated"):
        options["contamination"] = round(data["contaminated"] / data["train"], 4)
    options |= {"model": described["detector"], "false-alarm-rate": rate}
    options |= {name.replace("_", "-"): training[name] for name in
                ("preset", "epochs", "batch_size", "seed", "device", "precision")
                if name in training}  # fmt: skip
    options |= {f"detector.{key}": value for key, value in _changed(described).items()}
    words = [word for key, value in options.items() for word in (f"--{key}", _word(value))]
    return shlex.join(["python", "-m", "simsid.train", *words])


def _changed(described: dict[str, Any]) -> dict[str, Any]:
    """Settings of the detector that are not the preset's."""
    config_class = detector_class(described["detector"]).config_class
    config = present_names(config_class, described["config"])
    preset = config_class.preset(
        _facts(described, "training")["preset"],
        tuple(config["image_size"]),
        kind_of(_facts(described, "data")),
    )
    plain = json.loads(json.dumps(dataclasses.asdict(preset)))
    return {key: value for key, value in config.items() if plain.get(key) != value}


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _facts(described: dict[str, Any], key: str) -> dict[str, Any]:
    found = described.get("facts", {}).get(key)
    return found if isinstance(found, dict) else {}
