"""IGD whose encoders MSACL has trained on the normals first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from simsid.detectors.contract import Player, Stage
from simsid.detectors.igd import Igd, IgdConfig
from simsid.detectors.registry import register
from simsid.models.msacl import MsaclTraining

_PRETRAINING = "pretraining"


@dataclass(frozen=True)
class MsaclIgdConfig(IgdConfig):
    """All numbers of ``msacl-igd``: those of ``igd``, and those of pre-training.

    Attributes:
        embedding_dim: of the projection. temperature, calibration: of the contrastive loss.
        pretraining_rate: learning rate of pre-training.
    """

    embedding_dim: int = 128
    temperature: float = 0.2
    calibration: float = 2.0
    pretraining_rate: float = 1e-3


@register
class MsaclIgd(Igd):
    """MSACL pre-training, then IGD; global and local encoder start from the same weights.

    Components and maps: see ``Igd``. Source: see ``MsaclTraining``.
    """

    name = "msacl-igd"
    config_class = MsaclIgdConfig
    default_epochs: ClassVar[dict[str, int]] = {"quick": 8, "paper": 200}
    training_only: ClassVar[tuple[str, ...]] = ("critics.", "pretraining.")
    config: MsaclIgdConfig

    def __init__(self, config: MsaclIgdConfig) -> None:
        super().__init__(config)
        self.pretraining = MsaclTraining(
            self.models[0].backbone, config.embedding_dim, config.temperature, config.calibration
        )

    def stages(self) -> Sequence[Stage]:
        return (Stage(_PRETRAINING, 3.0), Stage("descriptors", 5.0))

    def begin_stage(self, stage: str) -> None:
        super().begin_stage(stage)
        if stage != _PRETRAINING:
            whole, patch = (model.backbone for model in self.models)
            patch.load_state_dict(whole.state_dict())
            for model in self.models:  # the centre of another run belongs to another encoder
                model.descriptor.started.zero_()

    def players(self, stage: str) -> dict[str, Player]:
        if stage != _PRETRAINING:
            return super().players(stage)
        return {"encoder": Player.of(self.pretraining, self.config.pretraining_rate)}

    def training_step(self, images: Tensor, stage: str) -> Iterator[tuple[str, dict[str, Tensor]]]:
        if stage != _PRETRAINING:
            yield from super().training_step(images, stage)
            return
        yield "encoder", self.pretraining.losses(images)
