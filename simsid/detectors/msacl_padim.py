"""PaDiM on an encoder that MSACL has trained on the normals."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from simsid.detectors.msacl import MsaclPretraining
from simsid.detectors.padim import Padim, PadimConfig
from simsid.detectors.registry import register


@dataclass(frozen=True)
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
    def preset(
        cls, preset: str, image_size: tuple[int, int], grid_size: tuple[int, int] | None
    ) -> MsaclPadimConfig:
        """Numbers of ``padim``, scored by the mean of all regions on films too.

        Raises:
            ValueError: an unknown preset, an image below 32 px, or, without a grid, one that is not
                a multiple of 16 px.
        """
        return replace(super().preset(preset, image_size, grid_size), reduce="mean")


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
