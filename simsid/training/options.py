"""How to train, apart from what: the part of the settings that is the same for every detector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState


@dataclass(frozen=True)
class TrainOptions:
    """Settings of the loop.

    Attributes:
        epochs: passes over the training normals, all stages together.
        batch_size: images a step, over all ranks together.
        seed: of order, augmentation and noise; weights are drawn before, where the detector is built.
        device: 'auto' takes a GPU when there is one.
        precision: 'bf16' autocast, 'fp32', or 'auto': bf16 where the hardware multiplies in it.
        checkpoint_seconds: at least this long between two checkpoints.
        progress: show a progress bar on standard error.
    """

    epochs: int = 10
    batch_size: int = 16
    seed: int = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    checkpoint_seconds: float = 15.0
    progress: bool = True

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            if (value := getattr(self, name)) < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")
        if self.seed < 0:
            raise ValueError(f"seed must be 0 or more, not {self.seed}")
        if self.device == "cuda" and not torch.cuda.is_available():
            raise ValueError(
                "device 'cuda' was asked for, but torch finds no GPU: use 'cpu' or 'auto'"
            )


def resolve_precision(precision: str, device: str) -> str:
    """'fp32' or 'bf16': what 'auto' means on this machine."""
    if precision != "auto":
        return precision
    if device == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    found = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    native = found.get("avx512_bf16") or found.get("amx_bf16") or found.get("amx_tile")
    return "bf16" if native else "fp32"


def make_accelerator(options: TrainOptions) -> Accelerator:
    """The one object that knows about devices, ranks and autocast."""
    use_cpu = options.device == "cpu" or not torch.cuda.is_available()
    precision = resolve_precision(options.precision, "cpu" if use_cpu else "cuda")
    # Accelerate keeps its state for the process; a second training may want another precision.
    AcceleratorState._reset_state(reset_partial_state=False)
    return Accelerator(cpu=use_cpu, mixed_precision="no" if precision == "fp32" else "bf16")
