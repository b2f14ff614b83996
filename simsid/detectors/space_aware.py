"""What SimSID and SQUID share: losses, evidence, explanations around one generator."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from simsid.detectors.base import Detector
from simsid.detectors.border import region_index
from simsid.detectors.contract import Evidence, Explanation, Player
from simsid.detectors.method import Batches
from simsid.models.coders import Discriminator
from simsid.models.generator import Generator, GeneratorOutput
from simsid.models.jitter import jitter_patches
from simsid.models.layers import square_mean
from simsid.models.losses import (
    coverage_loss,
    discriminator_loss,
    distillation_loss,
    generator_adversarial_loss,
    own_region,
    region_log_posterior,
)
from simsid.models.memory import cosine_similarity, nearest_slot_distance
from simsid.models.patches import image_to_patches

DISCRIMINATOR, RECONSTRUCTION = "discriminator", "reconstruction"
FEATURE_DISTANCE, REGION_POSTERIOR = "feature_distance", "region_posterior"
NEAREST_TRAINING = 8


@dataclass(frozen=True)
class LossWeights:
    """Weights of the generator's losses; zero switches a term off (and its ablation on)."""

    reconstruction: float = 1.0
    teacher: float = 1.0
    distillation: float = 0.01
    adversarial: float = 0.005
    posterior: float = 1.0
    coverage: float = 1.0


class SpaceAwareDetector(Detector):
    """Base of ``simsid`` and ``squid``; the subclass builds the generator.

    Components, each for every region, higher = more abnormal:

    - ``discriminator``: minus the discriminator's logit of the student's reconstruction; as image
      score the papers' phi((D - mu) / sigma), with D counting *fakeness* so that higher = abnormal.
      Ours judges patches: D is standardised in each region and averaged, before phi.
    - ``reconstruction``: mean squared residual of the student's reconstruction.
    - ``feature_distance``: 1 - cosine of the signature and the nearest scoring slot of its region.
    - ``region_posterior``: -log p(own region | signature) over every region's scoring slots.
    """

    training_only: ClassVar[tuple[str, ...]] = ("generator.teacher_decoder.",)
    # Prefixes of weights that another player than the generator moves.
    other_players: ClassVar[tuple[str, ...]] = ("discriminator.",)
    components = (DISCRIMINATOR, RECONSTRUCTION, FEATURE_DISTANCE, REGION_POSTERIOR)

    scoring_slots: Tensor
    nearest_training: Tensor

    def __init__(self, config: Any, generator: Generator) -> None:
        super().__init__(config)
        self.generator = generator
        self.discriminator = Discriminator(self.grid_size, config.discriminator_channels)
        regions = self.grid_size[0] * self.grid_size[1]
        num_slots = generator.memory.num_slots
        dim = config.signature_dim or config.slot_dim
        self.register_buffer("scoring_slots", torch.zeros(regions, config.scoring_slots, dim))
        self.register_buffer(
            "nearest_training",
            torch.full((regions, num_slots, NEAREST_TRAINING), -1, dtype=torch.int32),
        )
        self.to(memory_format=torch.channels_last)

    # --- training ---------------------------------------------------------------------------

    def players(self, stage: str) -> dict[str, Player]:
        config = self.config
        return {
            "generator": Player(
                [p for n, p in self.named_parameters() if not n.startswith(self.other_players)],
                config.learning_rate,
                weight_decay=config.weight_decay,
            ),
            "discriminator": Player(
                list(self.discriminator.parameters()),
                config.discriminator_learning_rate,
                betas=(0.5, 0.999),
            ),
        }

    def augment(self, images: Tensor) -> Tensor:
        config = self.config
        if config.jitter_scale <= 0 and config.jitter_shift <= 0:
            return images
        return jitter_patches(
            images,
            (1, 1) if config.jitter_whole else self.grid_size,
            config.jitter_scale,
            config.jitter_shift,
            config.jitter_shear,
        )

    def training_step(self, images: Tensor, stage: str) -> Iterator[tuple[str, dict[str, Tensor]]]:
        weights: LossWeights = self.config.weights
        out = self.generator(images)
        losses = {"reconstruction": F.mse_loss(out.student, images)}
        if out.teacher is not None:
            losses["teacher"] = F.mse_loss(out.teacher, images)
            losses["distillation"] = distillation_loss(
                out.student_features, out.teacher_features, self.config.stop_gradient
            )
        with _frozen(self.discriminator):
            losses["adversarial"] = generator_adversarial_loss(self.discriminator(out.student))
        slots = self.learning_slots()
        if weights.posterior > 0:
            posterior = region_log_posterior(out.signature, slots, self.config.posterior_scale)
            losses["posterior"] = -own_region(posterior).mean()
        if weights.coverage > 0:
            losses["coverage"] = self.coverage(out)
        losses["loss"] = sum(getattr(weights, name) * value for name, value in losses.items())
        yield "generator", losses

        fake = self.discriminator(out.student.detach())
        yield "discriminator", {"loss": discriminator_loss(self.discriminator(images), fake)}
        self.remember(out.query)

    def remember(self, query: Tensor) -> None:
        """Called after each step with the queries of the batch; a queue takes them in."""

    def coverage(self, out: GeneratorOutput) -> Tensor:
        """Pulls learned slots to where features are; without it they stay a random codebook."""
        similarity = cosine_similarity(out.query.detach(), self.generator.memory.region_slots)
        return coverage_loss(similarity)

    def learning_slots(self) -> Tensor:
        """(regions, slots, signature_dim) that the posterior is learned with."""
        return self.generator.memory.region_slots

    @torch.no_grad()
    def consolidate(self, batches: Batches) -> None:
        """Scoring slots, and the training patches nearest to each slot, from all training normals."""
        self.eval()
        pairs = [self.generator.encode(images.to(self.device)) for images in batches()]
        queries, signatures = (torch.cat(part) for part in zip(*pairs, strict=True))
        if not self.config.space_aware:
            signatures = signatures.flatten(0, 1)[:, None]
        self.scoring_slots.copy_(self.slots_for_scoring(signatures))  # one bank fills all regions
        similarity = torch.einsum(
            "nrd,rkd->rkn",
            F.normalize(queries, dim=-1),
            F.normalize(self.generator.memory.region_slots, dim=-1),
        )
        nearest = min(NEAREST_TRAINING, similarity.shape[-1])
        self.nearest_training[..., :nearest] = similarity.topk(nearest, dim=-1).indices.int()

    @abstractmethod
    def slots_for_scoring(self, signatures: Tensor) -> Tensor:
        """(regions, slots, signature_dim) that the feature distance reads."""

    # --- scoring ----------------------------------------------------------------------------

    def evidence(self, images: Tensor) -> Evidence:
        out = self.generator(images)
        residual = (out.student - images).square()
        fake_logits = self.discriminator(out.student)
        posterior = region_log_posterior(
            out.signature, self.scoring_slots, self.config.posterior_scale
        )
        return Evidence(
            regions={
                DISCRIMINATOR: -fake_logits,
                RECONSTRUCTION: image_to_patches(residual, self.grid_size).mean((2, 3, 4)),
                FEATURE_DISTANCE: nearest_slot_distance(out.signature, self.scoring_slots),
                REGION_POSTERIOR: -own_region(posterior),
            },
            pixels={RECONSTRUCTION: smooth_square(out.student - images)},
            reconstruction=out.student,
        )

    def image_score(self, name: str, regions: Tensor) -> Tensor:
        if name == DISCRIMINATOR:
            return regions.mean(1).sigmoid()  # A = phi((D - mu) / sigma)
        return super().image_score(name, regions)

    @torch.inference_mode()
    def embedding(self, images: np.ndarray | Tensor) -> dict[str, np.ndarray]:
        """Signatures (n, patches, dim) and scoring slots (patches, slots, dim), for the talk's t-SNE."""
        self.eval()
        parts = self.as_batch(images).split(64)
        signatures = [self.generator.encode(part.to(self.device))[1] for part in parts]
        return {
            "features": torch.cat(signatures).cpu().numpy(),
            "slots": self.scoring_slots.cpu().numpy(),
        }

    # --- explanation ------------------------------------------------------------------------

    @torch.inference_mode()
    def explain(self, image: np.ndarray, region: tuple[int, int]) -> Explanation:
        index = region_index(region, self.grid_size)
        self.eval()
        batch = self.as_batch(np.asarray(image)[None]).to(self.device)
        out = self.generator(batch)
        weights, slots = out.weights[0, index].sort(descending=True)
        used = weights > 1e-6
        weights, slots = weights[used], slots[used]
        pictures = self._slot_pictures(out.memory_features, index, slots)
        films = torch.cat([batch, out.student, self.expected_films(batch)])
        cut = image_to_patches(films, self.grid_size)[:, index, 0]
        return Explanation(
            patch=cut[0].cpu().numpy(),
            inpainted=cut[1].clamp(0, 1).cpu().numpy(),
            expected=cut[2].cpu().numpy(),
            slots=slots.cpu().numpy(),
            weights=weights.cpu().numpy(),
            slot_images=pictures,
            nearest_training=self.nearest_training[index, slots].cpu().numpy(),
        )

    def _slot_pictures(self, memory_features: Tensor, index: int, slots: Tensor) -> np.ndarray:
        """Decode slots of one region, in the context of this image's other regions."""
        vectors = memory_features.repeat(len(slots), 1, 1)
        vectors[:, index] = self.generator.memory.region_slots[index, slots]
        images, _ = self.generator.decode(vectors)
        return image_to_patches(images, self.grid_size)[:, index, 0].clamp(0, 1).cpu().numpy()


def smooth_square(residual: Tensor) -> Tensor:
    """Squared residual after a small blur: single pixels of misplaced edge do not count."""
    return square_mean(residual).square()


@contextmanager
def _frozen(module: torch.nn.Module) -> Iterator[None]:
    """Gradients pass through the module, but not into its parameters."""
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in module.parameters():
            parameter.requires_grad_(True)
