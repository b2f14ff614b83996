"""The report's discriminator: is a whole image a real normal film, or generated?"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from simsid.models.layers import BatchNorm2d
from simsid.models.strided import Conv2d


class ReportDiscriminator(nn.Module):
    """A plain DCGAN discriminator: strided convolutions to 1/16 of the size, then one logit.

    Higher logit = looks more like a real normal film. Source: algorithm 4.11.

    Relative to the paper: the report does not say what D is. It takes the logarithm of D, so D
    ends in a sigmoid there; here the logit is returned and the losses take it, which is the same
    loss and the same ranking, and does not saturate.
    """

    def __init__(
        self, image_size: tuple[int, int], channels: Sequence[int] = (32, 64, 128, 256)
    ) -> None:
        super().__init__()
        self.body = nn.Sequential()
        for before, after in zip((1, *channels), channels, strict=False):
            first = before == 1
            self.body.append(Conv2d(before, after, 4, 2, 1, bias=first))
            if not first:
                self.body.append(BatchNorm2d(after))
            self.body.append(nn.LeakyReLU(0.2, inplace=True))
        reduction = 2 ** len(channels)
        self.head = nn.Conv2d(
            channels[-1], 1, (image_size[0] // reduction, image_size[1] // reduction)
        )

    def forward(self, images: Float[Tensor, "batch 1 height width"]) -> Float[Tensor, " batch"]:
        x = images.contiguous(memory_format=torch.channels_last)
        return self.head(self.body(x)).float().flatten()
