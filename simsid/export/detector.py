"""An exported model under the contract of every detector: the graph tells, the kit judges."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from torch import Tensor

from simsid.detectors import Detector, DetectorConfig, Evidence, load_model
from simsid.detectors.bundled import is_bundled
from simsid.detectors.contract import Told
from simsid.detectors.found_share import FoundShare
from simsid.detectors.model_files import EXPORTED, ModelFolder
from simsid.detectors.model_folder import fingerprint
from simsid.errors import ModelFolderError, SimsidError
from simsid.export.engines import ENGINES, Engine
from simsid.export.graph import (
    ABNORMAL,
    MAP,
    P_VALUE,
    PERCENTILE,
    POPULATION,
    RECONSTRUCTION,
    REGIONS,
    SCORE,
    THRESHOLD,
    output_of,
)
from simsid.outputs import json_object


@dataclass(frozen=True, kw_only=True)
class ExportedConfig(DetectorConfig):
    """What a graph is of; saved beside it.

    Attributes:
        detector: name of the method. model: fingerprint of the model that was exported.
        parts: the method's components. rebuilds: whether there is a reconstruction.
        engine: the runtime, one of ``ENGINES``. graph: sha256 of the graph's files.
        precision: of the networks in it, 'fp32' or 'int8'.
        found: what the model's card says of abnormal films, a ``FoundShare`` as a tuple each.
    """

    detector: str = ""
    model: str = ""
    parts: tuple[str, ...] = ()
    rebuilds: bool = False
    engine: str = "onnx"
    graph: str = ""
    precision: str = "fp32"
    found: tuple[tuple[float, int, str, tuple[float, ...]] | None, ...] = ()


class ExportedDetector(Detector):
    """Predicts as the model that was exported; it can be calibrated, but not trained or explained."""

    name = EXPORTED
    config_class = ExportedConfig
    config: ExportedConfig
    engine: Engine

    @classmethod
    def components_of(cls, config: ExportedConfig) -> tuple[str, ...]:
        return config.parts

    @classmethod
    def of(
        cls, detector: Detector, engine: str, graph: Path, precision: str = "fp32"
    ) -> ExportedDetector:
        """What is kept of a detector beside its graph: checks, calibration, preparation, facts."""
        shares = detector.fusion_weights().tolist()
        config = ExportedConfig(
            detector.image_size,
            detector.grid_size,
            fusion=tuple(zip(detector.components, shares, strict=True)),
            detector=detector.name,
            model=fingerprint(detector),
            parts=detector.components,
            rebuilds=detector.gives_reconstruction,
            engine=engine,
            graph=sum_of(engine, graph.parent),
            precision=precision,
            found=tuple(each and dataclasses.astuple(each) for each in detector.found),
        )
        exported = cls(config)
        state = detector.state_dict()
        exported.make_room({name: tuple(value.shape) for name, value in state.items()})
        exported.load_state_dict({name: state[name] for name in exported.state_dict()})
        exported.preprocessing, exported.facts = detector.preprocessing, dict(detector.facts)
        exported.calibration, exported.found = detector.calibration, detector.found
        exported.engine = ENGINES[engine](graph)
        return exported.eval()

    def evidence(self, images: Tensor) -> Evidence:
        raise SimsidError(
            f"this '{self.config.detector}' was exported: its networks are in the graph alone; "
            "take the model that it was made from"
        )

    def tell(self, images: Float[Tensor, "batch 1 height width"], score: str) -> Told:
        def output(part: str, name: str) -> str:
            return part if name == self.score_names[0] else output_of(part, name)

        scores = {name: output(SCORE, name) for name in self.score_names}
        rest = [output(REGIONS, score), output(MAP, score)]
        rest += [RECONSTRUCTION] if self.config.rebuilds else []
        found = self.engine.run(images.cpu().numpy(), [*scores.values(), *rest])
        told = {name: found[output] for name, output in scores.items()}
        return Told(told, found[rest[0]], found[rest[1]], found.get(RECONSTRUCTION))

    def conclusions(self, films: Float[np.ndarray, "batch height width"]) -> dict[str, np.ndarray]:
        """What the graph itself concludes from its default score, by output."""
        names = (P_VALUE, PERCENTILE, THRESHOLD, ABNORMAL, POPULATION)
        return self.engine.run(self.as_batch(films).numpy(), names)


def is_exported(folder: str | Path) -> bool:
    """Whether ``python -m hub export`` wrote this folder."""
    described = json_object(ModelFolder(Path(folder)).config)
    return described.get("detector") == ExportedDetector.name


def no_exported_model(path: str | Path) -> str:
    """Why nothing exported can be opened at a path, and what to do, a line for an error."""
    if not is_bundled(path) and not Path(path).exists():
        return (
            f"{path} does not exist: check the path, or write it with python -m hub export MODEL "
            f"--out {path}"
        )
    return f"{path} is no exported model: python -m hub export {path} --out DIR makes one"


def load_exported(folder: str | Path) -> ExportedDetector:
    """Open what ``python -m hub export`` wrote: a detector that a runtime computes, on the CPU.

    Raises:
        ModelFolderError: there is none, or it is damaged.
        SimsidError: its runtime is not installed.
    """
    path = Path(folder)
    if not is_exported(path):
        raise ModelFolderError(no_exported_model(folder))
    detector = load_model(path, of_class=ExportedDetector)
    assert isinstance(detector, ExportedDetector)
    engine = ENGINES.get(detector.config.engine)
    if engine is None:
        raise ModelFolderError(f"{path} is for '{detector.config.engine}', which is no engine here")
    graph = path / engine.file
    if sum_of(detector.config.engine, path) != detector.config.graph:
        raise ModelFolderError(f"{graph} is missing or damaged: export the model again")
    detector.engine = engine(graph)
    detector.found = tuple(each and FoundShare(*each) for each in detector.config.found)
    return detector


def engine_of(folder: str | Path) -> str:
    """The engine that an exported model is for; '' for what is none."""
    if not is_exported(folder):
        return ""
    settings = json_object(ModelFolder(Path(folder)).config).get("config")
    named = settings.get("engine") if isinstance(settings, dict) else None
    return str(named or "onnx")


def sum_of(engine: str, folder: Path) -> str:
    """sha256 of the content of an engine's files, in hexadecimal; '' where one is missing."""
    found = hashlib.sha256()
    for name in ENGINES[engine].files:
        if not (folder / name).is_file():
            return ""
        found.update((folder / name).read_bytes())
    return found.hexdigest()
