"""The detector around a method: what is the same for all of them, whatever they see in a film.

Raw evidence is standardised with the statistics of training normals, reduced to one score an
image, fused, and compared with calibration normals. What an author writes is ``Method``; to train,
see ``simsid.training.fit``; to save and load, ``simsid.detectors.model_folder``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from simsid.data.preprocess import Preprocessing
from simsid.detectors.beside_normals import beside_normals
from simsid.detectors.border import as_batch
from simsid.detectors.calibration import (
    DEFAULT_FALSE_ALARM_RATE,
    MAP_QUANTILES,
    Calibration,
)
from simsid.detectors.contract import Evidence, Told
from simsid.detectors.found_share import FoundShare
from simsid.detectors.half_precision import round_to_half
from simsid.detectors.localise import deviation, localise
from simsid.detectors.method import Batches, Method
from simsid.detectors.normal_statistics import mean_film, normal_statistics
from simsid.detectors.placement import PlacementCheck, fit_placement, shrink
from simsid.detectors.population import PopulationCheck, enough_normals
from simsid.detectors.training_films import TrainingFilms
from simsid.models.expected import ExpectedFilm
from simsid.prediction import Prediction

FUSED = "fused"
# Prefixes of weights that are of the data at hand, and that a model folder may lack.
CHECKS = ("placement.", "population.", "expected.")


class Detector(Method):
    """Base of every registered detector: a method, with all that is needed to use it.

    Attributes:
        region_mean, region_std, pixel_mean, pixel_std: see ``NormalStatistics``; of training
            normals. A method may read them in ``image_score`` and ``fused_map``.
        normal_mean, normal_deviation: the mean normal film, and how far films lie from it.
        placement: says of a film whether it is one of the kind that was trained on.
        expected: tells what a normal film would have at a place, from all other places.
        preprocessing: what every door does to a film first.
        facts: of data and training, saved with the weights.
        found: what its card says of abnormal films that it found; None without a card.
        training_films: hashes of the films that training saw; None where that is not known.
        saved: settings as its model folder has them, by name; empty for one that was not loaded.
    """

    region_mean: Tensor
    region_std: Tensor
    pixel_mean: Tensor
    pixel_std: Tensor
    normal_mean: Tensor
    normal_deviation: Tensor

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        count, regions = len(self.components), self.grid_size[0] * self.grid_size[1]
        self.register_buffer("region_mean", torch.zeros(count, regions))
        self.register_buffer("region_std", torch.ones(count, regions))
        self.register_buffer("pixel_mean", torch.zeros(count))
        self.register_buffer("pixel_std", torch.ones(count))
        self.register_buffer("normal_mean", torch.zeros(1, 1, *self.image_size))
        self.register_buffer("normal_deviation", torch.ones(()))
        self.placement = PlacementCheck()
        self.population = PopulationCheck()
        self.expected = ExpectedFilm(self.image_size, self.grid_size)
        self.preprocessing = Preprocessing(self.image_size)
        self.facts: dict[str, Any] = {}
        self.found: tuple[FoundShare | None, ...] = ()
        self.saved: dict[str, Any] = {}
        self.training_films: TrainingFilms | None = None
        self._calibration: Calibration | None = None

    # --- calibration ------------------------------------------------------------------------

    @property
    def is_calibrated(self) -> bool:
        """Whether there are calibration normals to compare scores with."""
        return self._calibration is not None

    @property
    def calibration(self) -> Calibration:
        """The scores of calibration normals.

        Raises:
            ValueError: there are none.
        """
        if self._calibration is None:
            raise ValueError(f"'{self.name}' is not calibrated: fit it, or load a model folder")
        return self._calibration

    @calibration.setter
    def calibration(self, calibration: Calibration | None) -> None:
        self._calibration = calibration

    @torch.inference_mode()
    def calibrate(
        self,
        normals: np.ndarray | Tensor,
        false_alarm_rate: float = DEFAULT_FALSE_ALARM_RATE,
        names: Sequence[str] = (),
        confidence: float | None = None,
    ) -> None:
        """Score calibration normals and keep their scores: p-values and thresholds come from them.

        Each normal counts for the population that it looks most like, as new films will.

        Args:
            names: of the populations, where the detector knows several.
            confidence: see ``Calibration``.

        Raises:
            ValueError: none of the normals looks like one of the populations.
        """
        self.eval()
        batches = self.as_batch(normals).to(self.device).split(32)
        prediction = Prediction.concatenate([self._predict_batch(p, FUSED, None) for p in batches])
        low, high = np.quantile(prediction.anomaly_map, MAP_QUANTILES).tolist()
        several = self.population.num_populations > 1 and len(names) > 1
        looks = None
        if self.population.num_populations:
            looks = torch.cat([self.population.distances(part).amin(1) for part in batches])
        self.calibration = Calibration(
            prediction.scores,
            false_alarm_rate,
            (low, high),
            prediction.population if several else None,
            tuple(names) if several else ("",),
            confidence,
            None if looks is None else looks.cpu().numpy(),
        )

    # --- scores -----------------------------------------------------------------------------

    @property
    def score_names(self) -> tuple[str, ...]:
        """Names accepted by ``predict``; the first is the default."""
        return (FUSED, *self.components)

    def standardised(self, evidence: Evidence) -> Float[Tensor, "components batch patches"]:
        """Region evidence in standard deviations of training normals, region by region."""
        raw = torch.stack([evidence.regions[name].float() for name in self.components])
        return (raw - self.region_mean[:, None]) / self.region_std[:, None]

    def fuse(self, z: Float[Tensor, "components batch patches"]) -> Float[Tensor, "batch patches"]:
        """Weighted mean of the standardised components of each region."""
        return torch.einsum("c,cbp->bp", self.fusion_weights().to(z.device), z)

    def regions_by_score(self, evidence: Evidence) -> dict[str, Float[Tensor, "batch patches"]]:
        """The standardised regions that each named score is reduced from, the fused ones first."""
        z = self.standardised(evidence)
        return {FUSED: self.fuse(z)} | {name: z[i] for i, name in enumerate(self.components)}

    # --- maps, in standard deviations of normals --------------------------------------------

    def map_of(
        self, name: str, images: Tensor, evidence: Evidence, regions: Tensor
    ) -> Float[Tensor, "batch 1 h w"]:
        """Anomaly map of one score, whose ``regions`` are given."""
        if name != FUSED:
            return self.component_map(name, images, evidence, regions)
        drawn = self.fused_map(images, evidence, regions)
        if drawn is not None:
            return drawn
        if not self.own_maps:
            return self._localise(regions, images)
        weights = zip(self.fusion_shares(), self.components, strict=True)
        maps = [w * self.component_map(c, images, evidence, regions) for w, c in weights if w]
        return sum(maps[1:], start=maps[0])

    def component_map(
        self, name: str, images: Tensor, evidence: Evidence, regions: Tensor
    ) -> Float[Tensor, "batch 1 h w"]:
        """The component's own pixels, standardised; without any, ``regions`` say where to look."""
        if name not in evidence.pixels:
            return self._localise(regions, images)
        index = self.components.index(name)
        return (evidence.pixels[name].float() - self.pixel_mean[index]) / self.pixel_std[index]

    def _localise(
        self, regions: Float[Tensor, "batch patches"], images: Float[Tensor, "batch 1 h w"]
    ) -> Float[Tensor, "batch 1 h w"]:
        grid, far = regions.reshape(-1, 1, *self.grid_size), deviation(images, self.normal_mean)
        return localise(grid, far, self.normal_deviation, self.config.map_floor, self.image_size)

    # --- prediction -------------------------------------------------------------------------

    @torch.inference_mode()
    def predict(
        self,
        images: np.ndarray | Tensor,
        score: str | None = None,
        batch_size: int = 32,
        precision: Literal["fp32", "bf16"] = "fp32",
    ) -> Prediction:
        """Score images. Higher = more abnormal.

        Args:
            images: (batch, 1, height, width) or (batch, height, width), float in [0, 1] or uint8,
                at the detector's ``image_size``.
            score: one of ``score_names``; None for the default.
            batch_size: images in one pass.
            precision: 'bf16' is faster and rounds: for a first look at many films, since the
                calibration was made in 'fp32'.

        Raises:
            ValueError: wrong shape, range or score name, or a detector that is not calibrated.
        """
        score = score or self.score_names[0]
        if score not in self.score_names:
            raise ValueError(
                f"unknown score '{score}'; '{self.name}' has {', '.join(self.score_names)}"
            )
        calibration, images = self.calibration, self.as_batch(images)
        lower = torch.autocast(self.device.type, torch.bfloat16, enabled=precision == "bf16")
        with self._evaluating(), lower:
            parts = [
                self._predict_batch(part, score, calibration) for part in images.split(batch_size)
            ]
        return Prediction.concatenate(parts)

    @contextmanager
    def _evaluating(self) -> Iterator[None]:
        """In evaluation mode, and then in the mode of before; a change visits all modules."""
        was_training = self.training
        if was_training:
            self.eval()
        try:
            yield
        finally:
            if was_training:
                self.train()

    def as_batch(self, images: np.ndarray | Tensor) -> Float[Tensor, "batch 1 height width"]:
        """Check images at the border and bring them to (batch, 1, height, width) float32.

        Raises:
            ValueError: wrong number of axes, wrong size, out of [0, 1] or not finite.
        """
        return as_batch(images, self.image_size)

    @property
    def device(self) -> torch.device:
        """Where the weights are, and images are taken to."""
        return self.region_mean.device

    def _predict_batch(
        self, images: Tensor, score: str, calibration: Calibration | None
    ) -> Prediction:
        images = images.to(self.device)
        told = self.tell(images, score)
        return beside_normals(told, score, calibration, self._population_of(images, calibration))

    def tell(self, images: Float[Tensor, "batch 1 height width"], score: str) -> Told:
        """Every score of a batch on the detector's device, with regions and map of one of them."""
        evidence = self.evidence(images)
        by_name = self.regions_by_score(evidence)
        scores = {
            name: self.image_score(name, by_name[name]).double().cpu().numpy()
            for name in self.score_names
        }
        drawn, rebuilt = (
            self.map_of(score, images, evidence, by_name[score]),
            evidence.reconstruction,
        )
        return Told(
            scores,
            by_name[score].reshape(-1, *self.grid_size).float().cpu().numpy(),
            drawn.float().cpu().numpy(),
            None if rebuilt is None else rebuilt.float().clamp(0, 1).cpu().numpy(),
        )

    def _population_of(self, images: Tensor, calibration: Calibration | None) -> np.ndarray:
        """The population whose normals each film is compared with; 0 where one was calibrated on."""
        if calibration is not None and len(calibration.names) == 1:
            return np.zeros(len(images), np.int64)
        return self.population.nearest(images).cpu().numpy()

    # --- after training ---------------------------------------------------------------------

    def round_weights(self) -> None:
        """Round what was learned to half precision: the model folder takes half the space.

        Called once after training, before anything is measured with the weights, so that every
        number that is kept belongs to the rounded ones. Arithmetic stays in float32.
        """
        round_to_half(self.parameters())

    @torch.inference_mode()
    def set_reference(self, batches: Batches) -> None:
        """Statistics of training normals: of all evidence for standardisation, of pixels for maps.

        Args:
            batches: gives an iterator over (b, 1, height, width) normals, anew at each call.
        """
        self.eval()
        self.normal_mean.copy_(mean_film(batches(), self.normal_mean))
        far = [
            deviation(images.to(self.device), self.normal_mean).mean((1, 2, 3))
            for images in batches()
        ]
        self.normal_deviation.copy_(torch.cat(far).mean())
        films = (images.to(self.device) for images in batches())
        evidences = ((self.evidence(images), images.numel()) for images in films)
        for name, values in normal_statistics(evidences, self.components)._asdict().items():
            getattr(self, name).copy_(values)

    def set_expected(self, batches: Batches) -> None:
        """Learn from training normals what a place of a film has, told from all other places."""
        self.expected.fit(torch.cat(list(batches())).to(self.device))

    def expected_films(
        self, images: Float[Tensor, "batch 1 height width"]
    ) -> Float[Tensor, "batch 1 height width"]:
        """Each region as a normal film would have it, in-painted without its own content."""
        return self.expected(images, self.normal_mean)

    def set_placement(self, batches: Batches) -> None:
        """Learn from training normals what an image must look like to be scored at all."""
        small = torch.cat([shrink(images.cpu()) for images in batches()])
        fit_placement(self.placement, small)

    def set_populations(
        self, batches: Batches, populations: Int[Tensor, " n"] | None = None
    ) -> None:
        """Learn from training normals which populations there are, and what is of none of them.

        Too few normals to learn it from widen what the model to begin with knew, if there was one.

        Args:
            populations: of each normal, from 0; None: all are of one.
        """
        small = torch.cat([shrink(images.cpu()) for images in batches()])
        if populations is None:
            populations = torch.zeros(len(small), dtype=torch.long)
        if self.population.num_populations and not enough_normals(populations):
            self.population.set_limits(small.to(self.device))
        else:
            self.population.fit(small, populations.cpu())

    # --- weights ----------------------------------------------------------------------------

    def make_room(self, shapes: dict[str, tuple[int, ...]]) -> None:
        """Bring the buffers named in ``growing`` to the lengths that saved weights have.

        Args:
            shapes: of the saved weights, by name; one that differs in another axis than the first
                is left as it is, for the loader to refuse.
        """
        for name in (*self.growing, *(f"population.{key}" for key in PopulationCheck.growing)):
            owner, _, key = name.rpartition(".")
            own, shape = self.get_buffer(name), shapes.get(name, ())
            if len(shape) == own.ndim and tuple(shape[1:]) == own.shape[1:]:
                setattr(self.get_submodule(owner), key, own.new_zeros(shape))

    @torch.no_grad()
    def take_over(self, weights: Mapping[str, Tensor]) -> None:
        """Begin with the weights that another run of the same method has learned.

        What scoring compares with (statistics, memory banks, placement, calibration) comes from
        the new data; networks that only training needs begin as they were drawn.

        Raises:
            ValueError: one of them does not fit; it is named, with both shapes.
        """
        own = self.state_dict()
        left = (*CHECKS, *self.growing, *self.training_only)
        for name, value in weights.items():
            if name.startswith(left):
                continue
            if name not in own or own[name].shape != value.shape:
                here = tuple(own[name].shape) if name in own else "not there"
                raise ValueError(f"'{name}' has shape {tuple(value.shape)}, here it is {here}")
            own[name].copy_(value)
        self.begun_elsewhere = True
        self.copy_to_learners()
