"""All that this kit asks of the anomalib library: its models by name, and to train one.

The library is optional: nothing of it is imported before a function here is called.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from simsid.errors import SimsidError


class LibraryModel(nn.Module):
    """What this kit uses of a model of the library; for the type checker, nothing derives from it."""

    trainer_arguments: dict[str, Any]
    trainer: object | None
    pre_processor: nn.Module
    model: nn.Module

    @classmethod
    def configure_pre_processor(cls, image_size: tuple[int, int]) -> nn.Module:
        """What brings films to the size and the grey levels that the model takes."""
        raise NotImplementedError


def image_model(name: str) -> type[LibraryModel]:
    """The library's class of an image model, such as 'reverse_distillation'.

    Raises:
        SimsidError: the library is not installed, or has no such model.
    """
    if find_spec("anomalib") is None:
        raise SimsidError(
            f"model 'anomalib:{name}' needs anomalib 2.x, which is not installed: "
            "pip install anomalib, in an environment of its own"
        )
    try:
        with quiet():
            import anomalib.models.image as zoo
    except ImportError as error:
        raise SimsidError(f"anomalib is installed but cannot be imported: {error}") from error
    classes = {
        key.lower(): cls
        for key, cls in vars(zoo).items()
        if isinstance(cls, type) and hasattr(cls, "configure_pre_processor")
    }
    found = classes.get(name.replace("_", "").lower())
    if found is None:
        raise SimsidError(f"anomalib has no image model '{name}'; it has: {', '.join(classes)}")
    return found


def has_own_epochs(model: LibraryModel) -> bool:
    """Whether the library itself says how often this model looks at the films: mostly once."""
    return "max_epochs" in model.trainer_arguments


def train_model(
    model: LibraryModel, films: Tensor, epochs: int, batch_size: int, device: torch.device
) -> None:
    """Let Lightning train a model of the library, in random order, on one device.

    Args:
        films: (n, 1, height, width) normals in [0, 1], given to it as three equal channels.
        epochs: unused where the model ``has_own_epochs``.

    Raises:
        KeyboardInterrupt: it was stopped.
    """
    from anomalib.data import ImageBatch
    from lightning.pytorch import Trainer
    from torch.utils.data import DataLoader, TensorDataset

    def collate(items: list[tuple[Tensor, ...]]) -> Any:
        return ImageBatch(
            image=torch.stack([film for (film,) in items]).expand(-1, 3, -1, -1).contiguous()
        )

    size = min(batch_size, len(films))
    alone = len(films) % size == 1 and size > 1  # batch normalisation cannot take one
    loader = DataLoader(
        TensorDataset(films), size, shuffle=True, collate_fn=collate, drop_last=alone
    )
    model.train()
    options = {"max_epochs": epochs, **model.trainer_arguments, "devices": 1}
    options |= {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    accelerator = "gpu" if device.type == "cuda" else "cpu"
    trainer = Trainer(accelerator=accelerator, enable_model_summary=False, **options)
    try:
        trainer.fit(model, loader)
    except SystemExit as error:  # Lightning's answer to Ctrl-C and SIGTERM
        raise KeyboardInterrupt from error
    model.trainer = None


@contextmanager
def quiet() -> Iterator[None]:
    """Without the library's reports on itself and its warnings; errors are raised as ever."""
    loggers = [logging.getLogger(name) for name in ("anomalib", "lightning.pytorch", "timm")]
    before = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
