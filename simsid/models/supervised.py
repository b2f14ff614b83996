"""A small network that is trained with labels: no detector, a ceiling to read detectors against."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from simsid.models.backbones import OWN, ResNet

_LAYERS = (1, 2, 3, 4)
_DROPOUT = 0.3


class SupervisedNetwork(nn.Module):
    """A narrow ResNet-18 and one logit, from the mean and the largest value of its last maps.

    Args:
        width: channels of its first layer.
    """

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.body = ResNet(OWN, _LAYERS, width)
        self.head = nn.Sequential(nn.Dropout(_DROPOUT), nn.Linear(2 * self.body.channels[-1], 1))

    def forward(self, images: Float[Tensor, "batch 1 height width"]) -> Float[Tensor, " batch"]:
        """Logit of being abnormal, higher = more abnormal, of images in [0, 1]."""
        last = self.body(images)[-1]
        return self.head(torch.cat([last.mean((2, 3)), last.amax((2, 3))], 1))[:, 0]
