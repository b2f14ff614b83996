"""PaDiM on an encoder that MSACL has trained on the normals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from simsid.data.image_kind import ImageKind
from simsid.detectors.msacl import MsaclPretraining
from simsid.detectors.padim import Padim, PadimConfig
from simsid.detectors.registry import register


@dataclass(frozen=True, kw_only=True)
class MsaclPadimConfig(PadimConfig):
    """All numbers of ``msacl-padim``: those of ``padim``, and those of pre-training.

    Attributes:
        embedding_dim: of the projection. temperature, calibration: of the contrastive loss.
        learning_rate, weight_decay: of pre-training.
    """

    embedding_dim: int = 128
    temperature: float = 0.2
    calibration: float = 2.0
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4

    @classmethod
    def numbers(cls, preset: str, image_size: tuple[int, int], kind: ImageKind) -> dict[str, Any]:
        """Those of ``padim``, scored by the mean of all regions on films too."""
        return super().numbers(preset, image_size, kind) | {"reduce": "mean"}


@register
class MsaclPadim(MsaclPretraining, Padim):
    """MSACL pre-training, then PaDiM. Component and maps: see ``Padim``.

    Relative to the paper: pre-training goes as deep as the last layer that PaDiM reads, and moves by
    AdamW with a schedule in place of plain gradient descent. See ``MsaclTraining``.
    """

    name = "msacl-padim"
    config_class = MsaclPadimConfig
    default_epochs: ClassVar[dict[str, int]] = {"quick": 8, "paper": 100}
    config: MsaclPadimConfig

    def __init__(self, config: MsaclPadimConfig) -> None:
        super().__init__(config)
        self.pretrain(
            self.backbone,
            config.learning_rate,
            config.weight_decay,
            dim=config.embedding_dim,
            temperature=config.temperature,
            calibration=config.calibration,
        )
