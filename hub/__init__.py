"""Where models come from: bundled with the kit, a folder, or the Hub. ``load`` is the one door."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from simsid.detectors.bundled import FOLDER as BUNDLED_FOLDER
from simsid.detectors.bundled import bundled_folder, bundled_models, is_bundled
from simsid.detectors.model_files import ModelFolder
from simsid.detectors.no_model import require_model
from simsid.detectors.untrusted import read_object
from simsid.lazy import imported

if TYPE_CHECKING:
    from hub.progress import Progress
    from hub.verify import Verified
    from simsid.detectors import Detector
    from simsid.export.detector import load_exported

__all__ = [
    "BUNDLED_FOLDER",
    "bundled_data",
    "bundled_models",
    "load",
    "load_exported",
    "open_verified",
]


def bundled_data(name: str) -> dict[str, Any] | None:
    """What a bundled model was trained on, read without opening it; None for any other name."""
    if name not in bundled_models():
        return None
    config = ModelFolder(bundled_folder(name)).config
    data = read_object(config).get("facts", {}).get("data")
    return data if isinstance(data, dict) else None


def load(name: str | Path, device: str = "cpu") -> Detector:
    """Open a model: 'bundled:<name>', a model or run folder, or 'user/name[@revision]' of the Hub.

    A folder of that name goes before a repository. A repository that was pulled before opens
    without a network; a branch then means the commit that it stood for. A model from the Hub has
    ``facts["hub"]``: its repository and commit.

    Raises:
        ModelFolderError: there is no such model, or it is damaged or hostile.
        HubError: it cannot be fetched, or is not what was shared; ``code`` says which.
    """
    return open_verified(name, device).detector


def open_verified(
    name: str | Path, device: str = "cpu", progress: Progress | None = None
) -> Verified:
    """As :func:`load`, with what was checked on the way; ``progress`` is told of a download's bytes.

    Raises:
        ModelFolderError, HubError: see :func:`load`.
    """
    # The Hub's client is slow to import, and bundled models and folders do without most of it.
    from hub.names import looks_like_name, parse_name
    from hub.verify import verify

    text = str(name)
    if is_bundled(text):
        return verify(bundled_folder(text), device=device)
    if Path(text).exists() or not looks_like_name(text) or isinstance(name, Path):
        require_model(text)
        return verify(Path(text), device=device)
    from hub.pull import pull

    pulled = pull(parse_name(text), local_first=True, progress=progress)
    verified = verify(pulled.folder, sums_needed=True, device=device)
    verified.detector.facts["hub"] = {"repository": pulled.repository, "commit": pulled.commit}
    return verified


def __getattr__(name: str) -> Any:
    return imported("simsid.export", {"load_exported": "detector"}, name)
