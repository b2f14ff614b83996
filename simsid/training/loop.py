"""The loop: stages, epochs, steps; every player's turn; checkpoints that resume to the bit.

Nothing random outlives a step: order comes from (seed, stage, epoch), noise and augmentation from
(seed, step, rank), what is drawn after the last step from (seed, steps). So a checkpoint's random
state is its position, and a resumed run sees exactly what an uninterrupted one sees.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from accelerate.utils import set_seed
from jaxtyping import Int, UInt8
from torch import Tensor
from tqdm.auto import tqdm

from simsid.detectors.base import Detector
from simsid.detectors.training_films import TrainingFilms
from simsid.errors import TrainingError
from simsid.training.checkpoint import load_checkpoint, save_checkpoint
from simsid.training.options import TrainOptions, make_accelerator
from simsid.training.run_folder import RunFolder
from simsid.training.schedule import make_optimiser, rate, share_epochs
from simsid.training.signals import StopSignals
from simsid.training.trackers import Trackers

_EVALUATION_BATCH = 64


class TrainingInterrupted(Exception):  # noqa: N818 - a request, not an error
    """The user stopped the run; a checkpoint was saved if there is a run folder."""


@dataclasses.dataclass
class Position:
    """Where in training we are: the next step to take."""

    stage: int = 0
    epoch: int = 0
    step: int = 0
    total: int = 0


class Training:
    """Trains one detector on one set of normals.

    Args:
        detector: freshly built, or in the state its checkpoint was saved in.
        images: (n, height, width) uint8 training normals.
        options: of the loop.
        folder: where checkpoints and metrics go; None keeps nothing.
        fingerprint: of the data, so that a run is not resumed on other data.
        populations: (n,) of each normal, from 0: each batch then holds as many of each, films of
            the smaller ones being seen more often. None: all are of one.

    Attributes:
        trackers: open ones that get what ``metrics.jsonl`` gets; None where nobody asked.
    """

    def __init__(
        self,
        detector: Detector,
        images: UInt8[np.ndarray, "n height width"],
        options: TrainOptions,
        folder: RunFolder | None = None,
        fingerprint: str = "",
        populations: Int[np.ndarray, " n"] | None = None,
    ) -> None:
        if len(images) < 2:
            raise TrainingError(f"{len(images)} training images are too few: at least 2 needed")
        if (images == images[:1]).all():
            raise TrainingError(
                f"all {len(images)} training images are the same picture: nothing tells how normals vary"
            )
        self.accelerator = make_accelerator(options)
        self.device = self.accelerator.device
        self.detector = detector.to(self.device)
        self.images = torch.as_tensor(images)[:, None].to(self.device)
        self.options, self.folder, self.fingerprint = options, folder, fingerprint
        self.populations = None if populations is None else torch.as_tensor(populations)
        self.batch_size = min(options.batch_size, len(images))
        if self.batch_size % self.accelerator.num_processes:
            raise TrainingError(
                f"batch_size {self.batch_size} is not divisible by {self.accelerator.num_processes} ranks"
            )
        self.steps_per_epoch = len(images) // self.batch_size
        self.stage_epochs = share_epochs(detector.stages(), options.epochs)
        self.position = Position()
        self.log: list[dict[str, Any]] = []
        self._optimisers: dict[str, torch.optim.Optimizer] = {}
        self._schedules: dict[str, torch.optim.lr_scheduler.LRScheduler] = {}
        self._last_save = time.monotonic()
        self.stop = StopSignals()
        self.trackers: Trackers | None = None

    @property
    def run_folder(self) -> RunFolder:
        """Where checkpoints and metrics go.

        Raises:
            TrainingError: this training keeps nothing.
        """
        if self.folder is None:
            raise TrainingError("this training has no run folder to go on from")
        return self.folder

    @property
    def total_steps(self) -> int:
        return sum(self.stage_epochs) * self.steps_per_epoch

    @property
    def finished(self) -> bool:
        return self.position.stage >= len(self.stage_epochs)

    # --- running ----------------------------------------------------------------------------

    def run(self) -> Detector:
        """Train to the end, then consolidate and set what scoring compares with.

        Raises:
            TrainingInterrupted: Ctrl-C or SIGTERM, after saving.
            TrainingError: a loss is not finite, or a checkpoint cannot be written.
        """
        with self.stop, self._progress() as bar:
            while not self.finished:
                self._run_stage(bar)
        self.save()
        if self._asked_to_stop():
            raise TrainingInterrupted
        self.detector.eval()
        self.detector.round_weights()
        set_seed(_mix(self.options.seed, self.position.total))
        self.detector.train_by_itself(self.batches, self.options.epochs, self.batch_size)
        self.detector.consolidate(self.batches)
        self.detector.set_expected(self.batches)
        self.detector.set_reference(self.batches)
        self.detector.set_placement(self.batches)
        self.detector.set_populations(self.batches, self.populations)
        seen = TrainingFilms.of(self.images[:, 0].cpu().numpy())
        self.detector.training_films = seen.joined(self.detector.training_films)
        return self.detector

    def _run_stage(self, bar: tqdm) -> None:
        stage = self.detector.stages()[self.position.stage]
        if not self._optimisers:
            if self.position.epoch == self.position.step == 0:
                self.detector.begin_stage(stage.name, self.batches)
            self._make_optimisers(stage.name)
        while self.position.epoch < self.stage_epochs[self.position.stage]:
            order = self._order()
            while self.position.step < self.steps_per_epoch:
                start = self.position.step * self.batch_size
                losses = self._step(order[start : start + self.batch_size], stage.name)
                self._advance(losses, stage.name, bar)
            self.position.epoch, self.position.step = self.position.epoch + 1, 0
            self._save_if_due()
        self._optimisers, self._schedules = {}, {}
        self.position = Position(self.position.stage + 1, 0, 0, self.position.total)

    def _step(self, indices: Tensor, stage: str) -> dict[str, Tensor]:
        rank, ranks = self.accelerator.process_index, self.accelerator.num_processes
        set_seed(_mix(self.options.seed, self.position.total, rank))
        batch = self.images[indices[rank::ranks].to(self.device)].float() / 255.0
        self.detector.train()
        logged: dict[str, Tensor] = {}
        batch = self.detector.augment(batch)
        steps = self.detector.training_step(batch, stage)
        while True:
            with self.accelerator.autocast():
                turn = next(steps, None)
            if turn is None:
                return logged
            player, losses = turn
            if self._on_any_rank(not torch.isfinite(losses["loss"])):
                raise TrainingError(self._not_finite(player, losses))
            optimiser = self._optimisers[player]
            optimiser.zero_grad(set_to_none=True)
            losses["loss"].backward()
            self._average_gradients(optimiser)
            if not _finite_gradients(optimiser):
                raise TrainingError(self._not_finite(player, losses))
            optimiser.step()
            self._schedules[player].step()
            logged |= {f"{player}.{name}": value.detach() for name, value in losses.items()}

    def _average_gradients(self, optimiser: torch.optim.Optimizer) -> None:
        """Mean over ranks in one message; done by hand since several players share one module."""
        if self.accelerator.num_processes == 1:
            return
        parameters = [p for group in optimiser.param_groups for p in group["params"]]
        parameters = [p for p in parameters if p.grad is not None]
        flat = torch.cat([p.grad.flatten() for p in parameters])
        dist.all_reduce(flat)
        flat /= self.accelerator.num_processes
        for parameter, part in zip(
            parameters, flat.split([p.numel() for p in parameters]), strict=True
        ):
            parameter.grad.copy_(part.view_as(parameter))

    def _advance(self, losses: dict[str, Tensor], stage: str, bar: tqdm) -> None:
        values = {name: float(value) for name, value in losses.items()}
        self.position.step += 1
        self.position.total += 1
        epoch = sum(self.stage_epochs[: self.position.stage]) + self.position.epoch
        self.log.append({"step": self.position.total, "epoch": epoch, "stage": stage, **values})
        bar.update()
        bar.set_postfix(
            {
                name.split(".")[-1][:9]: f"{v:.3f}"
                for name, v in values.items()
                if not name.endswith(".loss")
            },
            refresh=False,
        )
        if self._asked_to_stop():
            self.save()
            raise TrainingInterrupted
        if self.position.step < self.steps_per_epoch:
            self._save_if_due()

    def _asked_to_stop(self) -> bool:
        return self._on_any_rank(self.stop.asked)

    def _on_any_rank(self, flag: bool) -> bool:
        """Ranks must leave the loop at the same step, or the others wait for ever."""
        if self.accelerator.num_processes == 1:
            return bool(flag)
        votes = torch.tensor(float(flag), device=self.device)
        dist.all_reduce(votes)
        return bool(votes > 0)

    def batches(self) -> Iterator[Tensor]:
        """Training normals in order, (b, 1, height, width) float32 in [0, 1]."""
        for part in self.images.split(_EVALUATION_BATCH):
            yield part.float() / 255.0

    # --- optimisers and order -----------------------------------------------------------------

    def _make_optimisers(self, stage: str) -> None:
        steps = self.stage_epochs[self.position.stage] * self.steps_per_epoch
        for name, player in self.detector.players(stage).items():
            optimiser = make_optimiser(player)
            self._optimisers[name] = optimiser
            self._schedules[name] = torch.optim.lr_scheduler.LambdaLR(
                optimiser, lambda step, steps=steps: rate(step, steps)
            )

    def _order(self) -> Tensor:
        seed = _mix(self.options.seed, 1 + self.position.stage, 1 + self.position.epoch)
        rng = torch.Generator().manual_seed(seed)
        if self.populations is None:
            return torch.randperm(len(self.images), generator=rng)
        return balanced_order(self.populations, rng)

    # --- checkpoints --------------------------------------------------------------------------

    def _save_if_due(self) -> None:
        if time.monotonic() - self._last_save >= self.options.checkpoint_seconds:
            self.save()

    def save(self) -> None:
        """Checkpoint and metrics to the run folder, if there is one (main rank only)."""
        self._last_save = time.monotonic()
        if self.folder is None or not self.accelerator.is_main_process:
            return
        self.folder.append_metrics(self.log)
        if self.trackers is not None:
            self.trackers.log(self.log)
        self.log = []
        save_checkpoint(
            self.folder.checkpoint,
            {
                "detector": self.detector.name,
                "fingerprint": self.fingerprint,
                "options": {
                    "seed": self.options.seed,
                    "epochs": self.options.epochs,
                    "batch_size": self.options.batch_size,
                },
                "position": dataclasses.asdict(self.position),
                "model": self.detector.state_dict(),
                "optimisers": {k: v.state_dict() for k, v in self._optimisers.items()},
                "schedules": {k: v.last_epoch for k, v in self._schedules.items()},
            },
        )

    def restore(self) -> None:
        """Go on from the run folder's checkpoint.

        Raises:
            TrainingError: damaged, or of another detector, data set or schedule.
        """
        folder = self.run_folder
        content = load_checkpoint(folder.checkpoint)
        ours = {
            "detector": self.detector.name,
            "fingerprint": self.fingerprint,
            "options": {k: getattr(self.options, k) for k in ("seed", "epochs", "batch_size")},
        }
        for key, value in ours.items():
            if content[key] != value:
                raise TrainingError(
                    f"{folder.checkpoint} was made with {key} {content[key]}, not {value}: "
                    "resume with the same settings and data, or start a new run"
                )
        try:
            self.detector.make_room({k: tuple(v.shape) for k, v in content["model"].items()})
            self.detector.load_state_dict(content["model"])
        except RuntimeError as error:
            raise TrainingError(
                f"{folder.checkpoint} does not fit the run's {folder.config.name}: was it edited? {error}"
            ) from error
        self.position = Position(**content["position"])
        if content["optimisers"]:
            self._make_optimisers(self.detector.stages()[self.position.stage].name)
            if self._optimisers.keys() != content["optimisers"].keys():
                raise TrainingError(
                    f"{folder.checkpoint} trains {sorted(content['optimisers'])}, this version "
                    f"of '{self.detector.name}' {sorted(self._optimisers)}: start a new run"
                )
            for name, optimiser in self._optimisers.items():
                schedule = self._schedules[name]
                schedule.last_epoch = content["schedules"][name]
                optimiser.load_state_dict(content["optimisers"][name])
        if self.accelerator.is_main_process:
            folder.truncate_metrics(self.position.total)
        self.accelerator.wait_for_everyone()

    def _not_finite(self, player: str, losses: dict[str, Tensor]) -> str:
        shown = ", ".join(f"{name} {float(value.detach()):.3g}" for name, value in losses.items())
        kept = "there is no checkpoint"
        if self.folder is not None and self.folder.checkpoint.exists():
            kept = f"the last good checkpoint is kept in {self.folder.checkpoint}"
        return (
            f"the {player}'s loss or gradient is not finite at step "
            f"{self.position.total + 1} ({shown}); {kept}. "
            "Try --precision fp32, a lower learning rate, or look for damaged images"
        )

    # --- the user -----------------------------------------------------------------------------

    def _progress(self) -> tqdm:
        main = self.accelerator.is_main_process
        show = self.options.progress and main and self.total_steps > 0
        return tqdm(
            total=self.total_steps,
            initial=self.position.total,
            disable=not show,
            unit="step",
            desc="training",
            mininterval=0.5,
            dynamic_ncols=True,
        )


def balanced_order(populations: Int[Tensor, " n"], rng: torch.Generator) -> Int[Tensor, " n"]:
    """Indices for one epoch, as many of each population, taking turns.

    An epoch is as long as ever: of the largest population not every film is seen in each.
    """
    count = int(populations.max()) + 1
    share = -(-len(populations) // count)
    columns = []
    for index in range(count):
        own = torch.nonzero(populations == index).flatten()
        rounds = [
            own[torch.randperm(len(own), generator=rng)] for _ in range(-(-share // len(own)))
        ]
        columns.append(torch.cat(rounds)[:share])
    return torch.stack(columns, 1).flatten()[: len(populations)]


def _finite_gradients(optimiser: torch.optim.Optimizer) -> bool:
    gradients = [p.grad for group in optimiser.param_groups for p in group["params"]]
    return bool(
        torch.isfinite(torch.nn.utils.get_total_norm([g for g in gradients if g is not None]))
    )


def _mix(*numbers: int) -> int:
    """A 32-bit seed from several small numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
