"""The SimSID report's system as written: three training stages, hierarchical memory, phi score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from simsid.data.image_kind import ImageKind
from simsid.detectors.base import Detector
from simsid.detectors.border import region_index
from simsid.detectors.config import DetectorConfig
from simsid.detectors.contract import Evidence, Explanation, Player, Stage
from simsid.detectors.method import Batches
from simsid.detectors.registry import register
from simsid.detectors.residual import RECONSTRUCTION, residual_evidence
from simsid.models.losses import (
    discriminator_loss,
    distillation_loss,
    own_region,
    region_log_posterior,
)
from simsid.models.patches import image_to_patches
from simsid.models.report import (
    FeatureInpainting,
    HierarchicalMemory,
    InpaintingTransformer,
    PatchBasedCNN,
    ReportDiscriminator,
    ReportGenerator,
)
from simsid.models.report.generator import UPSAMPLING

DISCRIMINATOR = "discriminator"
FEATURE_DISTANCE, REGION_POSTERIOR = "feature_distance", "region_posterior"
TEACHER, STUDENT = "teacher", "student"
NEAREST_TRAINING = 8


@dataclass(frozen=True, kw_only=True)
class SimSIDReportConfig(DetectorConfig):
    """All numbers of ``simsid-report``; the defaults are the report's where it gives any.

    Attributes:
        cnn_channels, feature_dim: PatchBasedCNN, algorithm 4.2.
        generator_channels: widths of teacher and student, algorithm 4.8.
        discriminator_channels: not in the report; a plain DCGAN.
        num_levels, similarity_threshold, top_k, temperature: hierarchical memory, 4.4 and 4.5.
        num_heads, num_layers: in-painting transformer, algorithm 4.6.
        mask_centre: hide the centre's own feature from the in-painting (not in the report).
        distillation: weight of L_dist, eq. 5.5, beside L_s, eq. 5.4.
        stage_shares: shares of the epochs for teacher, student and discriminator.
        posterior_scale: factor on the cosine in the region posterior.
    """

    image_size: tuple[int, int] = field(default=(128, 128), kw_only=False)
    grid_size: tuple[int, int] = field(default=(8, 8), kw_only=False)
    cnn_channels: tuple[int, ...] = (32, 64, 128, 256)
    feature_dim: int = 64
    generator_channels: tuple[int, ...] = (256, 128, 64, 32)
    discriminator_channels: tuple[int, ...] = (32, 64, 128, 256)
    num_levels: int = 3
    similarity_threshold: float = 0.95
    top_k: int = 3
    temperature: float = 1.0
    num_heads: int = 4
    num_layers: int = 2
    mask_centre: bool = False
    distillation: float = 1.0
    stage_shares: tuple[float, float, float] = (0.4, 0.4, 0.2)
    learning_rate: float = 1e-3
    discriminator_learning_rate: float = 1e-4
    posterior_scale: float = 10.0
    fusion: tuple[tuple[str, float], ...] = (
        (RECONSTRUCTION, 1.0),
        (FEATURE_DISTANCE, 1.0),
        (REGION_POSTERIOR, 1.0),
    )

    @classmethod
    def numbers(cls, preset: str, image_size: tuple[int, int], kind: ImageKind) -> dict[str, Any]:
        """'paper' is the report's; 'quick' has narrower networks.

        Raises:
            ValueError: an image that is not a multiple of 16 px.
        """
        if image_size[0] % UPSAMPLING or image_size[1] % UPSAMPLING:
            raise ValueError(
                f"simsid-report takes images of a multiple of {UPSAMPLING} px, not "
                f"{image_size[0]}x{image_size[1]}: choose, for example, 96 or 128"
            )
        if preset == "paper":
            return {}
        return {
            "cnn_channels": (16, 32, 64, 128),
            "generator_channels": (64, 32, 16, 8),
            "discriminator_channels": (16, 32, 64, 128),
            "num_layers": 1,
        }

    @classmethod
    def default_grid(cls, preset: str, image_size: tuple[int, int]) -> tuple[int, int]:
        """Patches of 16 px, as the generators give them."""
        return image_size[0] // UPSAMPLING, image_size[1] // UPSAMPLING


@register
class SimSIDReport(Detector):
    """Patch features, hierarchical memory, in-painting, teacher, student, discriminator.

    Components, higher = more abnormal:

    - ``discriminator``: minus D's logit of the student's image, one number an image; as image
      score the report's phi((D - mu) / sigma), eq. 5.7, with mu and sigma of training normals.
    - ``reconstruction``: mean squared residual of the student's image in each region.
    - ``feature_distance``: 1 - cosine of a patch's feature and the one remembered at its location.
    - ``region_posterior``: -log p(own location | feature), from the cosines with all locations.

    Source: algorithms 4.1 to 4.11 and eq. 5.3 to 5.7 of the SimSID report.

    Relative to the paper: see docs/decisions/0003-simsid-report.md.
    """

    name = "simsid-report"
    training_only = ("teacher.",)
    config_class = SimSIDReportConfig
    components = (DISCRIMINATOR, RECONSTRUCTION, FEATURE_DISTANCE, REGION_POSTERIOR)
    default_epochs: ClassVar[dict[str, int]] = {"quick": 8, "paper": 1000}
    config: SimSIDReportConfig

    nearest_training: Tensor

    def __init__(self, config: SimSIDReportConfig) -> None:
        super().__init__(config)
        rows, cols = self.grid_size
        patches, dim = rows * cols, config.feature_dim
        patch_size = (self.image_size[0] // rows, self.image_size[1] // cols)
        self.patch_cnn = PatchBasedCNN(self.grid_size, patch_size, config.cnn_channels, dim)
        memory = HierarchicalMemory(
            patches, dim, config.num_levels, config.similarity_threshold, config.temperature
        )
        transformer = InpaintingTransformer(
            config.num_levels * dim, dim, config.num_heads, config.num_layers
        )
        self.inpainting = FeatureInpainting(
            transformer, memory, self.grid_size, dim, config.top_k, config.mask_centre
        )
        widths = config.generator_channels
        self.teacher = ReportGenerator(self.image_size, patches, dim, widths)
        self.student = ReportGenerator(self.image_size, patches, dim, widths)
        self.discriminator = ReportDiscriminator(self.image_size, config.discriminator_channels)
        self.register_buffer(
            "nearest_training",
            torch.full((patches, patches, NEAREST_TRAINING), -1, dtype=torch.int32),
        )
        self.to(memory_format=torch.channels_last)

    @property
    def memory(self) -> HierarchicalMemory:
        """The memory that features are in-painted from."""
        return self.inpainting.memory

    # --- training ---------------------------------------------------------------------------

    def stages(self) -> Sequence[Stage]:
        names = (TEACHER, STUDENT, DISCRIMINATOR)
        return tuple(map(Stage, names, self.config.stage_shares))

    def players(self, stage: str) -> dict[str, Player]:
        """One optimiser a stage; the CNN learns with the teacher, in-painting with the student."""
        parts = {
            TEACHER: (self.patch_cnn, self.teacher),
            STUDENT: (self.inpainting, self.student),
            DISCRIMINATOR: (self.discriminator,),
        }[stage]
        rate = self.config.learning_rate
        if stage == DISCRIMINATOR:
            rate = self.config.discriminator_learning_rate
        return {stage: Player([p for part in parts for p in part.parameters()], rate)}

    def training_step(self, images: Tensor, stage: str) -> Iterator[tuple[str, dict[str, Tensor]]]:
        step = {
            TEACHER: self._teacher_losses,
            STUDENT: self._student_losses,
            DISCRIMINATOR: self._discriminator_losses,
        }[stage]
        yield stage, step(images)

    def _teacher_losses(self, images: Tensor) -> dict[str, Tensor]:
        """L_t, eq. 5.3: patch CNN and teacher as an autoencoder."""
        return {"loss": F.mse_loss(self.teacher(self.patch_cnn(images)), images)}

    def _student_losses(self, images: Tensor) -> dict[str, Tensor]:
        """L_s and L_dist, eq. 5.4 and 5.5; the memory takes the batch in first, algorithm 4.7."""
        self.patch_cnn.eval()
        self.teacher.eval()
        with torch.no_grad():
            features = self.patch_cnn(images)
            teacher = self.teacher(features, return_intermediate=True)
        self.memory.store(features, self.grid_size)
        student = self.student(self.inpainting(features), return_intermediate=True)
        reconstruction = F.mse_loss(student[-1], images)
        distillation = distillation_loss(student, teacher)
        loss = reconstruction + self.config.distillation * distillation
        return {"loss": loss, "reconstruction": reconstruction, "distillation": distillation}

    def _discriminator_losses(self, images: Tensor) -> dict[str, Tensor]:
        """L_dis, eq. 5.6; real and generated films share one batch, and so its normalisation."""
        for part in (self.patch_cnn, self.inpainting, self.student):
            part.eval()
        with torch.no_grad():
            fake = self.student(self.inpainting(self.patch_cnn(images)))
        real_logits, fake_logits = self.discriminator(torch.cat([images, fake])).chunk(2)
        return {"loss": discriminator_loss(real_logits, fake_logits)}

    @torch.no_grad()
    def consolidate(self, batches: Batches) -> None:
        """For each region and memory block, the training images whose patch is nearest to it."""
        self.eval()
        slots = F.normalize(self.memory.levels[0].memory, dim=-1)
        best = torch.full_like(self.nearest_training, -2, dtype=torch.float32)
        number, seen = torch.full_like(self.nearest_training, -1), 0
        for images in batches():
            features = F.normalize(self.patch_cnn(images.to(self.device)), dim=-1)
            similarity = torch.einsum("npd,kd->pkn", features, slots)
            index = torch.arange(seen, seen + len(images), device=self.device, dtype=torch.int32)
            number = torch.cat([number, index.expand(similarity.shape)], -1)
            best, chosen = torch.cat([best, similarity], -1).topk(NEAREST_TRAINING, dim=-1)
            number, seen = number.gather(-1, chosen), seen + len(images)
        self.nearest_training.copy_(number)

    # --- scoring ----------------------------------------------------------------------------

    def evidence(self, images: Tensor) -> Evidence:
        features = self.patch_cnn(images)
        student = self.student(self.inpainting(features))
        own = self.memory.levels[0].memory  # one slot for each location
        posterior = region_log_posterior(features, own[:, None], self.config.posterior_scale)
        fakeness = -self.discriminator(student)
        residual = residual_evidence(images, student, self.grid_size)
        regions = {
            DISCRIMINATOR: fakeness[:, None].expand(-1, features.shape[1]),
            FEATURE_DISTANCE: 1 - F.cosine_similarity(features, own, dim=-1),
            REGION_POSTERIOR: -own_region(posterior),
        }
        return Evidence(residual.regions | regions, residual.pixels, student)

    def image_score(
        self, name: str, regions: Float[Tensor, "batch patches"]
    ) -> Float[Tensor, " batch"]:
        if name == DISCRIMINATOR:
            return regions.double().mean(1).sigmoid()  # A, eq. 5.7
        return super().image_score(name, regions)

    @torch.inference_mode()
    def embedding(self, images: np.ndarray | Tensor) -> dict[str, np.ndarray]:
        """Features (n, patches, dim) of images and what each location holds (patches, 1, dim)."""
        self.eval()
        parts = self.as_batch(images).split(64)
        return {
            "features": torch.cat([self.patch_cnn(p.to(self.device)) for p in parts]).cpu().numpy(),
            "slots": self.memory.levels[0].memory[:, None].cpu().numpy(),
        }

    # --- explanation ------------------------------------------------------------------------

    @torch.inference_mode()
    def explain(self, image: np.ndarray, region: tuple[int, int]) -> Explanation:
        """The blocks that level 0 reads for a region, and each of them as the teacher draws it."""
        index = region_index(region, self.grid_size)
        self.eval()
        batch = self.as_batch(np.asarray(image)[None]).to(self.device)
        features = self.patch_cnn(batch)
        read = self.memory.levels[0](features, self.config.top_k)
        blocks = read.blocks[0, index]
        with_block = features.repeat(len(blocks), 1, 1)
        with_block[:, index] = self.memory.levels[0].memory[blocks]
        student = self.student(self.inpainting(features))
        drawn = torch.cat([batch, student, self.expected_films(batch), self.teacher(with_block)])
        patches = image_to_patches(drawn, self.grid_size)[:, index, 0].clamp(0, 1).cpu().numpy()
        return Explanation(
            patch=patches[0],
            inpainted=patches[1],
            expected=patches[2],
            slots=blocks.cpu().numpy(),
            weights=read.weights[0, index].cpu().numpy(),
            slot_images=patches[3:],
            nearest_training=self.nearest_training[index, blocks].cpu().numpy(),
        )
