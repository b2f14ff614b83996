"""A detector's graph as a file."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch

from simsid.detectors.base import Detector
from simsid.errors import SimsidError
from simsid.export.graph import FILM, ExportedGraph


def write_onnx(detector: Detector, path: Path) -> None:
    """Write the graph of a calibrated detector; see :class:`ExportedGraph`.

    Raises:
        SimsidError: the detector does what ONNX cannot say, or the packages for it are absent.
    """
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise SimsidError(
            "an export needs the packages onnx and onnxscript: pip install '.[onnx]'"
        ) from error
    graph = ExportedGraph(detector).eval()
    height, width = detector.image_size
    film = torch.zeros(2, 1, height + 3, width + 5)
    free = torch.export.Dim.DYNAMIC
    with _silent(), torch.no_grad():
        try:
            program = torch.onnx.export(
                graph,
                (film,),
                dynamo=True,
                input_names=[FILM],
                output_names=list(graph.names),
                dynamic_shapes=({0: free, 2: free, 3: free},),
                verbose=False,
            )
        except Exception as error:  # every layer of the exporter has its own
            raise SimsidError(
                f"'{detector.name}' does what ONNX cannot say and cannot be exported: {_told(error)}"
            ) from error
    assert program is not None
    shape = program.model.graph.inputs[0].shape
    if shape is None or isinstance(shape[0], int):
        raise SimsidError(
            f"'{detector.name}' cannot be exported: its graph takes batches of one size"
        )
    program.save(path, external_data=False)


def _told(error: BaseException) -> str:
    """The first line of what was first to fail: all else tells of the exporter's own steps."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[0][:200]


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """The exporter talks of its own inner life."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
