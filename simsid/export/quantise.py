"""A graph whose networks compute in 8-bit integers; statistics, score and p-value stay as they are.

Source: Jacob et al., 'Quantization and training of neural networks for efficient
integer-arithmetic-only inference', CVPR 2018; as ONNX Runtime does it after training.
"""

from __future__ import annotations

import ast
import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from simsid.errors import SimsidError
from simsid.export.graph import FILM

MOST = 256  # films whose ranges are taken
_KINDS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_BATCH = 10  # films over which a range's ends are taken, before these are averaged
_FLOAT = 1  # onnx.TensorProto.FLOAT
# What is learned from normals and is no network: it tells whose film it is, and what is normal.
_NO_NETWORK = ("detector.placement", "detector.population", "detector.expected")


def quantise(graph: Path, films: Float[np.ndarray, "n height width"]) -> int:
    """Write a graph anew, with 8-bit convolutions and products of matrices in its networks.

    Weights are rounded channel by channel, to 7 bits: processors without instructions for this
    (VNNI) add pairs of products in 16 bits, which 8 would overflow. What flows between layers has
    the range that normals give it, on average over small batches. The layers that see the film
    itself and those that give one number stay in float32, where rounding costs most.

    Args:
        films: normals, of the model's size, in [0, 1]; the first ``MOST`` are enough.

    Returns:
        How many layers compute in integers.

    Raises:
        SimsidError: onnxruntime is absent, or the graph has no such layer.
    """
    import onnx

    tools = _tools()
    layers = _layers(onnx.load(graph))
    if not layers:
        raise SimsidError(
            "this model has no network that could compute in 8 bits: leave out --int8"
        )
    draft = graph.with_name(f".{graph.name}")
    with _silent():
        tools.quantize_static(
            graph,
            draft,
            _reader(tools, films),
            quant_format=tools.QuantFormat.QDQ,
            op_types_to_quantize=list(_KINDS),
            nodes_to_quantize=layers,
            per_channel=True,
            reduce_range=True,
            activation_type=tools.QuantType.QUInt8,
            weight_type=tools.QuantType.QInt8,
            calibrate_method=tools.CalibrationMethod.MinMax,
            extra_options={"CalibMovingAverage": True},
        )
    os.replace(draft, graph)
    return len(layers)


def _layers(model: Any) -> list[str]:
    """Names of the nodes that multiply by weights of a network, without its ends."""
    weights = {each.name: each for each in model.graph.initializer}
    found = []
    for node in model.graph.node:
        if node.op_type not in _KINDS or not _is_of_network(node):
            continue
        own = weights.get(node.input[1])
        if own is None or own.data_type != _FLOAT:
            continue
        sees_film = node.op_type == "Conv" and own.dims[1] == 1
        gives_one = own.dims[-1 if node.op_type == "MatMul" else 0] == 1
        if not sees_film and not gives_one:
            found.append(node.name)
    return found


def _is_of_network(node: Any) -> bool:
    """Whether a module within the detector made it: its own sums are no network's."""
    told = next((p.value for p in node.metadata_props if p.key.endswith(".name_scopes")), "[]")
    inner = [name for name in ast.literal_eval(told)[:-1] if name.startswith("detector.")]
    return bool(inner) and not inner[0].startswith(_NO_NETWORK)


def _reader(tools: Any, films: np.ndarray) -> Any:
    batches = [
        {FILM: films[start : start + _BATCH, None].astype(np.float32)}
        for start in range(0, min(len(films), MOST), _BATCH)
    ]

    class Reader(tools.CalibrationDataReader):
        def __init__(self) -> None:
            self._left = iter(batches)

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self._left, None)

    return Reader()


def _tools() -> Any:
    try:
        from onnxruntime import quantization
    except ImportError as error:
        raise SimsidError("--int8 needs the package onnxruntime: pip install '.[onnx]'") from error
    return quantization


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """It recommends steps that change nothing here."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
