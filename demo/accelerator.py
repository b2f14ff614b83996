"""Where the models run: on the CPU, on a GPU of our own, or on one that ZeroGPU lends for seconds.

On ZeroGPU (known by ``SPACES_ZERO_GPU``) this process never has a GPU. A function that was given to
``spaces.GPU`` runs in a fork of it that has one, so models stay on the CPU here and move in the fork.
They are small; and those that come from the Hub while the page is open could not be placed when it
starts, which is the only time at which ``spaces`` lets this process place anything.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from typing import TypeVar

import torch

from simsid.detectors import Detector

_log = logging.getLogger(__name__)
_MAIN_PROCESS = os.getpid()
_MOVING = threading.Lock()
_Result = TypeVar("_Result")


def on_zero_gpu() -> bool:
    """Whether a GPU is lent by the call, rather than ours or absent."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def device() -> str:
    """Where models run in this process: 'cuda' or 'cpu'."""
    # In the main process ``spaces`` only pretends that there is CUDA.
    if on_zero_gpu() and os.getpid() == _MAIN_PROCESS:
        return "cpu"
    return "cuda" if torch.cuda.is_available() else "cpu"


def place(detector: Detector) -> Detector:
    """The same detector, moved to where it runs in this process. Thread-safe."""
    if device() == "cpu":
        return detector
    with _MOVING:
        if detector.device.type == "cpu":
            # Float32 as the CPU multiplies it, not TF32: scores agree wherever they are computed.
            torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
            detector.to("cuda")
    return detector


def on_gpu(function: Callable[..., _Result], seconds: int) -> Callable[..., _Result]:
    """The function with a GPU lent to every call of it on ZeroGPU; the function itself elsewhere.

    A loan is a matter of quotas and queues. Where none is made, or the fork fails, the function
    runs here on the CPU instead, and raises what it raises.

    Args:
        function: takes and returns what can be pickled, NumPy rather than tensors, and calls
            :func:`place`.
        seconds: the longest that a call takes on a GPU; short ones are served first.
    """
    if not on_zero_gpu():
        return function
    try:
        import spaces
    except ImportError:
        _log.warning("ZeroGPU without the package spaces: everything runs on the CPU")
        return function

    def in_fork(*arguments: object) -> tuple[_Result] | None:
        # OpenMP's threads did not come along through the fork, and waiting for them never ends.
        torch.set_num_threads(1)
        try:
            return (function(*arguments),)
        except Exception:  # ``spaces`` would print it all, and hand on no more than its name
            return None

    lent = spaces.GPU(in_fork, duration=seconds)

    def call(*arguments: object) -> _Result:
        answer = None
        # Visitors are served in other threads; in the main one the page is still being built, and
        # ``spaces`` reports to its lender only once that is done.
        if threading.current_thread() is not threading.main_thread():
            try:
                answer = lent(*arguments)
            except Exception as error:  # of whatever kind ``spaces`` says it with
                _log.info("no GPU was lent (%s)", type(error).__name__)
        return function(*arguments) if answer is None else answer[0]

    return call
