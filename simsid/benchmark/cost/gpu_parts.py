"""What ``gpu`` measures, each part on any device, so that it can be tried where there is no GPU."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from simsid.benchmark.cost.speed import step_of
from simsid.benchmark.cost.speed_records import Agreement, Compiled, Rate, Rates, Way
from simsid.data.image_kind import FILMS, Cells, ImageKind
from simsid.detectors import Detector, detector_class
from simsid.errors import first_line
from simsid.training.fit import fit

_DIGITS = ((96, 96), Cells((3, 3)))
_FILMS = ((192, 192), FILMS)
_WAYS = {"torch.compile": "default", "CUDA graphs": "reduce-overhead"}
WORKLOADS: dict[str, tuple[str, str, tuple[int, int], ImageKind]] = {
    "simsid quick, DigitAnatomy": ("simsid", "quick", *_DIGITS),
    "simsid quick, films": ("simsid", "quick", *_FILMS),
    "squid paper, films": ("squid", "paper", *_FILMS),
}


def films(count: int, size: tuple[int, int], seed: int = 0) -> np.ndarray:
    """(count, height, width) uint8: smooth pictures, no two alike."""
    rng = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 1, 8, 8, generator=rng)
    smooth = torch.nn.functional.interpolate(coarse, size, mode="bicubic").clamp(0, 1)
    return (255 * smooth[:, 0]).byte().numpy()


def agreement(name: str, device: str, size: tuple[int, int] = (64, 64)) -> Agreement:
    """How far a detector's scores and maps on ``device`` lie from those on the CPU.

    In standard deviations of the CPU's scores and of its maps, in 'fp32' and 'bf16'.
    """
    cls = detector_class(name)
    torch.manual_seed(0)
    detector = fit(cls(cls.config_class.preset("quick", size, FILMS)), films(40, size), epochs=1,
                   batch_size=8, device="cpu", precision="fp32")  # fmt: skip
    images = films(16, size, seed=1)
    here = detector.predict(images)
    there = copy.deepcopy(detector).to(device)

    def farthest(ours: np.ndarray, theirs: np.ndarray) -> float:
        return float(np.abs(ours - theirs).max()) / max(float(ours.std()), 1e-12)

    fp32, bf16 = there.predict(images), there.predict(images, precision="bf16")
    return Agreement(
        fp32_score=farthest(here.score, fp32.score),
        fp32_anomaly_map=farthest(here.anomaly_map, fp32.anomaly_map),
        bf16_score=farthest(here.score, bf16.score),
        bf16_anomaly_map=farthest(here.anomaly_map, bf16.anomaly_map),
    )


def matmul_ceiling(device: str, dtype: torch.dtype, side: int) -> float:
    """Floating-point operations a second of the largest plain product, measured."""
    left, right = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    return 2 * side**3 / seconds_of(lambda: left @ right, device)


def training(workload: str, device: str, bf16: bool, batch: int, side: int) -> Rates:
    """Images a second in training and scoring, and each as a share of the matmul ceiling.

    Args:
        side: of the matrices that the ceiling is measured with.
    """
    name, preset, size, kind = WORKLOADS[workload]
    detector = _fitted(name, preset, size, kind).to(device)
    images = torch.from_numpy(films(batch, size)).to(device)[:, None].float() / 255
    ceiling = matmul_ceiling(device, torch.bfloat16 if bf16 else torch.float32, side)
    step = step_of(detector, images, bf16)

    def score() -> None:
        detector.predict(images, batch_size=batch, precision="bf16" if bf16 else "fp32")

    def rate(run: Callable[[], None]) -> Rate:
        with FlopCounterMode(display=False) as counter:
            run()
        seconds = seconds_of(run, device)
        share = counter.get_total_flops() / seconds / ceiling
        return Rate(images=batch / seconds, share_of_ceiling=share)

    return Rates(ceiling=ceiling / 1e12, training=rate(step), scoring=rate(score))


def compiled(workload: str, device: str, batch: int) -> Compiled:
    """A batch's evidence as it is, by ``torch.compile``, and with CUDA graphs."""
    name, preset, size, kind = WORKLOADS[workload]
    detector = _fitted(name, preset, size, kind).to(device).eval()
    images = torch.from_numpy(films(batch, size)).to(device)[:, None].float() / 255

    def evidence(films: Tensor) -> Tensor:
        return detector.standardised(detector.evidence(films))

    def by(mode: str, expected: Tensor) -> Way:
        try:
            faster: Callable[[Tensor], Tensor] = torch.compile(evidence, mode=mode)
            difference = float((faster(images) - expected).abs().max())
            return Way(ms=1000 * seconds_of(lambda: faster(images), device), difference=difference)
        except Exception as error:  # of a compiler, in more ways than can be listed
            return Way(failed=first_line(error))

    with torch.no_grad():
        expected = evidence(images)
        return Compiled(
            as_it_is=1000 * seconds_of(lambda: evidence(images), device),
            ways={way: by(mode, expected) for way, mode in _WAYS.items()},
        )


def seconds_of(run: Callable[[], object], device: str, repeats: int = 5) -> float:
    """Median seconds of a call, once warm, what it left running on a GPU included."""

    def wait() -> None:
        if device.startswith("cuda"):
            torch.cuda.synchronize()

    run()
    taken = []
    for _ in range(repeats):
        wait()
        began = time.perf_counter()
        run()
        wait()
        taken.append(time.perf_counter() - began)
    return float(np.median(taken))


def _fitted(name: str, preset: str, size: tuple[int, int], kind: ImageKind) -> Detector:
    """A detector of these sizes that has seen a few films: speed does not depend on what it learned."""
    cls = detector_class(name)
    torch.manual_seed(0)
    detector = cls(cls.config_class.preset(preset, size, kind))
    return fit(detector, films(12, size), epochs=1, batch_size=4, device="cpu", precision="fp32")
