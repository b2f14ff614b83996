"""Where models come from: bundled with the kit, or a folder. Nothing here needs a network."""

from __future__ import annotations

from pathlib import Path

from simsid.detectors import Detector, load_model
from simsid.errors import ModelFolderError

BUNDLED_FOLDER = Path(__file__).parent / "bundled"
_PREFIX = "bundled:"


def bundled_models() -> list[str]:
    """Names that ``load`` takes for the models that come with the kit."""
    return sorted(f"{_PREFIX}{path.parent.name}" for path in BUNDLED_FOLDER.glob("*/config.json"))


def load(name: str | Path, device: str = "cpu") -> Detector:
    """Open a model: 'bundled:<name>', a model folder, or a run folder.

    Raises:
        ModelFolderError: there is no such model, or it is damaged.
    """
    text = str(name)
    if not text.startswith(_PREFIX):
        return load_model(Path(text), device)
    if text not in bundled_models():
        raise ModelFolderError(
            f"no bundled model '{text}'; there are: {', '.join(bundled_models())}"
        )
    return load_model(BUNDLED_FOLDER / text.removeprefix(_PREFIX), device)
