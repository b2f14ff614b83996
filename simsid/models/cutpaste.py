"""CutPaste: tell a normal patch from one with a piece of itself pasted elsewhere.

Source: Li, Sohn, Yoon and Pfister, 'CutPaste: self-supervised learning for anomaly detection and
localization', CVPR 2021.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.compiler import is_exporting

from simsid.models.autoencoder import ImageEncoder

_AREA = (0.02, 0.15)  # of the patch
_ASPECT = 3.3  # at most, either way
_SCAR_LONG, _SCAR_WIDE = (10 / 64, 25 / 64), (2 / 64, 16 / 64)  # px of a patch of 64, as shares
_SCAR_TURN = math.pi / 4
_JITTER = 0.1  # of brightness and of contrast
_CHUNK = 1024  # patches in one pass, which bounds the memory


def cut_paste(
    patches: Float[Tensor, "batch 1 side side"],
) -> Float[Tensor, "batch 1 side side"]:
    """Each patch with a rectangle of itself, 2 to 15 % of its area, pasted elsewhere in it."""
    area = _uniform(patches, *_AREA)
    aspect = _uniform(patches, -math.log(_ASPECT), math.log(_ASPECT)).exp()
    height = (area * aspect).sqrt().clamp_max(0.9)
    width = (area / aspect).sqrt().clamp_max(0.9)
    return _paste(patches, height, width, torch.zeros_like(height))


def cut_paste_scar(
    patches: Float[Tensor, "batch 1 side side"],
) -> Float[Tensor, "batch 1 side side"]:
    """Each patch with a thin rectangle of itself, turned by up to 45 degrees, pasted elsewhere."""
    return _paste(
        patches,
        _uniform(patches, *_SCAR_LONG),
        _uniform(patches, *_SCAR_WIDE),
        _uniform(patches, -_SCAR_TURN, _SCAR_TURN),
    )


def _paste(patches: Tensor, height: Tensor, width: Tensor, turn: Tensor) -> Tensor:
    """Cut an upright rectangle, paste it turned; sides in shares of the patch, turn in radians."""
    steps = (torch.arange(patches.shape[-1], device=patches.device) + 0.5) / patches.shape[-1]
    rows, cols = steps[:, None], steps
    to_row, to_col = _place(height), _place(width)
    from_row, from_col = _place(height), _place(width)
    down, right = rows - to_row, cols - to_col
    cos, sin = turn.cos(), turn.sin()
    along, across = cos * down + sin * right, cos * right - sin * down
    inside = (along.abs() <= height / 2) & (across.abs() <= width / 2)
    source = torch.stack([from_col + across, from_row + along], -1) * 2 - 1
    piece = F.grid_sample(patches, source[:, 0], padding_mode="border", align_corners=False)
    contrast, brightness = (_uniform(patches, -_JITTER, _JITTER) for _ in range(2))
    mean = piece.mean((2, 3), keepdim=True)
    piece = (mean + (1 + contrast) * (piece - mean) + brightness).clamp(0, 1)
    return torch.where(inside, piece, patches)


def _place(extent: Float[Tensor, "batch 1 1 1"]) -> Float[Tensor, "batch 1 1 1"]:
    """A centre from which the rectangle stays inside."""
    return extent / 2 + torch.rand_like(extent) * (1 - extent)


def _uniform(patches: Tensor, low: float, high: float) -> Float[Tensor, "batch 1 1 1"]:
    return low + (high - low) * torch.rand(len(patches), 1, 1, 1, device=patches.device)


class PatchClassifier(nn.Module):
    """Encoder of patches, its mean over positions, and a head for the three kinds.

    Relative to the paper: strided convolutions rather than a ResNet-18.

    Raises:
        ValueError: a patch that cannot be halved once for each entry of ``channels``, or a stride
            beyond a patch.
    """

    def __init__(self, channels: Sequence[int], hidden: int, patch_side: int, stride: int) -> None:
        super().__init__()
        if patch_side % 2 ** len(channels) or not 1 <= stride <= patch_side:
            raise ValueError(
                f"patches of {patch_side} px, a step of {stride} px apart, do not suit an encoder "
                f"that halves {len(channels)} times"
            )
        self.patch_side, self.stride = patch_side, stride
        self.encoder = ImageEncoder(channels)
        self.head = nn.Sequential(nn.Linear(channels[-1], hidden), nn.ReLU(), nn.Linear(hidden, 3))

    def forward(
        self, patches: Float[Tensor, "batch 1 side side"]
    ) -> tuple[Float[Tensor, "batch 3"], Float[Tensor, "batch channels"]]:
        """Logits of normal, cut-paste and scar; and the features that density is estimated of."""
        features = self.encoder(patches).float().mean((2, 3))
        return self.head(features).float(), features

    def positions(self, image_size: tuple[int, int]) -> tuple[int, int]:
        """How many patches fit below and beside each other.

        Raises:
            ValueError: the image is no whole number of steps, or smaller than a patch.
        """
        rooms = [side - self.patch_side for side in image_size]
        if min(rooms) < 0 or any(room % self.stride for room in rooms):
            raise ValueError(
                f"patches of {self.patch_side} px, {self.stride} px apart, do not cover an image "
                f"of {image_size[0]}x{image_size[1]} px"
            )
        return rooms[0] // self.stride + 1, rooms[1] // self.stride + 1

    def feature_map(
        self, images: Float[Tensor, "batch 1 height width"]
    ) -> Float[Tensor, "batch channels rows cols"]:
        """Features of the patches at every position, float32."""
        side, step = self.patch_side, self.stride
        windows = images.unfold(2, side, step).unfold(3, side, step)
        batch, _, rows, cols = windows.shape[:4]
        patches = windows.reshape(-1, 1, side, side)
        chunks = (patches,) if is_exporting() else patches.split(_CHUNK)
        features = torch.cat([self(chunk)[1] for chunk in chunks])
        return features.reshape(batch, rows, cols, -1).permute(0, 3, 1, 2)

    def spread(
        self, scores: Float[Tensor, "batch 1 rows cols"]
    ) -> Float[Tensor, "batch 1 height width"]:
        """Each position's score laid over its patch, the middle of it most; a mean where they meet.

        Source: receptive field upsampling of Liznerski et al., ICLR 2021, which the paper takes.
        """
        steps = torch.arange(self.patch_side, device=scores.device) + 0.5 - self.patch_side / 2
        weight = torch.exp(-0.5 * (steps / (self.patch_side / 4)).square())
        kernel = (weight[:, None] * weight)[None, None]
        scores = scores.float()
        total = F.conv_transpose2d(scores, kernel, stride=self.stride)
        return total / F.conv_transpose2d(torch.ones_like(scores), kernel, stride=self.stride)


def random_patches(
    images: Float[Tensor, "batch 1 height width"], side: int, count: int
) -> Float[Tensor, "all_patches 1 side side"]:
    """``count`` patches of each image, anywhere."""
    batch, _, height, width = images.shape
    tops = torch.randint(0, height - side + 1, (count, batch), device=images.device)
    lefts = torch.randint(0, width - side + 1, (count, batch), device=images.device)
    steps = torch.arange(side, device=images.device)
    rows = (tops[..., None] + steps)[..., :, None]
    cols = (lefts[..., None] + steps)[..., None, :]
    index = torch.arange(batch, device=images.device)[None, :, None, None]
    return images[index, 0, rows, cols].flatten(0, 1)[:, None]
