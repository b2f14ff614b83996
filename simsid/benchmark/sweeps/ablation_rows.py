"""Rows of the ablation table of each detector: a name, and the settings that it changes.

A row is declared once the detector's configuration has a switch for it; SimSID has no hierarchical
memory, so that row of the talk is ``squid``'s alone. ``acts_on`` names the
scores whose evidence a change touches directly: a decoder cannot move a distance of features,
except through the encoder that both share.
"""

from __future__ import annotations

import dataclasses

from simsid.benchmark.cases import Case
from simsid.detectors.region_patchcore_config import GLOBAL, REGION
from simsid.detectors.simsid_config import CONTEXT_DISTANCE, LESION
from simsid.detectors.space_aware import DISCRIMINATOR, FEATURE_DISTANCE, RECONSTRUCTION
from simsid.detectors.space_aware import REGION_POSTERIOR as POSTERIOR
from simsid.models.variation import VariationRange

FULL = "full"
_REBUILT = (DISCRIMINATOR, RECONSTRUCTION)
_FEATURES = (FEATURE_DISTANCE, POSTERIOR)
_LESIONS = (LESION, CONTEXT_DISTANCE)
_MEMORIES = (*_REBUILT, *_FEATURES, CONTEXT_DISTANCE)

_WITHOUT_SHRINKAGE = {"top_k": None, "shrink_threshold": 0.0, "gumbel": 0.0}
_WITHOUT_JITTER = {"jitter_scale": 0.0, "jitter_shift": 0.0, "jitter_shear": 0.0}

_WITHOUT_LESIONS = {"lesion_channels": 0, "fusion": [[FEATURE_DISTANCE, 1.0]]}
_STILL = {field.name: 0.0 for field in dataclasses.fields(VariationRange)}

# The talk's table 4.4, as far as both detectors have it.
_TALK = (
    Case("without space-aware memory", {"space_aware": False}, acts_on=_MEMORIES),
    Case("without in-painting", {"inpainting": False}, acts_on=_REBUILT),
    Case("without skip connection", {"inpaint_prob": 1.0}, acts_on=_REBUILT),
    Case("without distillation", {"distillation": False}, acts_on=_REBUILT),
    Case("without stop-gradient", {"stop_gradient": False}, acts_on=_REBUILT),
    Case("without shrinkage", _WITHOUT_SHRINKAGE, acts_on=_REBUILT),
)

_UNALIGNED, _UNMASKED, _GLOBAL_ONLY = {"align": False}, {"masking": False}, {"regions": False}


def _shared(region: int) -> Case:
    """Region to global memory in another proportion than 6 : 4."""
    weights = [[REGION, float(region)], [GLOBAL, 10.0 - region]]
    return Case(f"region to global {region} : {10 - region}", {"fusion": weights})


_IGD = (
    Case("without interpolation", {"fooling": 0.0}),
    Case("without MS-SSIM", {"l1_share": 1.0}),
)

ROWS: dict[str, tuple[Case, ...]] = {
    "simsid": (
        *_TALK,
        Case("without adversarial loss", {"weights": {"adversarial": 0.0}}, acts_on=_REBUILT),
        Case("without region posterior", {"weights": {"posterior": 0.0}}, acts_on=_FEATURES),
        Case(
            "without coverage loss",
            {"weights": {"coverage": 0.0}},
            acts_on=(*_REBUILT, *_FEATURES),
        ),
        Case("without jitter", _WITHOUT_JITTER),
        Case("without lesion networks", _WITHOUT_LESIONS),
        Case("without grafts", {"lesion_grafts": 0.0}, acts_on=_LESIONS),
        Case("without opacities", {"lesion_grafts": 1.0}, acts_on=_LESIONS),
        Case("without varied films", {"lesion_variation": _STILL}, acts_on=_LESIONS),
        Case("without running mean", {"lesion_decay": 0.0}, acts_on=_LESIONS),
    ),
    "squid": (
        *_TALK,
        Case("without hierarchical memory", {"decoder_memories": False}, acts_on=_REBUILT),
        Case("without adversarial loss", {"weights": {"adversarial": 0.0}}, acts_on=_REBUILT),
    ),
    "patchcore": (
        Case("without pretraining", {"pretraining": False}),
        Case("without re-weighting", {"neighbours": 1}),
    ),
    # Figures 12 to 14 of the paper; the scores of either memory alone stand in every row.
    "region-patchcore": (
        Case("without alignment", _UNALIGNED),
        Case("without masking", _UNMASKED),
        Case("without regions", _GLOBAL_ONLY),
        Case("without alignment and masking", _UNALIGNED | _UNMASKED),
        Case("PatchCore alone", _UNALIGNED | _UNMASKED | _GLOBAL_ONLY),
        *(_shared(region) for region in (2, 4, 8)),
        Case("without pretraining", {"pretraining": False}),
    ),
    "gan-localiser": (
        Case("without tuned generator", {"tune_generator": False}),
        Case("without painted lesions", {"painted_share": 0.0}, acts_on=("lesion",)),
        Case("without transplants", {"painted_share": 1.0}, acts_on=("lesion",)),
        Case("without varied films", {"variation": _STILL}, acts_on=("lesion",)),
    ),
    "igd": _IGD,
    "msacl-igd": _IGD,
    "memae": (
        Case("without shrinkage", {"shrinkage": 0.0}),
        Case("without entropy loss", {"entropy": 0.0}),
    ),
    "vae": (Case("with divergence", {"fusion": [["reconstruction", 1.0], ["kl", 1.0]]}),),
    "mnad": (
        Case("without compactness loss", {"compactness": 0.0}),
        Case("without separateness loss", {"separateness": 0.0}),
    ),
    "ganomaly": (
        Case("without adversarial loss", {"adversarial": 0.0}),
        Case("without encoding loss", {"encoding": 0.0}, acts_on=("latent_distance",)),
    ),
    "f-anogan": (Case("without feature residual", {"kappa": 0.0}),),
    "riad": (
        Case("without gradient loss", {"gradient": 0.0}),
        Case("without similarity loss", {"similarity": 0.0}),
    ),
}
