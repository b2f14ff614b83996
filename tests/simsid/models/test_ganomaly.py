"""GANomaly's generator."""

import torch

from simsid.models.ganomaly import EncoderDecoderEncoder


def test_the_second_encoder_reads_what_was_rebuilt():
    network = EncoderDecoderEncoder((32, 48), (4, 4, 8), latent_dim=5).eval()
    images = torch.rand(2, 1, 32, 48)
    rebuilt, latent, again = network(images)
    assert rebuilt.shape == images.shape and latent.shape == (2, 5)
    assert torch.equal(latent, network.autoencoder.encode(images))
    assert torch.equal(again, network.encoder(rebuilt))


def test_the_two_encoders_share_no_weights():
    network = EncoderDecoderEncoder((32, 32), (4, 8), latent_dim=5)
    ours = {id(p) for p in network.autoencoder.parameters()}
    assert not ours & {id(p) for p in network.encoder.parameters()}
