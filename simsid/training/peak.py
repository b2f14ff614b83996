"""How much memory this process has taken at most, here and on the GPU."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

_STATUS = Path("/proc/self/status")


def peak_memory_mb() -> float | None:
    """The peak of this process's own resident memory in MB; None where it cannot be known.

    Not ``ru_maxrss`` on Linux: a child inherits its parent's there.
    """
    if _STATUS.exists():
        for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return None


def peak_gpu_mb(device: torch.device) -> float | None:
    """The most that this process's tensors took of the GPU in MB; None on a CPU."""
    if device.type != "cuda":
        return None
    return torch.cuda.max_memory_allocated(device) / 1e6
