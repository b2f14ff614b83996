"""``python -m simsid.benchmark speed``: how fast, by component, against a plain reference.

The reference is measured in the same run on the same machine: the same network in float32. What
it shows is what bfloat16 brings on this machine; compare machines by the reference.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from jsonargparse import ArgumentParser
from torch import Tensor

from simsid.cli import command_parser, parse
from simsid.data.image_kind import FILMS
from simsid.detectors import Detector, detector_class, detector_names
from simsid.errors import check_at_least_one
from simsid.training.fit import fit
from simsid.training.options import resolve_precision

_STEP, _LEARN = "train step", "learn from the batch"


def make_parser() -> ArgumentParser:
    parser = command_parser(
        "python -m simsid.benchmark speed",
        "Images a second in training and scoring, and milliseconds by component, "
        "of ours and of a plain float32 reference in the same run.",
    )
    add = parser.add_argument
    add("--model", type=str, default="squid", help=f"one of: {', '.join(detector_names())}")
    add("--preset", type=Literal["quick", "paper"], default="paper", help="sizes of the network")
    add("--image-size", type=int, default=96, help="side of the square images, in pixels")
    add("--batch-size", type=int, default=16, help="images in a batch")
    add("--repeats", type=int, default=10, help="measurements; the median is shown")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = parse(make_parser(), arguments)
    check_at_least_one(repeats=options.repeats)
    cls = detector_class(options.model)
    size = (options.image_size, options.image_size)
    config = cls.config_class.preset(options.preset, size, FILMS)
    images = torch.rand(options.batch_size, 1, *size, generator=torch.Generator().manual_seed(0))
    precision = resolve_precision("auto", "cpu")
    rows = {}
    for name, used in (("reference", "fp32"), ("ours", precision)):
        torch.manual_seed(0)
        detector = cls(config)
        fit(detector, np.random.default_rng(0).random((12, *size), np.float32), epochs=1,
                     batch_size=4, device="cpu", precision=used)  # fmt: skip
        rows[name] = measure(detector, images, used == "bf16", options.repeats)
    size_text = f"{size[0]}x{size[1]} px, batch {options.batch_size}"
    parameters = sum(p.numel() for p in detector.parameters()) / 1e6
    print(f"{options.model} {options.preset} ({parameters:.2f} M parameters), {size_text}, "
          f"{torch.get_num_threads()} threads; ours runs in {precision}")  # fmt: skip
    print(table(rows, options.batch_size))
    if not detector.stages():
        print("no gradient steps: training is one look at the normals, timed here over one batch; "
              "comparing them with each other takes longer for each, the more there are")  # fmt: skip
    return 0


def measure(detector: Detector, images: Tensor, bf16: bool, repeats: int) -> dict[str, float]:
    """Median seconds of a training step, of scoring a batch and one image, and of each part.

    A method without gradient steps has the time that it learns from ``images`` in place of the step.
    """
    steps = bool(detector.stages())
    train = step_of(detector, images, bf16) if steps else _learning(detector, images)

    def score(batch: Tensor) -> Callable[[], None]:
        def run() -> None:
            detector.predict(batch, precision="bf16" if bf16 else "fp32")

        return run

    seconds = {_STEP if steps else _LEARN: _median(train, repeats)}
    seconds["score batch"] = _median(score(images), repeats)
    seconds["score one image"] = _median(score(images[:1]), repeats)
    return seconds | _components(detector, images, bf16, repeats)


def step_of(detector: Detector, images: Tensor, bf16: bool) -> Callable[[], None]:
    """A step of every stage."""
    optimisers = {
        name: torch.optim.AdamW(player.parameters, 1e-5)
        for stage in detector.stages()
        for name, player in detector.players(stage.name).items()
    }
    stages = [stage.name for stage in detector.stages()]

    def run() -> None:
        detector.train()
        for stage in stages:
            turns = detector.training_step(detector.augment(images), stage)
            while True:
                with torch.autocast(images.device.type, torch.bfloat16, enabled=bf16):
                    turn = next(turns, None)
                if turn is None:
                    break
                optimisers[turn[0]].zero_grad(set_to_none=True)
                turn[1]["loss"].backward()
                optimisers[turn[0]].step()

    return run


def _learning(detector: Detector, images: Tensor) -> Callable[[], None]:
    """All that training is where there are no steps, as the training loop has it: in float32."""

    def run() -> None:
        detector.eval()
        detector.consolidate(lambda: iter([images]))
        detector.set_reference(lambda: iter([images]))

    return run


def _components(detector: Detector, images: Tensor, bf16: bool, repeats: int) -> dict[str, float]:
    """Time inside each direct part of the network during one scored batch, by forward hooks."""
    root = getattr(detector, "generator", detector)
    parts = {f"  {name}": module for name, module in root.named_children()}
    if root is not detector:
        parts |= {f"  {n}": m for n, m in detector.named_children() if n != "generator"}
    spent: dict[str, list[float]] = {name: [] for name in parts}
    began: dict[str, float] = {}
    handles = []
    for name, module in parts.items():
        handles.append(
            module.register_forward_pre_hook(
                lambda *_, name=name: began.__setitem__(name, time.perf_counter())
            )
        )
        handles.append(
            module.register_forward_hook(
                lambda *_, name=name: spent[name].append(time.perf_counter() - began[name])
            )
        )
    for _ in range(repeats):
        detector.predict(images, precision="bf16" if bf16 else "fp32")
    for handle in handles:
        handle.remove()
    return {name: float(np.median(values)) for name, values in spent.items() if values}


def _median(run: Callable[[], None], repeats: int) -> float:
    run()
    run()
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return float(np.median(seconds))


def table(rows: dict[str, dict[str, float]], batch_size: int) -> str:
    """Reference and ours side by side, with the ratio; higher ratio = ours is faster."""
    lines = [f"{'':24}{'reference':>14}{'ours':>14}{'ratio':>8}"]
    for name, reference in rows["reference"].items():
        ours = rows["ours"].get(name, float("nan"))
        shown = [f"{1000 * value:.1f} ms" for value in (reference, ours)]
        lines.append(f"{name:24}{shown[0]:>14}{shown[1]:>14}{reference / ours:>7.1f}x")
    train = _STEP if _STEP in rows["reference"] else _LEARN
    for name, key in (("training, images/s", train), ("scoring, images/s", "score batch")):
        rates = [batch_size / rows[row][key] for row in ("reference", "ours")]
        lines.append(f"{name:24}{rates[0]:>14.1f}{rates[1]:>14.1f}{rates[1] / rates[0]:>7.1f}x")
    return "\n".join(lines)
