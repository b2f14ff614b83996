"""Space-aware memories: one bank of normal slots for each region of the anatomy.

``MemoryMatrix`` learns its slots (SimSID); ``MemoryQueue`` copies recent features, first in first
out (SQUID). Both read by cosine similarity and return the addressing weights, which is what an
explanation shows.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.distributed as dist
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from simsid.models.shrinkage import gumbel_noise, hard_shrink, top_k_shrink

_ORDER = 1e-6  # cosine that a slot has less than the one before it


@dataclass(frozen=True)
class ReadConfig:
    """How a memory is addressed.

    Attributes:
        scale: factor on the cosine similarity before the softmax (inverse temperature).
        top_k: keep exactly this many slots; None keeps all.
        threshold: hard shrinkage below this weight; 0 for none.
        gumbel: noise on the logits in training, in units of the standard Gumbel; 0 for none.
    """

    scale: float = 10.0
    top_k: int | None = 5
    threshold: float = 0.0
    gumbel: float = 0.0


def cosine_similarity(
    queries: Float[Tensor, "batch regions dim"], slots: Float[Tensor, "regions slots dim"]
) -> Float[Tensor, "batch regions slots"]:
    """Cosine of each query with each slot of its own region, in [-1, 1], in float32."""
    with torch.autocast(queries.device.type, enabled=False):
        queries = F.normalize(queries.float(), dim=-1)
        slots = F.normalize(slots.float(), dim=-1)
        return torch.einsum("brd,rkd->brk", queries, slots)


def similarity_to_read(
    queries: Float[Tensor, "batch regions dim"], slots: Float[Tensor, "regions slots dim"]
) -> Float[Tensor, "batch regions slots"]:
    """The cosine, but a query of zeros, which is near to no slot, reads the first ones.

    All of its cosines are zero: which of them are the k largest, each device and each runtime would say
    in its own way, and the film would score differently on each. Decoders have such queries wherever no
    channel of theirs speaks.
    """
    silent = (queries == 0).all(-1, keepdim=True)
    order = torch.arange(slots.shape[1], device=slots.device)
    return torch.where(silent, -_ORDER * order, cosine_similarity(queries, slots))


def nearest_slot_distance(
    queries: Float[Tensor, "batch regions dim"], slots: Float[Tensor, "regions slots dim"]
) -> Float[Tensor, "batch regions"]:
    """1 - cosine to the nearest slot of the own region, in [0, 2].

    Computed from the difference of the unit vectors: 1 - (a number near 1) would lose the digits
    that tell a normal from a very normal film.
    """
    nearest = cosine_similarity(queries, slots).argmax(-1)  # batch, regions
    chosen = slots[torch.arange(slots.shape[0], device=slots.device), nearest]
    difference = F.normalize(queries.float(), dim=-1) - F.normalize(chosen.float(), dim=-1)
    return 0.5 * difference.square().sum(-1)


def nearest_slot_euclidean(
    queries: Float[Tensor, "batch regions dim"], slots: Float[Tensor, "regions slots dim"]
) -> Float[Tensor, "batch regions"]:
    """Euclidean distance to the nearest slot of the own region, over the root of ``dim``."""
    distances = torch.cdist(queries.float().transpose(0, 1), slots.float())  # regions, batch, slots
    return distances.amin(-1).T / queries.shape[-1] ** 0.5


def all_region_similarity(
    queries: Float[Tensor, "batch regions dim"], slots: Float[Tensor, "regions slots dim"]
) -> Float[Tensor, "batch regions all_regions slots"]:
    """Cosine of each query with every slot of *every* region: what the region posterior reads."""
    with torch.autocast(queries.device.type, enabled=False):
        queries = F.normalize(queries.float(), dim=-1)
        slots = F.normalize(slots.float(), dim=-1)
        batch, regions, dim = queries.shape
        flat = queries.reshape(-1, dim) @ slots.reshape(-1, dim).T
        return flat.reshape(batch, regions, slots.shape[0], slots.shape[1])


def address(
    similarity: Float[Tensor, "*batch slots"], read: ReadConfig, training: bool
) -> Float[Tensor, "*batch slots"]:
    """Similarities to addressing weights: softmax, then the shrinkage that ``read`` asks for."""
    logits = read.scale * similarity
    if training and read.gumbel > 0:
        logits = logits + read.gumbel * gumbel_noise(logits)
    weights = logits.softmax(-1)  # w, eq. 2
    if read.threshold > 0:
        weights = hard_shrink(weights, read.threshold)
    if read.top_k is not None:
        weights = top_k_shrink(weights, read.top_k)  # w-hat, eq. 3
    return weights


class _Memory(nn.Module):
    """Reading, shared by both memories; subclasses say what ``slots`` (regions, slots, dim) are.

    Without ``space_aware`` all regions share one bank and ``slots`` is (1, slots, dim): the
    ablation of the papers.
    """

    slots: Tensor

    def __init__(
        self,
        num_regions: int,
        num_slots: int,
        slot_dim: int,
        read: ReadConfig | None = None,
        space_aware: bool = True,
    ) -> None:
        super().__init__()
        read = read or ReadConfig(top_k=min(5, num_slots))
        if read.top_k is not None and not 1 <= read.top_k <= num_slots:
            raise ValueError(
                f"top_k must lie between 1 and num_slots = {num_slots}, not {read.top_k}"
            )
        self.num_regions, self.num_slots, self.slot_dim = num_regions, num_slots, slot_dim
        self.read_config, self.space_aware = read, space_aware
        self._take_slots(torch.randn(self.banks, num_slots, slot_dim))

    def _take_slots(self, drawn: Float[Tensor, "banks slots dim"]) -> None:
        """Make ``slots``, which begin as they are drawn."""
        raise NotImplementedError

    @property
    def banks(self) -> int:
        """How many banks of slots there are."""
        return self.num_regions if self.space_aware else 1

    @property
    def region_slots(self) -> Float[Tensor, "regions slots dim"]:
        """The slots that each region reads."""
        return self.slots.expand(self.num_regions, -1, -1)

    def forward(
        self, queries: Float[Tensor, "batch regions dim"]
    ) -> tuple[Float[Tensor, "batch regions dim"], Float[Tensor, "batch regions slots"]]:
        """Rebuild each query from its own region's slots; also return the addressing weights."""
        slots = self.region_slots
        weights = address(similarity_to_read(queries, slots), self.read_config, self.training)
        return torch.einsum("brk,rkd->brd", weights.to(slots.dtype), slots), weights

    def read(
        self, queries: Float[Tensor, "batch regions dim"]
    ) -> Float[Tensor, "batch regions dim"]:
        """What ``forward`` reads, without the weights: in evaluation only the chosen slots are touched.

        A softmax over the k largest logits *is* the renormalised top-k of the full softmax.
        """
        top_k = self.read_config.top_k
        if self.training or top_k is None or self.read_config.threshold > 0:
            return self(queries)[0]
        slots = self.region_slots
        similarity, chosen = similarity_to_read(queries, slots).topk(top_k, dim=-1)
        weights = (self.read_config.scale * similarity).softmax(-1)
        region = torch.arange(self.num_regions, device=chosen.device)[:, None]
        return torch.einsum("brk,brkd->brd", weights, slots[region, chosen])


class MemoryMatrix(_Memory):
    """Learned slots, trained by gradient like any weight. Source: SimSID, 'space-aware memory'."""

    def _take_slots(self, drawn: Float[Tensor, "banks slots dim"]) -> None:
        self.slots = nn.Parameter(drawn)


class MemoryQueue(_Memory):
    """A ring of recent features for each region, first in first out; no gradient.

    Slots and pointer are buffers, so a reloaded queue goes on where it stopped. With several
    ranks the features of all are gathered before enqueuing, so that every rank holds the queue
    that one rank with the joined batch would hold. Source: SQUID, 'memory queue'.
    """

    pointer: Tensor

    def _take_slots(self, drawn: Float[Tensor, "banks slots dim"]) -> None:
        self.register_buffer("slots", F.normalize(drawn, dim=-1))
        self.register_buffer("pointer", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def enqueue(self, features: Float[Tensor, "batch regions dim"]) -> None:
        """Overwrite the oldest slots of every region with these features, in batch order."""
        self.refill(gather_ranks(features.detach().float()))

    @torch.no_grad()
    def refill(self, features: Float[Tensor, "batch regions dim"]) -> None:
        """Enqueue features that every rank holds already: nothing is gathered."""
        if not self.space_aware:
            features = features.flatten(0, 1)[:, None]
        features = features[-self.num_slots :]
        positions: Int[Tensor, " batch"] = (
            self.pointer + torch.arange(len(features), device=features.device)
        ) % self.num_slots
        self.slots[:, positions] = features.transpose(0, 1).to(self.slots.dtype)
        self.pointer.copy_((self.pointer + len(features)) % self.num_slots)


def gather_ranks(
    features: Float[Tensor, "batch *rest"],  # noqa: F821
) -> Float[Tensor, "all_batch *rest"]:  # noqa: F821
    """The features of all ranks in the joined batch's order; the same tensor with one rank only.

    The loop deals images to ranks one by one, so image i of the batch lies on rank i mod ranks.
    """
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return features
    parts = [torch.empty_like(features) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, features.contiguous())
    return torch.stack(parts, 1).flatten(0, 1)


@torch.no_grad()
def consolidate_slots(
    features: Float[Tensor, "count regions dim"],
    num_slots: int,
    iterations: int = 20,
    seed: int = 0,
    spherical: bool = True,
) -> Float[Tensor, "regions slots dim"]:
    """k-means of each region's features, all regions at once: slots that *cover* normals.

    Learned slots are placed for reading, and crowd where the loss wants them; the distance to
    the nearest one then says little about how dense normals are. Centres of the features
    themselves do. Deterministic for a given seed and device.

    Args:
        spherical: nearest by angle, and slots are unit vectors; else by Euclidean distance.
    """
    count, regions, _ = features.shape
    unit = features.float().transpose(0, 1)  # regions, count, dim
    if spherical:
        unit = F.normalize(unit, dim=-1)
    generator = torch.Generator().manual_seed(seed)
    order = torch.rand(regions, count, generator=generator).argsort(-1)
    distinct = max(1, min(num_slots, count // 4))  # a slot for every film would know them by heart
    first = order[:, torch.arange(num_slots) % distinct]  # with few normals some slots coincide
    centres = unit.gather(1, first.to(unit.device)[..., None].expand(-1, -1, unit.shape[-1]))
    for _ in range(iterations):
        closeness = unit @ centres.transpose(1, 2)  # half of |x|^2 + |c|^2 - |x - c|^2
        if not spherical:
            closeness = closeness - centres.square().sum(-1)[:, None] / 2
        nearest = closeness.argmax(-1)  # regions, count
        sums = torch.zeros_like(centres).index_put_(
            (torch.arange(regions, device=unit.device)[:, None].expand_as(nearest), nearest),
            unit,
            accumulate=True,
        )
        members = F.one_hot(nearest, num_slots).sum(1)[..., None]
        means = F.normalize(sums, dim=-1) if spherical else sums / members.clamp_min(1)
        empty = sums.norm(dim=-1, keepdim=True) < 1e-6 if spherical else members == 0
        centres = torch.where(empty, centres, means)
    return centres
