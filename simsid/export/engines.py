"""Runtimes that compute an exported graph: films in, named arrays out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from simsid.errors import ModelFolderError, SimsidError
from simsid.export.graph import FILM

ONNX = "model.onnx"


class Engine(ABC):
    """A graph that was opened in one runtime.

    Attributes:
        file: what the graph's file is called. files: it, and what belongs to it.
    """

    file: str
    files: tuple[str, ...]

    @classmethod
    @abstractmethod
    def write(cls, graph: Path) -> None:
        """Put ``files`` beside an ONNX graph, which goes where it is none of them.

        Raises:
            SimsidError: the runtime is not installed, or cannot say what the graph does.
        """

    @abstractmethod
    def __init__(self, path: Path) -> None:
        """Open the graph.

        Raises:
            SimsidError: the runtime is not installed.
            ModelFolderError: the file is no graph.
        """

    def __deepcopy__(self, memo: object) -> Engine:
        """Itself: a graph never changes, and a detector's copies may be calibrated anew."""
        return self

    @abstractmethod
    def run(
        self, films: Float[np.ndarray, "batch 1 height width"], names: Sequence[str]
    ) -> dict[str, np.ndarray]:
        """The outputs of these names, of films of one size in [0, 1]."""


class Onnx(Engine):
    """ONNX Runtime on the CPU, with as many threads as torch has."""

    file = ONNX
    files = (ONNX,)

    @classmethod
    def write(cls, graph: Path) -> None:
        """It is there."""

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


class OpenVino(Engine):
    """OpenVINO on the CPU, in float32 throughout: sums that the graph has in float64 round, too."""

    file = "model.xml"
    files = ("model.xml", "model.bin")

    @classmethod
    def write(cls, graph: Path) -> None:
        openvino = _openvino(graph)
        try:
            model = openvino.Core().read_model(graph)
        except Exception as error:  # the runtime has one kind for everything
            told = str(error).strip().splitlines()[-1][:200]
            raise SimsidError(f"OpenVINO cannot say what this graph does: {told}") from error
        openvino.save_model(model, graph.with_name(cls.file), compress_to_fp16=False)
        graph.unlink()

    def __init__(self, path: Path) -> None:
        openvino = _openvino(path)
        options = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        }
        try:
            self._model = openvino.Core().compile_model(str(path), "CPU", options)
        except Exception as error:  # the runtime has one kind for everything
            raise ModelFolderError(f"{path} is no graph that can be opened: {error}") from error

    def run(
        self, films: Float[np.ndarray, "batch 1 height width"], names: Sequence[str]
    ) -> dict[str, np.ndarray]:
        found = self._model.create_infer_request().infer({FILM: films}, share_outputs=False)
        return {name: found[name] for name in names}


def _openvino(path: Path) -> Any:
    try:
        import openvino
    except ImportError as error:
        raise SimsidError(f"{path} needs the package openvino: pip install openvino") from error
    return openvino


ENGINES: dict[str, type[Engine]] = {"onnx": Onnx, "openvino": OpenVino}
