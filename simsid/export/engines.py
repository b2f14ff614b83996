"""Runtimes that compute an exported graph: films in, named arrays out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from simsid.errors import ModelFolderError, SimsidError
from simsid.export.graph import FILM


class Engine(ABC):
    """A graph that was opened in one runtime.

    Attributes:
        file: what the graph's file is called.
    """

    file: str

    @abstractmethod
    def __init__(self, path: Path) -> None:
        """Open the graph.

        Raises:
            SimsidError: the runtime is not installed.
            ModelFolderError: the file is no graph.
        """

    @abstractmethod
    def run(
        self, films: Float[np.ndarray, "batch 1 height width"], names: Sequence[str]
    ) -> dict[str, np.ndarray]:
        """The outputs of these names, of films of one size in [0, 1]."""


class Onnx(Engine):
    """ONNX Runtime on the CPU, with as many threads as torch has."""

    file = "model.onnx"

    def __init__(self, path: Path) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise SimsidError(
                f"{path} needs the package onnxruntime: pip install onnxruntime"
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3
        self._only_asked = onnxruntime.RunOptions()
        self._only_asked.only_execute_path_to_fetches = True
        try:
            self._session = onnxruntime.InferenceSession(
                path, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # the runtime has an exception of its own for every kind
            raise ModelFolderError(f"{path} is no graph that can be opened: {error}") from error

    def run(
        self, films: Float[np.ndarray, "batch 1 height width"], names: Sequence[str]
    ) -> dict[str, np.ndarray]:
        found = self._session.run(list(names), {FILM: films}, self._only_asked)
        return dict(zip(names, found, strict=True))


ENGINES: dict[str, type[Engine]] = {"onnx": Onnx}
