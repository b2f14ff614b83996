"""What to train, on which data and where: read from a command's options, before anything is built."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simsid.data.choice import DataChoice
from simsid.data.datasets import RadiographData
from simsid.data.options import data_choice, load_choice
from simsid.detectors.build import build_detector
from simsid.detectors.calibration import check_rates
from simsid.detectors.registry import detector_class
from simsid.errors import SimsidError, check_at_least_one
from simsid.training.loop import Training
from simsid.training.options import TrainOptions
from simsid.training.run_folder import RunFolder
from simsid.training.trackers import tracker_names
from simsid.training.transfer import begin_from, starting_model


@dataclass(frozen=True)
class TrainPlan:
    """One training, from data to calibration; nothing is read or built yet.

    Attributes:
        model, preset, detector: which detector, and its settings that differ from the preset.
        data: which data.
        options: of the loop; the preset says how many epochs where ``preset_epochs`` is set.
        false_alarm_rate, rate_confidence: see ``Detector.calibrate``.
        init_from: run folder, model folder or bundled model to begin with: its weights, its
            settings and its preparation of films, in place of the preset's.
        run: where everything goes; it holds a checkpoint to go on from where ``resume`` is set.
        examine: whether to examine the model after training, see ``settle_score``.
        report: whether to evaluate and write a report at the end.
        log_with: names of experiment trackers, see ``tracker_names``.
    """

    model: str
    preset: str
    detector: Mapping[str, Any]
    data: DataChoice
    options: TrainOptions
    preset_epochs: bool
    false_alarm_rate: float
    rate_confidence: float | None
    init_from: str | None
    run: RunFolder
    resume: bool
    report: bool
    examine: bool = True
    log_with: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: Mapping[str, Any], run: RunFolder) -> TrainPlan:
        """The plan that the options of ``python -m simsid.train`` ask for.

        Raises:
            SimsidError, ValueError: an unknown model, or a number that cannot be.
        """
        detector_class(settings["model"])
        check_at_least_one(epochs=settings["epochs"], batch_size=settings["batch_size"])
        if settings["seed"] < 0:
            raise SimsidError(f"--seed must be 0 or more, not {settings['seed']}")
        options = TrainOptions(
            epochs=settings["epochs"] if settings["epochs"] is not None else 1,
            batch_size=settings["batch_size"],
            seed=settings["seed"],
            device=settings["device"],
            precision=settings["precision"],
        )
        check_rates(settings["false_alarm_rate"], settings.get("rate_confidence"))
        without_sizes = {key: value for key, value in settings.items() if key != "preset"}
        return cls(
            model=settings["model"],
            preset=settings["preset"],
            detector=dict(settings["detector"]),
            data=data_choice(without_sizes if settings.get("init_from") else settings),
            options=options,
            preset_epochs=settings["epochs"] is None,
            false_alarm_rate=settings["false_alarm_rate"],
            rate_confidence=settings.get("rate_confidence"),
            init_from=settings.get("init_from"),
            run=run,
            resume=settings["resume"],
            report=settings["report"],
            examine=settings.get("examine", True),
            log_with=tracker_names(settings.get("log_with"), settings.get("tensorboard")),
        )


@dataclass(frozen=True)
class Prepared:
    """A plan with its data, and its detector in a training that has not begun.

    Attributes:
        began_from: whose weights the detector has, see ``begin_from``; None where they are drawn.
    """

    plan: TrainPlan
    data: RadiographData
    training: Training
    began_from: dict[str, Any] | None


def prepare(plan: TrainPlan) -> Prepared:
    """Load the data and build the detector.

    Raises:
        SimsidError: the data cannot be had, or the settings make no detector.
    """
    cls = detector_class(plan.model)
    other = starting_model(cls, plan.init_from) if plan.init_from else None
    data = load_choice(plan.data, other.preprocessing if other else None)
    settings = other.config if other else plan.preset
    detector = build_detector(cls, settings, data, plan.detector, plan.options.seed)
    # A checkpoint, where there is one, comes after it.
    began_from = begin_from(detector, other, plan.init_from or "") if other else None
    options = plan.options
    if plan.preset_epochs:
        steps = len(data.train) // min(options.batch_size, len(data.train))
        epochs = cls.epochs_for(plan.preset, detector.config, steps)
        options = dataclasses.replace(options, epochs=epochs)
    training = Training(
        detector, data.train, options, plan.run, data.fingerprint, data.train_populations
    )
    return Prepared(plan, data, training, began_from)
