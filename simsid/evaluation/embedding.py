"""t-SNE of patch features and memory slots, as in the talk: does the memory lie among them?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from simsid.evaluation.style import KIND_COLOURS, new_figure, plain, save

_IMAGES_SHOWN = 60
_SLOTS_SHOWN = 40
_PALETTE = "tab20"


def draw_embedding(
    features: Float[np.ndarray, "n patches dim"],
    slots: Float[np.ndarray, "patches slots dim"],
    path: Path,
    source: str,
    seed: int = 0,
) -> Path:
    """Project features and slots together, once coloured by source and once by region.

    Vectors are scaled to unit length first, since memories are addressed by cosine. Distances
    between far clusters in a t-SNE mean nothing; overlap of the two sources does.
    """
    features, slots = features[:_IMAGES_SHOWN], _thinned(slots)
    patches = features.shape[1]
    points = np.concatenate(
        [features.reshape(-1, features.shape[2]), slots.reshape(-1, slots.shape[2])]
    )
    is_slot = np.arange(len(points)) >= features.shape[0] * patches
    region = np.concatenate(
        [np.tile(np.arange(patches), len(features)), np.repeat(np.arange(patches), slots.shape[1])]
    )
    flat = project(points, seed)
    figure = new_figure(height=4.2)
    by_source, by_region = figure.subplots(1, 2)
    kinds = (("features of normals", ~is_slot, "#9DB7C9", "o", 9),
             ("memory slots", is_slot, KIND_COLOURS[0], "D", 14))  # fmt: skip
    for name, chosen, colour, marker, size in kinds:
        by_source.scatter(*flat[chosen].T, s=size, c=colour, marker=marker, lw=0, label=name)
        by_region.scatter(*flat[chosen].T, s=size, c=region[chosen], marker=marker, lw=0,
                          cmap=_PALETTE, vmin=0, vmax=max(patches - 1, 1))  # fmt: skip
    by_source.set_title("features and memory slots")
    by_region.set_title("the same, coloured by region")
    by_source.legend(loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=2, markerscale=1.6)
    if patches <= 16:
        for index in range(patches):
            centre = np.median(flat[(region == index) & ~is_slot], axis=0)
            by_region.annotate(str(index + 1), centre, ha="center", va="center", fontweight="bold")
    for axes in (by_source, by_region):
        plain(axes)
    return save(figure, path, source)


def project(points: Float[np.ndarray, "n dim"], seed: int = 0) -> Float[np.ndarray, "n 2"]:
    """t-SNE to two dimensions; the same seed gives the same picture."""
    lengths = np.linalg.norm(points, axis=1, keepdims=True)
    scaled = points / np.maximum(lengths, 1e-12)
    perplexity = min(30.0, max(2.0, (len(points) - 1) / 4))
    method = TSNE(perplexity=perplexity, init="pca", random_state=seed, max_iter=500)
    with threadpool_limits(1):  # its many short parallel loops are ten times slower on busy cores
        return method.fit_transform(scaled.astype(np.float32))


def _thinned(slots: np.ndarray) -> np.ndarray:
    """At most ``_SLOTS_SHOWN`` slots a region, evenly spread, so that none hides the features."""
    step = max(1, -(-slots.shape[1] // _SLOTS_SHOWN))
    return slots[:, ::step]
