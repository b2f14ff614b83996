"""The check itself: what it remembers of the training normals, and what it says of an image."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from simsid.detectors.film_check import FilmCheck
from simsid.detectors.findings import REFUSE, WARN, Finding
from simsid.detectors.placement.features import (
    CLIP,
    NUM_FEATURES,
    describe,
    shrink,
    smoothness,
)
from simsid.models.layers import centre_and_spread

_HIDDEN, _BASIS = 48, 24
_MIN_RESIDUAL = 1e-3
_NOISE = 0.5  # correlation of neighbouring pixels; radiographs and photos lie above 0.9
_BETTER = 2.0  # how much less strange a film must look once it is turned back
_REMEDIES = {
    "inverted": "it looks like a negative: correct its photometric interpretation",
    "turned_left": "it looks turned to the left: turn it clockwise by 90 degrees",
    "turned_right": "it looks turned to the right: turn it counter-clockwise by 90 degrees",
    "upside_down": "it looks upside down: turn it by 180 degrees",
}

_NOT_LIKE_TRAINING = (
    "it does not look like the images that the model was trained on: "
    "use a model for this kind of image"
)


class PlacementCheck(FilmCheck):
    """Tells images of the training normals' kind from all others; knows nothing of anomalies.

    A small network tells normals from examples made out of them (``examples``), and a linear
    subspace says how far an image lies from all normals; both read ``features``. An anomaly score
    takes no part. Everything is a buffer of fixed shape, 250 KB in all; until ``fit_placement`` has run, or
    when a model folder has none of it, nothing is ever found.
    """

    fitted: Tensor
    centre: Tensor
    spread: Tensor
    basis: Tensor
    hidden_weight: Tensor
    hidden_bias: Tensor
    out_weight: Tensor
    out_bias: Tensor
    least_contrast: Tensor
    limits: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("fitted", torch.tensor(False))
        self.register_buffer("centre", torch.zeros(NUM_FEATURES))
        self.register_buffer("spread", torch.ones(NUM_FEATURES))
        self.register_buffer("basis", torch.zeros(NUM_FEATURES, _BASIS))
        self.register_buffer("hidden_weight", torch.zeros(_HIDDEN, NUM_FEATURES))
        self.register_buffer("hidden_bias", torch.zeros(_HIDDEN))
        self.register_buffer("out_weight", torch.zeros(_HIDDEN))
        self.register_buffer("out_bias", torch.zeros(()))
        self.register_buffer("least_contrast", torch.zeros(()))
        self.register_buffer("limits", torch.full((2,), float("1e9")))  # to warn, to refuse

    @torch.no_grad()
    def strangeness(self, images: Float[Tensor, "batch 1 height width"]) -> Float[Tensor, " batch"]:
        """How little an image looks like the training normals or their mirror images.

        Higher = more out of place. The unit is that of a logit.
        """
        small = shrink(images)
        features = (describe(torch.cat([small, small.flip(3)])) - self.centre) / self.spread
        clipped = features.clamp(-CLIP, CLIP)
        hidden = torch.relu(clipped @ self.hidden_weight.T + self.hidden_bias)
        logit = hidden @ self.out_weight + self.out_bias  # of being in place
        residual = (features - features @ self.basis @ self.basis.T).square().mean(1)
        strange = residual.clamp_min(_MIN_RESIDUAL).log() - logit
        return strange.reshape(2, -1).mean(0)

    @torch.no_grad()
    def findings(self, images: Float[Tensor, "batch 1 height width"]) -> list[list[Finding]]:
        """What is wrong with each image as a whole; mostly nothing.

        Args:
            images: prepared as the training normals were, float in [0, 1].
        """
        if not self.fitted:
            return [[] for _ in images]
        small = shrink(images)
        contrast = centre_and_spread(small)[1].flatten()
        flat = (contrast < self.least_contrast).tolist()
        strange = self.strangeness(small)
        warn, refuse = self.limits.tolist()
        found: list[list[Finding]] = []
        odd: dict[int, float] = {}
        for index, value in enumerate(strange.tolist()):
            found.append([])
            if flat[index]:
                found[index].append(Finding("blank", REFUSE, "there is hardly anything on it"))
            elif value > warn:
                odd[index] = value
        explained = self._explain(small[list(odd)], list(odd.values())) if odd else []
        for index, (code, message) in zip(odd, explained, strict=True):
            severity = REFUSE if odd[index] > refuse else WARN
            found[index].append(Finding(code, severity, message))
        return found

    def _explain(
        self, images: Float[Tensor, "n 1 64 64"], values: Sequence[float]
    ) -> list[tuple[str, str]]:
        """Code and message of the simplest change that would put each image in its place, if any.

        Args:
            values: how strange each of them is.
        """
        undone = {
            "inverted": 1 - images,
            "turned_left": torch.rot90(images, -1, (2, 3)),
            "turned_right": torch.rot90(images, 1, (2, 3)),
            "upside_down": torch.rot90(images, 2, (2, 3)),
        }
        after = self.strangeness(torch.cat(list(undone.values()))).reshape(len(undone), -1)
        least, best = (each.tolist() for each in after.min(0))
        enough, codes = float(self.limits[0]), list(undone)
        told = []
        for index, smooth in enumerate(smoothness(images).tolist()):
            if smooth < _NOISE:
                told.append(("noise", "it looks like noise: check the file"))
            elif least[index] < min(enough, values[index] - _BETTER):
                code = codes[best[index]]
                told.append((code, _REMEDIES[code]))
            else:
                told.append(("not_like_training", _NOT_LIKE_TRAINING))
        return told
