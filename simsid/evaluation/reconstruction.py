"""How close a reconstruction is to its image: MSE, KL divergence of grey levels, SSIM."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.stats import entropy
from skimage.metrics import structural_similarity

HISTOGRAM_BINS = 64
PSEUDO_COUNT = 1.0


def mse(
    images: Float[np.ndarray, "n height width"], rebuilt: Float[np.ndarray, "n height width"]
) -> Float[np.ndarray, " n"]:
    """Mean squared error of each image, values in [0, 1]. Source: report, eq. 5.1."""
    return np.square(images.astype(np.float64) - rebuilt).mean((1, 2))


def kl_divergence(
    images: Float[np.ndarray, "n height width"], rebuilt: Float[np.ndarray, "n height width"]
) -> Float[np.ndarray, " n"]:
    """KL divergence D(P ‖ Q) of grey-level histograms, in nats, one for each image.

    P is the image's histogram and Q its reconstruction's: ``HISTOGRAM_BINS`` bins of equal width
    over [0, 1], with ``PSEUDO_COUNT`` added to every bin so that an empty one does not make it
    infinite. Zero when the grey levels agree, wherever in the image they lie. Source: eq. 5.2.
    """
    return entropy(grey_histograms(images), grey_histograms(rebuilt), axis=1)


def ssim(
    images: Float[np.ndarray, "n height width"], rebuilt: Float[np.ndarray, "n height width"]
) -> Float[np.ndarray, " n"]:
    """Structural similarity of each image in [-1, 1], 7x7 windows, data range 1.

    Source: Wang et al., IEEE TIP 2004, as scikit-image computes it.
    """
    pairs = zip(images, rebuilt, strict=True)
    return np.array([structural_similarity(a, b, data_range=1.0) for a, b in pairs])


def grey_histograms(
    images: Float[np.ndarray, "n height width"],
) -> Float[np.ndarray, "n bins"]:
    """Smoothed grey-level histogram of each image, summing to 1."""
    counts = np.stack([np.histogram(i, HISTOGRAM_BINS, (0.0, 1.0))[0] for i in images])
    counts = counts + PSEUDO_COUNT
    return counts / counts.sum(1, keepdims=True)
