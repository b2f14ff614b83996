"""What an author writes: networks, how they are trained, what they see in a film, and why.

The detector around it (``simsid.detectors.base``) standardises, calibrates, predicts and saves.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from simsid.detectors.config import DetectorConfig
from simsid.detectors.contract import Evidence, Explanation, Player, Stage
from simsid.errors import SimsidError

Batches = Callable[[], Iterator[Tensor]]
"""Gives all training normals anew at each call, as (b, 1, height, width) batches in [0, 1]."""


class Method(nn.Module, ABC):
    """The author's half of every registered detector; derive from ``Detector``, which is the whole.

    Subclasses set ``name``, ``config_class`` and ``components`` and implement ``evidence``, and
    ``players`` and ``training_step`` where gradients train them; one that only looks at the
    normals has no ``stages`` and does so in ``consolidate``. All other methods have a default.

    Attributes:
        config: a :class:`DetectorConfig`; saved with the weights.
        default_epochs: for each preset, where nobody says how many.
        training_only: prefixes of weights that scoring never reads: they are not saved.
        growing: buffers whose first axis is as long as the data made it.
        gives_reconstruction: whether ``evidence`` holds one.
        own_maps: the fused map joins the maps of the components, with the weights of fusion.
        built_bytes: a constructor may take so many, whatever the weights file fills.
        begun_elsewhere: training begins with the weights of another run, see ``take_over``.

    Raises:
        ValueError: settings out of range, or that do not go together; here and in subclasses.
    """

    name: ClassVar[str]
    config_class: ClassVar[type[DetectorConfig]]
    components: tuple[str, ...]
    settles_score: ClassVar[bool] = False  # whether the examination may change ``fusion``
    default_epochs: ClassVar[dict[str, int]] = {"quick": 10, "paper": 100}
    training_only: ClassVar[tuple[str, ...]] = ()
    growing: ClassVar[tuple[str, ...]] = ()
    gives_reconstruction: ClassVar[bool] = True
    own_maps: ClassVar[bool] = False
    built_bytes: ClassVar[int] = 8 * 2**20

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config
        self.components = self.components_of(config)
        self.image_size: tuple[int, int] = tuple(config.image_size)
        self.grid_size: tuple[int, int] = tuple(config.grid_size)
        self.begun_elsewhere = False
        self._shares: list[float] | None = None
        if any(side % cells for side, cells in zip(self.image_size, self.grid_size, strict=True)):
            raise ValueError(
                f"image_size {self.image_size} is not divisible by grid_size {self.grid_size}"
            )
        if config.reduce not in ("max", "mean"):
            raise ValueError(f"reduce must be 'max' or 'mean', not '{config.reduce}'")
        if not torch.isfinite(self.fusion_weights()).all():
            raise ValueError("the weights of fusion must not sum to zero")

    # --- scoring ----------------------------------------------------------------------------

    @abstractmethod
    def evidence(self, images: Float[Tensor, "batch 1 height width"]) -> Evidence:
        """Raw evidence of every component for these images, in evaluation mode."""

    @classmethod
    def components_of(cls, config: Any) -> tuple[str, ...]:
        """Names of the components of ``evidence`` under this configuration."""
        return cls.components

    def fusion_weights(self) -> Float[Tensor, " components"]:
        """Share of each component in the fused score, of sum 1: ``fusion`` of the configuration."""
        wanted = dict(self.config.fusion)
        unknown = set(wanted) - set(self.components)
        if unknown:
            raise ValueError(f"fusion names unknown components: {sorted(unknown)}")
        weights = torch.tensor([float(wanted.get(name, 0.0)) for name in self.components])
        return weights / weights.sum()

    def fusion_shares(self) -> list[float]:
        """``fusion_weights`` as numbers."""
        shares: list[float] = self._shares or self.fusion_weights().tolist()
        return shares

    def settle(self) -> None:
        """Read off buffers what scoring computes from their values: for a copy that a graph is made of.

        A tracer knows no values. Whoever changes the buffers afterwards scores wrongly.
        """
        self._shares = self.fusion_shares()

    def practised_families(self) -> tuple[str, ...]:
        """Families of made anomalies like those that training showed, see ``simsid.examination``."""
        return ()

    def image_score(
        self, name: str, regions: Float[Tensor, "batch patches"]
    ) -> Float[Tensor, " batch"]:
        """Standardised regions to the image's score; subclasses follow a paper where they must."""
        return regions.max(1).values if self.config.reduce == "max" else regions.mean(1)

    def fused_map(
        self, images: Tensor, evidence: Evidence, regions: Float[Tensor, "batch patches"]
    ) -> Float[Tensor, "batch 1 height width"] | None:
        """The map of the fused score, where the method draws one; None leaves it to the detector.

        Args:
            regions: the fused scores.
        """
        return None

    def explain(self, image: np.ndarray, region: tuple[int, int]) -> Explanation:
        """Why ``region`` (row, column) of a (height, width) image scored as it did.

        Raises:
            SimsidError: this detector has no memory to explain with.
        """
        raise SimsidError(f"'{self.name}' has no memory to explain its scores with")

    def embedding(self, images: np.ndarray | Tensor) -> dict[str, np.ndarray] | None:
        """``features`` (n, patches, dim) of images and memory ``slots`` (patches, slots, dim).

        For the report's t-SNE; None where there is no memory.
        """
        return None

    # --- training by gradients --------------------------------------------------------------

    def copy_to_learners(self) -> None:
        """Networks that only training needs, from the weights that were taken over.

        For a method that scores with a running mean of what it trains; by default they stay as
        they were drawn.
        """
        return

    def stages(self) -> Sequence[Stage]:
        """Parts of training by gradients, in order; none where ``consolidate`` does everything."""
        return (Stage("joint"),)

    @classmethod
    def epochs_for(cls, preset: str, config: Any, steps_per_epoch: int) -> int:
        """Passes over the training normals that are enough where nobody says how many."""
        return cls.default_epochs[preset]

    def unused_options(self) -> tuple[str, ...]:
        """Training options that mean nothing to this method: accepted, and said to be unused."""
        return () if self.stages() else ("epochs", "batch_size", "precision")

    def begin_stage(self, stage: str, batches: Batches) -> None:
        """Called before the first step of a stage (not again on resume within it)."""

    def players(self, stage: str) -> dict[str, Player]:
        """The optimisers of a stage, by name."""
        raise NotImplementedError(f"'{self.name}' says nothing of how to train its stage '{stage}'")

    def augment(self, images: Tensor) -> Tensor:
        """Training-time augmentation of a batch."""
        return images

    def training_step(
        self, images: Float[Tensor, "batch 1 height width"], stage: str
    ) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Yield (player, losses) in turn; ``losses["loss"]`` is minimised before the next yield."""
        raise NotImplementedError(f"'{self.name}' says nothing of how to train its stage '{stage}'")

    # --- after it ---------------------------------------------------------------------------

    def train_by_itself(self, batches: Batches, epochs: int, batch_size: int) -> None:
        """Called once before ``consolidate``: for a method with a training loop of its own."""

    def consolidate(self, batches: Batches) -> None:
        """Called once after training: build what scoring needs from the training normals.

        Global random generators have been seeded from the run's seed.
        """
