"""The methods of a curve: trained models by their folder, others trained by name, one time each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser

from simsid.data.datasets import RadiographData
from simsid.data.sets.digitanatomy import make_digitanatomy
from simsid.detectors import Detector, detector_class, detector_names, load_model
from simsid.detectors.build import build_detector
from simsid.errors import DataError, SimsidError, check_at_least_one
from simsid.files import roots_text
from simsid.training.fit import fit
from synth import AnatomyConfig

TRAIN, CALIBRATION = 1600, 400


def add_method_options(parser: ArgumentParser) -> None:
    """Add which methods are measured, and how those without a trained model are trained."""
    add = parser.add_argument
    add("--models", type=roots_text, default="simsid",
        help="methods with commas between: names to train on the track, or run or model folders")  # fmt: skip
    add("--train", type=int, default=TRAIN, help="normals that methods are trained on")
    add("--epochs", type=int | None, default=None, help="of each training; default: the preset's")
    add("--seed", type=int, default=0, help="of the trainings")
    add("--device", type=str, default="cpu", help="where to compute: cpu or cuda")


@dataclass(frozen=True)
class MethodChoice:
    """Which methods are measured.

    Attributes:
        names: of detectors, to train, or of run or model folders.
        train: normals that methods are trained on. epochs: of each; None as the preset asks.
        seed: of the trainings. device: where to compute.
    """

    names: tuple[str, ...]
    train: int
    epochs: int | None
    seed: int
    device: str


def method_choice(options: Mapping[str, Any]) -> MethodChoice:
    """What the options of ``add_method_options`` say.

    Raises:
        SimsidError: there is no method, or a number cannot be.
    """
    names = tuple(name.strip() for name in options["models"].split(",") if name.strip())
    if not names:
        raise SimsidError("--models names none; give names or folders with commas between")
    check_at_least_one(train=options["train"], epochs=options["epochs"])
    return MethodChoice(
        names, options["train"], options["epochs"], options["seed"], options["device"]
    )


def methods(
    choice: MethodChoice, config: AnatomyConfig, say: Callable[[str], None]
) -> dict[str, Detector]:
    """Every method, trained and calibrated, by the name that tables show.

    Raises:
        SimsidError: one is neither a detector nor a folder, or takes other images.
    """
    names = choice.names
    # A detector's name comes first: a checkout has folders of the same names.
    known = detector_names()
    models = {
        n: load_model(Path(n), choice.device) for n in names if n not in known and Path(n).is_dir()
    }
    for name, detector in models.items():
        _check_size(name, detector, config)
    for name in names:
        if name not in models:
            detector_class(name)
    data = None if len(models) == len(names) else _normals(config, choice.train)
    found: dict[str, Detector] = {}
    for name in names:
        if name in models:
            shown = Path(name).name
            found[name if shown in found else shown] = models[name]
        else:
            assert data is not None
            say(f"training {name}")
            found[name] = _trained(name, data, choice)
    return found


def _check_size(name: str, detector: Detector, config: AnatomyConfig) -> None:
    if detector.image_size != config.shape:
        raise DataError(
            f"{name} takes images of {detector.image_size} px, those of the track have {config.shape}"
        )


def _normals(config: AnatomyConfig, train: int) -> RadiographData:
    return make_digitanatomy(config, train, CALIBRATION, 0, 0, 0)


def _trained(name: str, data: RadiographData, choice: MethodChoice) -> Detector:
    detector = build_detector(detector_class(name), "quick", data, {}, choice.seed)
    more = {} if choice.epochs is None else {"epochs": choice.epochs}
    return fit(
        detector, data.train, data.calibration, seed=choice.seed, device=choice.device, **more
    )
