"""``anomalib:NAME``: any image model of the anomalib library under this kit's contract.

The library is optional: nothing of it is imported before a name with that prefix is asked for.
"""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from simsid.data.image_kind import ImageKind
from simsid.detectors.anomalib_library import (
    LibraryModel,
    has_own_epochs,
    image_model,
    quiet,
    train_model,
)
from simsid.detectors.base import Detector
from simsid.detectors.config import DetectorConfig
from simsid.detectors.contract import Evidence
from simsid.detectors.method import Batches
from simsid.errors import SimsidError

ANOMALY = "anomaly"
_QUICK = {"backbone": "resnet18"}  # for models that take one
_OURS = ("pre_processor", "post_processor", "evaluator", "visualizer", "pre_trained")


@dataclass(frozen=True, kw_only=True)
class AnomalibConfig(DetectorConfig):
    """All numbers of an ``anomalib:`` model; saved with the weights.

    Attributes:
        grid_size: regions in which scores are told; the model does not know them.
        settings: arguments of the library's own class, as (("num_neighbors", 5),); its defaults
            for all others.
        pre_trained: begin with a backbone's published weights, which the library downloads.
    """

    settings: tuple[tuple[str, str | int | float | bool], ...] = ()
    pre_trained: bool = False
    fusion: tuple[tuple[str, float], ...] = ((ANOMALY, 1.0),)

    @classmethod
    def numbers(cls, preset: str, image_size: tuple[int, int], kind: ImageKind) -> dict[str, Any]:
        """'quick' takes a ResNet-18 where there is a choice; 'paper' the library's defaults."""
        return {"settings": tuple(_QUICK.items())} if preset == "quick" else {}


class AnomalibDetector(Detector):
    """A model of anomalib, trained by Lightning and scored by its own image score and map.

    Component ``anomaly``: the library's image score, alike in every region; the map is the
    library's, where it gives one. Films are given as three equal channels at the detector's size,
    with the library's own normalisation. What the library draws (first weights, order, PaDiM's
    choice of features, the first vector of a coreset) follows the run's seed; a model that draws
    nothing is the same for every seed.

    Not supported: going on within a training that was stopped (it begins again), several ranks,
    scores before training, and models that keep what they learned elsewhere than in weights and
    buffers: those are refused at the end of training, since no model folder could hold them.
    """

    config_class = AnomalibConfig
    components = (ANOMALY,)
    gives_reconstruction = False
    built_bytes = 512 * 2**20  # whole backbones are built before their last layers are dropped
    own_maps: ClassVar[bool] = True
    library_class: ClassVar[type[LibraryModel]]
    config: AnomalibConfig

    def __init__(self, config: AnomalibConfig) -> None:
        super().__init__(config)
        # Never pre-trained here: opening a stranger's model folder must download nothing.
        self.model = self._built(pre_trained=False)

    def _built(self, pre_trained: bool) -> LibraryModel:
        cls = self.library_class
        takes = inspect.signature(cls).parameters
        given = {key: value for key, value in self.config.settings if key in takes or
                 (key, value) not in _QUICK.items()}  # fmt: skip
        for key, value in given.items():
            if key in _OURS or (isinstance(value, str) and not value.isidentifier()):
                raise ValueError(f"the setting '{key}' cannot be {value!r} here")
        if "pre_trained" in takes:
            given["pre_trained"] = pre_trained
        off = dict.fromkeys(("post_processor", "evaluator", "visualizer"), False)
        prepare = cls.configure_pre_processor(image_size=self.image_size)
        return cls(**given, pre_processor=prepare, **off)

    def stages(self) -> tuple[()]:
        return ()

    def unused_options(self) -> tuple[str, ...]:
        return ("epochs", "precision") if has_own_epochs(self.model) else ("precision",)

    def train_by_itself(self, batches: Batches, epochs: int, batch_size: int) -> None:
        """Let the library train its model; then prove that a model folder can hold it.

        Random numbers are those of the global generators, which the loop has just seeded.

        Raises:
            KeyboardInterrupt: it was stopped; it begins again where it is resumed.
            SimsidError: the library fails, or keeps what it learned where it cannot be saved.
        """
        device = self.device
        with quiet():
            try:
                if self.config.pre_trained:
                    self.model = self._built(pre_trained=True)
                films = torch.cat([images.cpu() for images in batches()])
                train_model(self.model, films, epochs, batch_size, device)
            except Exception as error:  # somebody else's code
                raise SimsidError(f"'{self.name}' cannot be trained: {error}") from error
        self.to(device).eval()
        self.round_weights()
        self._prove(next(iter(batches()))[:4].to(device))

    @torch.inference_mode()
    def _prove(self, images: Tensor) -> None:
        """A second detector, given this one's state, must score alike."""
        with torch.random.fork_rng():
            twin = type(self)(self.config)
        state, fresh = self.state_dict(), twin.state_dict()
        try:
            if any(value.dtype != fresh[name].dtype for name, value in state.items()):
                raise TypeError("a buffer changed its type")
            twin.make_room({name: tuple(value.shape) for name, value in state.items()})
            twin.load_state_dict(state)
            found = twin.to(images.device).eval().evidence(images).regions[ANOMALY]
            alike = torch.equal(found, self.evidence(images).regions[ANOMALY])
        except Exception:  # it may fail in any way with what is missing
            alike = False
        if not alike:
            raise SimsidError(
                f"'{self.name}' keeps part of what it learned outside its weights and buffers: "
                "no model folder can hold it, and this kit does not support it"
            )

    def make_room(self, shapes: dict[str, tuple[int, ...]]) -> None:
        """Bring every buffer of the library's model to the shape that it was saved in."""
        for name, value in list(self.model.named_buffers()):
            shape = shapes.get(f"model.{name}", tuple(value.shape))
            if shape != tuple(value.shape):
                owner, _, key = name.rpartition(".")
                setattr(self.model.get_submodule(owner), key, value.new_zeros(shape))

    def evidence(self, images: Tensor) -> Evidence:
        found = self.model.model(self.model.pre_processor(images.expand(-1, 3, -1, -1)))
        rows, cols = self.grid_size
        score, pixels = found.pred_score, {}
        if found.anomaly_map is not None:
            anomaly_map = found.anomaly_map.reshape(len(images), 1, *found.anomaly_map.shape[-2:])
            size = self.image_size
            pixels = {ANOMALY: F.interpolate(anomaly_map.float(), size, mode="bilinear")}
        if score is None:
            score = pixels[ANOMALY].amax((1, 2, 3))
        return Evidence({ANOMALY: score.float().reshape(-1, 1).expand(-1, rows * cols)}, pixels)


@functools.cache
def adapter_class(model: str) -> type[AnomalibDetector]:
    """The detector class of anomalib's image model of that name, such as 'reverse_distillation'.

    Raises:
        SimsidError: the library is not installed, or has no such model.
    """
    cls = image_model(model)
    return type(
        f"Anomalib{cls.__name__}",
        (AnomalibDetector,),
        {"name": f"anomalib:{model}", "library_class": cls},
    )
