"""One contract for every detector: evidence, standardisation, calibration, prediction, explanation.

A detector says what it sees (``evidence``: raw numbers for each region and pixel) and how it is
trained (``players``, ``training_step``). Everything after that is the same for all and lives here:
numbers are standardised with the statistics of training normals, reduced to one score an image,
fused, and compared with calibration normals.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from simsid.data.preprocess import Preprocessing
from simsid.detectors.border import as_batch
from simsid.detectors.calibration import (
    DEFAULT_FALSE_ALARM_RATE,
    MAP_QUANTILES,
    Calibration,
)
from simsid.detectors.contract import Evidence, Explanation, Player, Stage
from simsid.detectors.normal_statistics import normal_statistics
from simsid.detectors.placement import PlacementCheck, shrink
from simsid.detectors.population import PopulationCheck
from simsid.errors import SimsidError
from simsid.prediction import Prediction

FUSED = "fused"


class Detector(nn.Module, ABC):
    """Base of every registered detector.

    Subclasses set ``name``, ``config_class`` and ``components`` and implement ``evidence``, and
    ``players`` and ``training_step`` where gradients train them; one that only looks at the
    normals has no ``stages`` and does so in ``consolidate``. The configuration has at least
    ``image_size`` (height, width) in pixels, ``grid_size`` (rows, columns) of regions, ``fusion``
    (component, weight), ``reduce`` ('max', 'mean' over regions) and ``map_floor`` (how much of a
    region's score shows on pixels that look like the mean normal).

    Raises:
        ValueError: settings out of range, or that do not go together; here and in subclasses.
    """

    name: ClassVar[str]
    config_class: ClassVar[type]
    components: tuple[str, ...]
    default_epochs: ClassVar[dict[str, int]] = {"quick": 10, "paper": 100}
    training_only: ClassVar[tuple[str, ...]] = ()  # prefixes of weights that scoring never reads
    # Buffers whose first axis is as long as the data made it.
    growing: ClassVar[tuple[str, ...]] = ()
    gives_reconstruction: ClassVar[bool] = True
    own_maps: ClassVar[bool] = False  # the fused map joins those of the components, see ``_map``
    # A constructor may take so many, whatever the weights file fills.
    built_bytes: ClassVar[int] = 8 * 2**20

    begun_elsewhere: bool = False  # training began with the weights of another run

    region_mean: Tensor
    region_std: Tensor
    pixel_mean: Tensor
    pixel_std: Tensor
    normal_mean: Tensor
    normal_deviation: Tensor

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config
        self.components = self.components_of(config)
        self.image_size: tuple[int, int] = tuple(config.image_size)
        self.grid_size: tuple[int, int] = tuple(config.grid_size)
        rows, cols = self.grid_size
        if self.image_size[0] % rows or self.image_size[1] % cols:
            raise ValueError(
                f"image_size {self.image_size} is not divisible by grid_size {self.grid_size}"
            )
        if config.reduce not in ("max", "mean"):
            raise ValueError(f"reduce must be 'max' or 'mean', not '{config.reduce}'")
        if not torch.isfinite(self._fusion_weights()).all():
            raise ValueError("the weights of fusion must not sum to zero")
        count = len(self.components)
        self.register_buffer("region_mean", torch.zeros(count, rows * cols))
        self.register_buffer("region_std", torch.ones(count, rows * cols))
        self.register_buffer("pixel_mean", torch.zeros(count))
        self.register_buffer("pixel_std", torch.ones(count))
        self.register_buffer("normal_mean", torch.zeros(1, 1, *self.image_size))
        self.register_buffer("normal_deviation", torch.ones(()))
        self.placement = PlacementCheck()
        self.population = PopulationCheck()
        self.calibration: Calibration | None = None
        self.preprocessing = Preprocessing(self.image_size)  # what every door does to a film first
        self.facts: dict[str, Any] = {}  # data fingerprint, training facts: saved with the weights

    # --- what a subclass says -------------------------------------------------------------

    @abstractmethod
    def evidence(self, images: Float[Tensor, "batch 1 height width"]) -> Evidence:
        """Raw evidence of every component for these images, in evaluation mode."""

    def players(self, stage: str) -> dict[str, Player]:
        """The optimisers of a stage, by name."""
        raise NotImplementedError(f"'{self.name}' says nothing of how to train its stage '{stage}'")

    def training_step(
        self, images: Float[Tensor, "batch 1 height width"], stage: str
    ) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Yield (player, losses) in turn; ``losses["loss"]`` is minimised before the next yield."""
        raise NotImplementedError(f"'{self.name}' says nothing of how to train its stage '{stage}'")

    @classmethod
    def components_of(cls, config: Any) -> tuple[str, ...]:
        """Names of the components of ``evidence`` under this configuration."""
        return cls.components

    @classmethod
    def epochs_for(cls, preset: str, config: Any, steps_per_epoch: int) -> int:
        """Passes over the training normals that are enough where nobody says how many."""
        return cls.default_epochs[preset]

    def stages(self) -> Sequence[Stage]:
        """Parts of training by gradients, in order; none where ``consolidate`` does everything."""
        return (Stage("joint"),)

    def unused_options(self) -> tuple[str, ...]:
        """Training options that mean nothing to this method: accepted, and said to be unused."""
        return () if self.stages() else ("epochs", "batch_size", "precision")

    def begin_stage(self, stage: str) -> None:
        """Called before the first step of a stage (not again on resume within it)."""

    def study(self, stage: str, batches: Callable[[], Iterator[Tensor]]) -> None:
        """Called right after ``begin_stage``: what a stage takes from all training normals at once."""

    def plan(self, epochs: int, batch_size: int) -> None:
        """Called right before ``consolidate``, for a method that trains there by itself."""

    def consolidate(self, batches: Callable[[], Iterator[Tensor]]) -> None:
        """Called once after training: build what scoring needs from the training normals.

        Global random generators have been seeded from the run's seed.
        """

    def augment(self, images: Tensor) -> Tensor:
        """Training-time augmentation of a batch."""
        return images

    def explain(self, image: np.ndarray, region: tuple[int, int]) -> Explanation:
        """Why ``region`` (row, column) of a (height, width) image scored as it did.

        Raises:
            SimsidError: this detector has no memory to explain with.
        """
        raise SimsidError(f"'{self.name}' has no memory to explain its scores with")

    # --- scores ---------------------------------------------------------------------------

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
        weights = self._fusion_weights().to(z.device)
        return torch.einsum("c,cbp->bp", weights, z)

    def _fusion_weights(self) -> Tensor:
        wanted = dict(self.config.fusion)
        unknown = set(wanted) - set(self.components)
        if unknown:
            raise ValueError(f"fusion names unknown components: {sorted(unknown)}")
        weights = torch.tensor([float(wanted.get(name, 0.0)) for name in self.components])
        return weights / weights.sum()

    def reduce(self, regions: Float[Tensor, "batch patches"]) -> Float[Tensor, " batch"]:
        """One score an image from the scores of its regions."""
        if self.config.reduce == "max":
            return regions.max(1).values
        return regions.mean(1)

    def image_score(
        self, name: str, regions: Float[Tensor, "batch patches"]
    ) -> Float[Tensor, " batch"]:
        """Standardised regions to the image's score; subclasses follow a paper where they must."""
        return self.reduce(regions)

    def _map(
        self, name: str, images: Tensor, evidence: Evidence, regions: Tensor
    ) -> Float[Tensor, "batch 1 h w"]:
        """Anomaly map of one score, in standard deviations of normals.

        Of the fused score: where ``own_maps``, the components' maps with the weights of fusion; else
        the regions say where to look.
        """
        if name == FUSED and self.own_maps:
            weights = zip(self._fusion_weights().tolist(), self.components, strict=True)
            return sum(w * self._map(c, images, evidence, regions) for w, c in weights if w)
        if name in evidence.pixels:
            index = self.components.index(name)
            return (evidence.pixels[name].float() - self.pixel_mean[index]) / self.pixel_std[index]
        return self._localise(regions, images)

    def _localise(
        self, regions: Float[Tensor, "batch patches"], images: Float[Tensor, "batch 1 h w"]
    ) -> Float[Tensor, "batch 1 h w"]:
        """Regions say where to look; within one, pixels far from the mean normal film stand out.

        The factor is 1 on average over normals, so the map stays in units of the regions' scores;
        regions more normal than average fade to zero.
        """
        grid = F.softplus(regions).reshape(-1, 1, *self.grid_size)
        factor = (self.config.map_floor + self._deviation(images)) / (
            self.config.map_floor + self.normal_deviation
        )
        return F.interpolate(grid, size=self.image_size, mode="nearest") * factor

    def _deviation(self, images: Tensor) -> Float[Tensor, "batch 1 h w"]:
        """Distance from the mean normal film, blurred a little."""
        distance = (images - self.normal_mean).abs()
        return F.avg_pool2d(distance, 5, 1, 2, count_include_pad=False)

    # --- prediction -----------------------------------------------------------------------

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
        if self.calibration is None:
            raise ValueError(f"'{self.name}' is not calibrated: call fit, or load a model folder")
        images = self.as_batch(images)
        was_training = self.training
        self.eval()
        try:
            with torch.autocast(self.device.type, torch.bfloat16, enabled=precision == "bf16"):
                parts = [self._predict_batch(part, score) for part in images.split(batch_size)]
        finally:
            self.train(was_training)
        return Prediction.concatenate(parts)

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

    def _predict_batch(self, images: Tensor, score: str) -> Prediction:
        images = images.to(self.device)
        evidence = self.evidence(images)
        z = self.standardised(evidence)
        fused = self.fuse(z)
        by_name = {FUSED: fused} | {name: z[i] for i, name in enumerate(self.components)}
        scores = {
            name: self.image_score(name, by_name[name]).double().cpu().numpy()
            for name in self.score_names
        }
        anomaly_map = self._map(score, images, evidence, by_name[score])
        calibration = self.calibration
        values = scores[score]
        unknown = np.full(len(values), np.nan)
        population = self._population_of(images)
        rebuilt = evidence.reconstruction
        return Prediction(
            score=values,
            anomaly_map=anomaly_map.float().cpu().numpy(),
            regions=by_name[score].reshape(-1, *self.grid_size).float().cpu().numpy(),
            p_value=calibration.p_value(score, values, population) if calibration else unknown,
            percentile=(
                calibration.percentile(score, values, population) if calibration else unknown
            ),
            reconstruction=None if rebuilt is None else rebuilt.float().clamp(0, 1).cpu().numpy(),
            scores=scores,
            population=population,
        )

    def _population_of(self, images: Tensor) -> np.ndarray:
        """The population whose normals each film is compared with; 0 where one was calibrated on."""
        if self.calibration is not None and len(self.calibration.names) == 1:
            return np.zeros(len(images), np.int64)
        return self.population.nearest(images).cpu().numpy()

    # --- after training -------------------------------------------------------------------

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
    def round_weights(self) -> None:
        """Round what was learned to half precision: the model folder takes half the space.

        Called once after training, before anything is measured with the weights, so that every
        number that is kept belongs to the rounded ones. Arithmetic stays in float32.
        """
        largest = torch.finfo(torch.float16).max
        for weights in self.parameters():
            if weights.dtype == torch.float32 and weights.abs().amax() < largest:
                weights.copy_(weights.half().float())

    @torch.inference_mode()
    def set_reference(self, batches: Callable[[], Iterator[Tensor]]) -> None:
        """Statistics of training normals: of all evidence for standardisation, of pixels for maps.

        Args:
            batches: gives an iterator over (b, 1, height, width) normals, anew at each call.
        """
        self.eval()
        totals = [(images.double().sum(0, keepdim=True), len(images)) for images in batches()]
        self.normal_mean.copy_(sum(total for total, _ in totals) / sum(n for _, n in totals))
        deviations = [
            self._deviation(images.to(self.device)).mean((1, 2, 3)) for images in batches()
        ]
        self.normal_deviation.copy_(torch.cat(deviations).mean())
        films = (images.to(self.device) for images in batches())
        evidences = ((self.evidence(images), images.numel()) for images in films)
        for name, values in normal_statistics(evidences, self.components)._asdict().items():
            getattr(self, name).copy_(values)

    def set_placement(self, batches: Callable[[], Iterator[Tensor]]) -> None:
        """Learn from training normals what an image must look like to be scored at all."""
        self.placement.fit(torch.cat([shrink(images.cpu()) for images in batches()]))

    def set_populations(
        self,
        batches: Callable[[], Iterator[Tensor]],
        populations: Int[Tensor, " n"] | None = None,
    ) -> None:
        """Learn from training normals which populations there are, and what is of none of them.

        Args:
            populations: of each normal, from 0; None: all are of one.
        """
        small = torch.cat([shrink(images.cpu()) for images in batches()])
        if populations is None:
            populations = torch.zeros(len(small), dtype=torch.long)
        self.population.fit(small, populations.cpu())

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
        self.calibration = None
        batches = self.as_batch(normals).to(self.device).split(32)
        prediction = Prediction.concatenate([self._predict_batch(part, FUSED) for part in batches])
        quantiles = np.quantile(prediction.anomaly_map, MAP_QUANTILES).tolist()
        several = self.population.num_populations > 1 and len(names) > 1
        looks = None
        if self.population.num_populations:
            looks = torch.cat([self.population.distances(part).amin(1) for part in batches])
        self.calibration = Calibration(
            prediction.scores,
            false_alarm_rate,
            tuple(quantiles),
            prediction.population if several else None,
            tuple(names) if several else ("",),
            confidence,
            None if looks is None else looks.cpu().numpy(),
        )

    def fit(
        self, images: np.ndarray, calibration: np.ndarray | None = None, **options: Any
    ) -> Detector:
        """Train on normal images (n, height, width), then calibrate on held-out normals.

        Without ``calibration``, a tenth of the images is held out. Options: see ``TrainOptions``.
        """
        from simsid.training.fit import fit_in_memory

        return fit_in_memory(self, images, calibration, **options)

    def save(self, folder: str | Path) -> None:
        """Write the model folder: weights, config, calibration, card. See ``model_folder``."""
        from simsid.detectors.model_folder import save_model

        save_model(self, Path(folder))
