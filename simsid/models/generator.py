"""The SimSID / SQUID generator: encoder, space-aware memory, in-painting, two decoders."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from simsid.models.coders import PatchDecoder, PatchEncoder
from simsid.models.inpainting import InpaintingBlock, masked_shortcut
from simsid.models.layers import standardise
from simsid.models.members import Members
from simsid.models.memory import MemoryMatrix, MemoryQueue


@dataclass(frozen=True)
class GeneratorOutput:
    """What one pass through the generator gives.

    Attributes:
        query: (batch, patches, slot_dim) content of each patch, before the memory.
        signature: (batch, patches, signature_dim) what scores are measured on; the query itself
            when the generator has no signature head.
        weights: (batch, patches, slots) addressing weights of the own region's memory.
        memory_features: (batch, patches, slot_dim) read from memory.
        inpainted: (batch, patches, slot_dim) in-painted from the neighbours.
        student: (batch, 1, height, width) reconstruction from in-painted features.
        teacher: the same from the encoder's own features; None in evaluation.
        student_features, teacher_features: decoder features of each level, for distillation.
    """

    query: Tensor
    signature: Tensor
    weights: Tensor
    memory_features: Tensor
    inpainted: Tensor
    student: Tensor
    teacher: Tensor | None
    student_features: list[Tensor]
    teacher_features: list[Tensor]


class PixelMemory(nn.Module):
    """A memory inside the decoder: every position of a patch reads its region's queue.

    Source: SQUID, memories at each level of the student's decoder ('hierarchical memory').
    """

    def __init__(self, memory: MemoryQueue) -> None:
        super().__init__()
        self.memory = memory
        self._seen: Tensor | None = None

    def forward(
        self, x: Float[Tensor, "batch_patches c h w"]
    ) -> Float[Tensor, "batch_patches c h w"]:
        regions = self.memory.num_regions
        height, width = x.shape[2:]
        pixels = x.permute(0, 2, 3, 1).unflatten(0, (-1, regions))  # batch, regions, h, w, c
        queries = pixels.permute(0, 2, 3, 1, 4).flatten(0, 2)  # batch * h * w, regions, c
        read = self.memory.read(queries)
        read = read.unflatten(0, (-1, height, width)).permute(0, 3, 4, 1, 2).flatten(0, 1)
        if self.training:
            self._seen = pixels.detach().mean((2, 3))
        return x + read.to(x.dtype)

    def remember(self) -> None:
        """Enqueue the last training batch, each patch as its mean; after the backward pass, which
        still needs the slots as they were read."""
        if self._seen is not None:
            self.memory.enqueue(self._seen)
            self._seen = None


class Generator(nn.Module):
    """Parts in, tensors out; numbers live in ``simsid.detectors``.

    The bottleneck of each patch (``encoder_size`` numbers) is projected to one vector, its *query*; the
    memory of its region rebuilds the query from normal slots; the in-painting block adds what the
    eight neighbours say; the masked shortcut lets a few raw queries through in training; the
    student decodes the result, the teacher decodes the raw query.

    With ``signature_dim`` a second projection serves the scores: what tells a region from all
    others (signature) and what is needed to draw it again (query) pull a feature in opposite
    directions, so each has its own.
    """

    def __init__(
        self,
        encoder: PatchEncoder,
        memory: MemoryMatrix | MemoryQueue,
        inpainting: InpaintingBlock | None,
        student_decoder: PatchDecoder,
        teacher_decoder: PatchDecoder | None,
        encoder_size: int,
        decoder_bottleneck: tuple[int, int, int],
        signature_dim: int | None = None,
        inpaint_prob: float = 0.95,
        query_from_memory: bool = True,
        decoder_memories: Members[PixelMemory] | None = None,
        standardise_input: bool = False,
    ) -> None:
        super().__init__()
        self.encoder, self.memory, self.inpainting = encoder, memory, inpainting
        self.student_decoder, self.teacher_decoder = student_decoder, teacher_decoder
        self.decoder_memories = decoder_memories
        self.decoder_bottleneck, self.inpaint_prob = decoder_bottleneck, inpaint_prob
        self.query_from_memory, self.standardise_input = query_from_memory, standardise_input
        self.to_query = nn.Linear(encoder_size, memory.slot_dim)
        self.to_signature = nn.Linear(encoder_size, signature_dim) if signature_dim else None
        self.from_query = nn.Linear(memory.slot_dim, math.prod(decoder_bottleneck))

    def encode(
        self, images: Float[Tensor, "batch 1 height width"]
    ) -> tuple[
        Float[Tensor, "batch patches slot_dim"], Float[Tensor, "batch patches signature_dim"]
    ]:
        """Query and signature of each patch."""
        if self.standardise_input:
            images = standardise(images)
        features = self.encoder(images).flatten(1)
        query = self.to_query(features).float().unflatten(0, (images.shape[0], -1))
        if self.to_signature is None:
            return query, query
        signature = self.to_signature(features).float()
        return query, signature.unflatten(0, (images.shape[0], -1))

    def _bottleneck(self, vectors: Float[Tensor, "batch patches slot_dim"]) -> Tensor:
        x = self.from_query(vectors.flatten(0, 1)).relu().unflatten(1, self.decoder_bottleneck)
        return x.contiguous(memory_format=torch.channels_last)

    def inpaint(self, query: Tensor, memory_features: Tensor) -> Tensor:
        """In-painted features; the memory's own when there is no in-painting block."""
        if self.inpainting is None:
            return memory_features
        asked = memory_features if self.query_from_memory else query
        return self.inpainting(asked, memory_features).float()

    def decode(
        self, vectors: Float[Tensor, "batch patches slot_dim"]
    ) -> tuple[Tensor, list[Tensor]]:
        """The student's image of these features, and its features of each level."""
        return self.student_decoder(self._bottleneck(vectors), self.decoder_memories)

    def forward(self, images: Float[Tensor, "batch 1 height width"]) -> GeneratorOutput:
        query, signature = self.encode(images)
        memory_features, weights = self.memory(query)
        inpainted = self.inpaint(query, memory_features)
        mixed = masked_shortcut(query, inpainted, self.inpaint_prob, self.training)
        student, student_features = self.decode(mixed)
        teacher, teacher_features = None, []
        if self.training and self.teacher_decoder is not None:
            teacher, teacher_features = self.teacher_decoder(self._bottleneck(query))
        return GeneratorOutput(
            query,
            signature,
            weights,
            memory_features,
            inpainted,
            student,
            teacher,
            student_features,
            teacher_features,
        )
