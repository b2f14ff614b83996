"""MSACL as a first stage: what the detectors share whose backbone it trains on the normals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from torch import Tensor

from simsid.detectors.base import Detector
from simsid.detectors.contract import Player, Stage
from simsid.models.backbones import Backbone
from simsid.models.msacl import MsaclTraining

PRETRAINING = "pretraining"


class MsaclPretraining(Detector):
    """A detector with MSACL before everything else; beside another base class it comes first.

    The subclass calls ``pretrain`` once its backbone is built; without that call there is no such
    stage. Source: see ``MsaclTraining``.
    """

    training_only: ClassVar[tuple[str, ...]] = ("pretraining.",)

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.pretraining: MsaclTraining | None = None

    def pretrain(
        self, backbone: Backbone, learning_rate: float, weight_decay: float = 0.0, **numbers: Any
    ) -> None:
        """Train this backbone first, by AdamW; ``numbers``: see ``MsaclTraining``."""
        self.pretraining = MsaclTraining(backbone, **numbers)
        self._learning_rate, self._weight_decay = learning_rate, weight_decay

    def stages(self) -> Sequence[Stage]:
        return () if self.pretraining is None else (Stage(PRETRAINING),)

    def practised_families(self) -> tuple[str, ...]:
        return ("graft", "foreign")  # MedMix: pieces of other films

    def players(self, stage: str) -> dict[str, Player]:
        if stage != PRETRAINING or self.pretraining is None:
            return super().players(stage)
        rate, decay = self._learning_rate, self._weight_decay
        return {"encoder": Player.of(self.pretraining, rate, weight_decay=decay)}

    def training_step(self, images: Tensor, stage: str) -> Iterator[tuple[str, dict[str, Tensor]]]:
        if stage != PRETRAINING or self.pretraining is None:
            yield from super().training_step(images, stage)
        else:
            yield "encoder", self.pretraining.losses(images)
