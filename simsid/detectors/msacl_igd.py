"""IGD whose encoders MSACL has trained on the normals first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from simsid.detectors.contract import Stage
from simsid.detectors.igd import DESCRIPTORS, Igd, IgdConfig
from simsid.detectors.method import Batches
from simsid.detectors.msacl import PRETRAINING, MsaclPretraining
from simsid.detectors.registry import register


@dataclass(frozen=True, kw_only=True)
class MsaclIgdConfig(IgdConfig):
    """All numbers of ``msacl-igd``: those of ``igd``, and those of pre-training.

    Attributes:
        embedding_dim: of the projection. temperature, calibration: of the contrastive loss.
        pretraining_learning_rate: learning rate of pre-training.
    """

    embedding_dim: int = 128
    temperature: float = 0.2
    calibration: float = 2.0
    pretraining_learning_rate: float = 1e-3


@register
class MsaclIgd(MsaclPretraining, Igd):
    """MSACL pre-training, then IGD; global and local encoder start from the same weights.

    Components and maps: see ``Igd``. Source: see ``MsaclTraining``.
    """

    name = "msacl-igd"
    config_class = MsaclIgdConfig
    default_epochs: ClassVar[dict[str, int]] = {"quick": 8, "paper": 200}
    training_only: ClassVar[tuple[str, ...]] = (*Igd.training_only, *MsaclPretraining.training_only)
    config: MsaclIgdConfig

    def __init__(self, config: MsaclIgdConfig) -> None:
        super().__init__(config)
        self.pretrain(
            self.whole.backbone,
            config.pretraining_learning_rate,
            dim=config.embedding_dim,
            temperature=config.temperature,
            calibration=config.calibration,
        )

    def stages(self) -> Sequence[Stage]:
        return (Stage(PRETRAINING, 3.0), Stage(DESCRIPTORS, 5.0))

    def begin_stage(self, stage: str, batches: Batches) -> None:
        super().begin_stage(stage, batches)
        if stage == DESCRIPTORS:
            self.patch.backbone.load_state_dict(self.whole.backbone.state_dict())
            for model in (self.whole, self.patch):  # another run's centre is another encoder's
                model.descriptor.started.zero_()
