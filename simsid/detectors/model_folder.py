"""The model folder: what a run leaves, what the Hub holds, what every door opens. No pickle.

``model.safetensors``  weights and buffers; in half precision where that loses nothing
``config.json``        detector, its configuration, image size and range, versions, data facts
``calibration.json``   scores of calibration normals, thresholds, false-alarm rate
``training_films.safetensors``  hashes of the films that training saw, where that is known
``README.md``          model card (written by ``simsid.evaluation.card``)
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from simsid import __version__
from simsid.data.preprocess import Preprocessing
from simsid.detectors import model_files
from simsid.detectors.base import CHECKS, Detector
from simsid.detectors.budget import Budget, check_settings
from simsid.detectors.calibration import Calibration
from simsid.detectors.config import config_from_dict
from simsid.detectors.found_share import found_shares
from simsid.detectors.half_precision import packed
from simsid.detectors.model_files import CALIBRATION, CARD, EXPORTED, FILMS, WEIGHTS, ModelFolder
from simsid.detectors.model_place import model_folder_of
from simsid.detectors.no_model import require_model
from simsid.detectors.population import PopulationCheck
from simsid.detectors.registry import detector_class, is_known
from simsid.detectors.training_films import TrainingFilms
from simsid.detectors.untrusted import Entry, read_header, read_object, too_much_in
from simsid.errors import ModelFolderError
from simsid.files import naming
from simsid.models.backbones import TimmBackbone
from simsid.outputs import json_object

FORMAT_VERSION = 2
_DISCRIMINANT = tuple(f"population.{name}" for name in PopulationCheck.discriminant)
DTYPES = {
    "F32": torch.float32,
    "F16": torch.float16,
    "F64": torch.float64,
    "I64": torch.int64,
    "I32": torch.int32,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


def save_model(detector: Detector, folder: str | Path) -> None:
    """Write the model folder; an existing one is replaced whole or not at all.

    Raises:
        ValueError: the detector is not calibrated.
        ModelFolderError: something else lies there, or a file would be larger than ``load_model`` takes.
        OSError: the folder cannot be written; what was there stays.
    """
    check_replaceable(Path(folder))
    folder, calibration = Path(os.path.realpath(folder)), detector.calibration
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    new, old = ModelFolder(draft), ModelFolder(folder)
    try:
        weights = {k: packed(v.detach().cpu()).contiguous() for k, v in _told(detector).items()}
        save_file(weights, new.weights, metadata={"format": "pt"})
        _write_json(new.config, describe(detector))
        _write_json(new.calibration, calibration.to_json())
        if detector.training_films is not None:
            detector.training_films.write(new.films)
        if old.card.exists():
            shutil.copy(old.card, new.card)
        os.chmod(draft, 0o755)
        for path in draft.glob("*.safetensors"):
            os.chmod(path, 0o644)  # safetensors writes for its owner only
        for path in draft.iterdir():
            if found := too_much_in(path):  # what nobody could open again replaces nothing
                raise ModelFolderError(_not_saved(folder, path.name, found))
        _swap_in(draft, folder)
    except SafetensorError as error:  # how safetensors reports a full disk
        raise ModelFolderError(f"cannot write {folder}: {error}; what was there is kept") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _not_saved(folder: Path, name: str, found: str) -> str:
    remedy = {
        CALIBRATION: "calibrate on fewer normals",
        FILMS: "train on fewer films",
        CARD: "shorten it",
    }.get(name, "choose a smaller model")
    kept = "; what was there is kept" if folder.exists() else ""
    return f"cannot write {folder}: its {name} would have {found}: {remedy}{kept}"


def _swap_in(draft: Path, folder: Path) -> None:
    """Put ``draft`` where ``folder`` is; put the old one back if that fails."""
    if not folder.exists():
        os.replace(draft, folder)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))
    os.replace(folder, old / folder.name)
    try:
        os.replace(draft, folder)
        for path in (old / folder.name).iterdir():  # notes that somebody laid there
            if (
                path.name not in (*model_files.FILES, model_files.SUMS)
                and not (folder / path.name).exists()
            ):
                os.replace(path, folder / path.name)
    except OSError:
        if not folder.exists():
            os.replace(old / folder.name, folder)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def check_replaceable(folder: Path) -> None:
    """Refuse to write a model where something else lies.

    Raises:
        ModelFolderError: it is a file, or a folder with content that is no model folder.
    """
    if not os.path.lexists(folder) or (folder.is_symlink() and not folder.exists()):
        return
    if folder.is_dir() and (
        not any(folder.iterdir())
        or {"format_version", "detector"} <= json_object(ModelFolder(folder).config).keys()
    ):
        return
    raise ModelFolderError(
        f"{folder} exists and is no model folder: nothing was changed. Choose another place"
    )


def fingerprint(detector: Detector) -> str:
    """Twelve hexadecimal digits that change with weights, settings and calibration.

    Settings count as the model folder has them: those that a later version of the kit adds, with
    defaults that leave results as they are, change nothing.
    """
    return _digest(detector, _settings(detector))


def former_fingerprint(detector: Detector) -> str:
    """The fingerprint as it was made before: every setting counts, also one that the folder lacks.

    An earlier version that had the same settings wrote this one into its tables.
    """
    return _digest(detector, {})


def _digest(detector: Detector, settings: dict[str, Any]) -> str:
    described = {k: v for k, v in describe(detector).items() if k != "versions"} | settings
    content = {"config": described, "calibration": detector.calibration.to_json()}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode())
    for name, values in sorted(_told(detector).items()):
        digest.update(name.encode() + values.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]


def _settings(detector: Detector) -> dict[str, Any]:
    """What a folder's ``config.json`` says of settings that the detector still has."""
    now = {"config": detector.config, "preprocessing": detector.preprocessing}
    return {
        name: told
        for name, told in detector.saved.items()
        if config_from_dict(type(now[name]), told) == now[name]
    }


def describe(detector: Detector) -> dict[str, Any]:
    """The content of ``config.json``."""
    return {
        "format_version": FORMAT_VERSION,
        "detector": detector.name,
        "config": dataclasses.asdict(detector.config),
        "image": {
            "height": detector.image_size[0],
            "width": detector.image_size[1],
            "range": [0.0, 1.0],
            "channels": 1,
        },
        "preprocessing": detector.preprocessing.to_json(),
        "scores": list(detector.score_names),
        "versions": {"simsid": __version__, "torch": torch.__version__},
        "facts": detector.facts,
    }


def load_model(
    folder: str | Path,
    device: str | torch.device = "cpu",
    of_class: type[Detector] | None = None,
) -> Detector:
    """Open a model folder.

    Args:
        folder: see ``model_folder_of``.
        of_class: that the folder must be of; None for the registered one that it names.

    Raises:
        ModelFolderError: a file is missing or corrupt, the format is newer, or the weights do not
            fit the configuration; the message says which and what to do.
    """
    require_model(folder)
    folder = model_folder_of(folder)
    files = ModelFolder(folder)
    described = read_object(files.config)
    version = described.get("format_version")
    if version != FORMAT_VERSION:
        raise ModelFolderError(
            f"{files.config} has format {version}, this version reads {FORMAT_VERSION}: "
            "update the kit, or train the model again"
        )
    name = str(described.get("detector"))[:80]
    if of_class is None and name == EXPORTED:
        raise ModelFolderError(
            f"{folder} is an exported model, which only scores: python -m simsid.score --engine onnx; "
            "for all else give the model that it was made from"
        )
    header = read_header(files.weights)
    if of_class is not None and name != of_class.name:
        raise ModelFolderError(f"{files.config} is of '{name}', not of '{of_class.name}'")
    if of_class is None and not is_known(name):
        raise ModelFolderError(
            f"{files.config} was made by '{name}', a detector that the kit does not have: name "
            "the file that defines it with --plugin FILE.py"
        )
    try:
        cls = of_class or detector_class(name)
        check_settings(described["config"])
        # Building draws initial weights, in vain, and takes no more memory than they would fill.
        with torch.random.fork_rng(devices=[]), Budget(header, cls.built_bytes):
            detector = cls(config_from_dict(cls.config_class, described["config"]))
    except Exception as error:  # numbers from a stranger can break a network in any way
        raise ModelFolderError(f"{files.config} describes no detector: {error}") from error
    _check_image(detector, described.get("image"), files.config)
    detector.preprocessing = _preprocessing(detector, described, files.config)
    _load_weights(detector, files.weights, header)
    calibration = read_object(files.calibration)
    try:
        detector.calibration = Calibration.from_json(calibration)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise ModelFolderError(f"{files.calibration} is damaged: {error}") from error
    missing = set(detector.score_names) - set(detector.calibration.scores)
    if missing:
        raise ModelFolderError(f"{files.calibration} lacks the scores {sorted(missing)}")
    _check_populations(detector, folder)
    detector.saved = {name: described[name] for name in ("config", "preprocessing")}
    facts = described.get("facts")
    detector.facts = facts if isinstance(facts, dict) else {}
    detector.found = found_shares(files.card)
    detector.training_films = TrainingFilms.read(files.films)
    return detector.to(device).eval()


def _check_populations(detector: Detector, folder: Path) -> None:
    """Each population has all of its rows, and calibration normals where several are told."""
    check = detector.population
    rows = {name: len(check.get_buffer(name)) for name in check.growing}
    if not any(rows[name] for name in check.discriminant):
        rows = {name: rows[name] for name in rows if name not in check.discriminant}
    told = len(detector.calibration.names)
    if len(set(rows.values())) > 1 or told not in (1, check.num_populations):
        raise ModelFolderError(
            f"{folder}: {WEIGHTS} and {CALIBRATION} do not tell of the same populations"
        )


def _check_image(detector: Detector, image: Any, path: Path) -> None:
    """The stated size and range are those that this version feeds the network."""
    ours = describe(detector)["image"]
    if image != ours:
        raise ModelFolderError(f"{path} asks for images {image}, this version gives {ours}")


def _preprocessing(detector: Detector, described: dict[str, Any], path: Path) -> Preprocessing:
    try:
        preprocessing = config_from_dict(Preprocessing, described["preprocessing"])
    except Exception as error:
        raise ModelFolderError(f"{path} has no usable preprocessing: {error!r}") from error
    if preprocessing.image_size != detector.image_size:
        raise ModelFolderError(
            f"{path} prepares images of {preprocessing.image_size} px, "
            f"its detector takes {detector.image_size}"
        )
    return preprocessing


def _load_weights(detector: Detector, path: Path, header: dict[str, Entry]) -> None:
    """Read the weights, once their header says that they are those of this network."""
    detector.make_room({name: entry.shape for name, entry in header.items()})
    own = _kept(detector)
    for name, backbone in _timm_backbones(detector):
        if name not in header:
            backbone.take_units_of_imagenet()
            own.pop(name, None)
    for check in (*CHECKS, *_DISCRIMINANT):
        if not any(name.startswith(check) for name in header):
            own = {name: value for name, value in own.items() if not name.startswith(check)}
    for name in sorted(set(own) | set(header)):
        if name not in header or name not in own:
            raise ModelFolderError(
                f"{path} does not fit its config: '{name[:80]}' is missing or extra"
            )
        if header[name].shape != own[name].shape:
            raise ModelFolderError(
                f"{path}: '{name}' has shape {header[name].shape}, "
                f"the config asks for {tuple(own[name].shape)}"
            )
        dtype = DTYPES.get(header[name].dtype)
        halved = dtype == torch.float16 and own[name].dtype == torch.float32
        if dtype != own[name].dtype and not halved:
            raise ModelFolderError(
                f"{path}: '{name}' is {dtype}, the config asks for {own[name].dtype}"
            )
    try:
        weights = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelFolderError(f"{path} is damaged: {error}") from error
    for name, values in weights.items():
        if values.is_floating_point() and not torch.isfinite(values).all():
            raise ModelFolderError(f"{path}: '{name}' holds values that are not finite")
    detector.load_state_dict(weights, strict=False)  # strict is the loop above


def _kept(detector: Detector) -> dict[str, torch.Tensor]:
    """The state without what only training needs."""
    state = detector.state_dict()
    return {k: v for k, v in state.items() if not k.startswith(detector.training_only)}


def _told(detector: Detector) -> dict[str, torch.Tensor]:
    """The same without what models of before have not, where it says nothing: the expected film and
    the discriminant of populations that were never learned, units that are ImageNet's."""
    left: tuple[str, ...] = () if detector.expected.is_fitted else ("expected.",)
    if not len(detector.population.direction):
        left += _DISCRIMINANT
    left += tuple(name for name, own in _timm_backbones(detector) if own.has_units_of_imagenet)
    return {k: v for k, v in _kept(detector).items() if not k.startswith(left)}


def _timm_backbones(detector: Detector) -> list[tuple[str, TimmBackbone]]:
    """Those in a detector, and what their units are called in its state."""
    found = detector.named_modules()
    return [(f"{at}.units", own) for at, own in found if isinstance(own, TimmBackbone)]


def _write_json(path: Path, content: dict[str, Any]) -> None:
    with naming(path):
        path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
