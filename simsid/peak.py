"""How much memory this process has taken at most, here and on the GPU."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

_STATUS, _REFERENCES = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak_memory_mb() -> float | None:
    """The peak of this process's own resident memory in MB; None where it cannot be known.

    Not ``ru_maxrss`` on Linux: a child inherits its parent's there.
    """
    if _STATUS.exists():
        return _status_mb("VmHWM")
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return None


def forget_peak() -> float | None:
    """Let :func:`peak_memory_mb` begin anew; returns the MB above which growth is to be counted.

    That is what the process holds now. Where the system keeps the earlier peak, it is that peak,
    and growth below it stays unseen.
    """
    try:
        _REFERENCES.write_text("5", encoding="ascii")  # man 5 proc: resets the peak
    except OSError:
        return peak_memory_mb()
    return _status_mb("VmRSS")


def peak_gpu_mb(device: torch.device) -> float | None:
    """The most that this process's tensors took of the GPU in MB; None on a CPU."""
    if device.type != "cuda":
        return None
    return torch.cuda.max_memory_allocated(device) / 1e6


def _status_mb(name: str) -> float | None:
    for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024 / 1e6
    return None
