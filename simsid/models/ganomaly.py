"""GANomaly's generator: encoder, decoder, and an encoder again.

Source: Akçay, Atapour-Abarghouei and Breckon, 'GANomaly: semi-supervised anomaly detection via
adversarial training', ACCV 2018.
"""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from simsid.models.autoencoder import Autoencoder
from simsid.models.gan import LatentEncoder


class EncoderDecoderEncoder(nn.Module):
    """An autoencoder, and a second encoder that reads what it rebuilt.

    Normal films keep their code on the way; films that the decoder cannot make come back as others,
    with another code.
    """

    def __init__(
        self, image_size: tuple[int, int], channels: Sequence[int], latent_dim: int
    ) -> None:
        super().__init__()
        self.autoencoder = Autoencoder(image_size, channels, latent_dim)
        self.encoder = LatentEncoder(image_size, channels, latent_dim)

    def forward(
        self, images: Float[Tensor, "batch 1 height width"]
    ) -> tuple[
        Float[Tensor, "batch 1 height width"],
        Float[Tensor, "batch latent_dim"],
        Float[Tensor, "batch latent_dim"],
    ]:
        """x̂, z and ẑ: the image rebuilt, its code, and the code of what was rebuilt; float32."""
        latent = self.autoencoder.encode(images)
        rebuilt = self.autoencoder.decode(latent)
        return rebuilt, latent.float(), self.encoder(rebuilt)
