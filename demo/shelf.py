"""The models that visitors may choose: folders and bundled ones at once, the Hub's as they arrive.

No other name and no path is ever opened.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import hub
from demo.model_list import may_pass, reason
from demo.own_models import try_out
from hub.verify import Verified
from simsid.data.terms import terms_of
from simsid.detectors import Detector
from simsid.detectors.model_files import CARD
from simsid.errors import ModelFolderError, SimsidError
from simsid.shares import in_percent

_PAUSES = (30.0, 60.0, 120.0, 300.0, 600.0)  # seconds before the next try; the last one repeats
_NO_CARD = "*This model has no card.*"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Model:
    """An opened model with its card; ``commit`` is None where it is not of the Hub."""

    detector: Detector
    card: str
    commit: str | None


@dataclass
class _Place:
    """A name on the shelf, and what stands there."""

    name: str
    of_hub: bool
    model: _Model | None = None
    line: str = "waiting"
    due: float | None = None  # time of the next try; None: it is here, or there will be none
    tries: int = 0


class ModelShelf:
    """Models by name. Bundled ones are opened when first asked for, the Hub's by ``start``. Thread-safe.

    Attributes:
        default: a name that stays while the server runs, for programs that give none.

    Args:
        named: as ``named_models`` gives them; visitors choose among these. All bundled models
            are there too unless some are named.
        open_model: ``hub.open_verified``, or what stands in for it.
        pauses: seconds before each further try where the network failed; the last one repeats.
        own: the operator's folders, as ``open_folders`` gives them; they come first.
    """

    def __init__(
        self,
        named: tuple[str, ...] = (),
        open_model: Callable[..., Verified] = hub.open_verified,
        pauses: tuple[float, ...] = _PAUSES,
        own: Mapping[str, Verified] | None = None,
    ) -> None:
        bundled = hub.bundled_models()
        if not set(bundled) & set(named):
            named = (*named, *bundled)
        self._places: dict[str, _Place] = {}
        for name, verified in (own or {}).items():
            self._places[name] = _Place(name, of_hub=False, model=_opened(name, verified))
        self._places |= {name: _Place(name, name not in bundled) for name in named}
        self._of_hub = [place for place in self._places.values() if place.of_hub]
        for place in self._of_hub:
            place.due = 0.0
        self._open_model, self._pauses = open_model, pauses
        self._lock, self._stopped = threading.Lock(), threading.Event()
        self.default = self.names()[0]

    def names(self) -> list[str]:
        """Names that can be chosen now; the first is the one to begin with."""
        places = self._places.values()
        return [place.name for place in places if place.model or not place.of_hub]

    def bundled(self) -> list[str]:
        """Names of those that come with the kit."""
        return [name for name in self._places if name in hub.bundled_models()]

    def detector(self, name: str) -> Detector:
        """The model of this name, calibrated and in evaluation mode.

        Raises:
            ModelFolderError: not one of ``names``, or damaged.
        """
        return self._stocked(name).detector

    def card(self, name: str) -> str:
        """The model card in Markdown, without its front matter.

        Raises:
            ModelFolderError: see :meth:`detector`.
        """
        return self._stocked(name).card

    def commit(self, name: str) -> str | None:
        """The commit of a model of the Hub; None for any other."""
        model = self._places[name].model if name in self._places else None
        return model.commit if model else None

    def label(self, name: str) -> str:
        """The name for readers: a model of the Hub with the commit that it is pinned to."""
        commit = self.commit(name)
        return f"{name.partition('@')[0]}@{commit[:7]}" if commit else name

    def description(self, name: str) -> str:
        """The label, and what kind of images the model is for, where that is known."""
        model = self._places[name].model
        data: object = hub.bundled_data(name)
        if model is not None:
            data = model.detector.facts.get("data")
        terms = terms_of(str(data.get("name"))) if isinstance(data, dict) else None
        return f"{self.label(name)} ({terms.subject})" if terms else self.label(name)

    def lines(self) -> list[str]:
        """How each model of the Hub is doing, in words fit for the page."""
        return [f"{self.label(place.name)}: {place.line}" for place in self._of_hub]

    @property
    def pause(self) -> float | None:
        """Seconds until the next try (0 while one goes on); None when nothing is awaited any more.

        Whoever reads None here first finds in ``names`` and ``lines`` what stays.
        """
        due = [place.due for place in self._of_hub if place.due is not None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def start(self) -> None:
        """Fetch the models of the Hub, in a thread that ends with the process."""
        if self._of_hub:
            threading.Thread(target=self._fetch_all, name="models", daemon=True).start()

    def close(self) -> None:
        """Try no more."""
        self._stopped.set()

    def _stocked(self, name: str) -> _Model:
        if name not in self._places:
            raise ModelFolderError(
                f"there is no such model here; choose one of: {', '.join(self.names())}"
            )
        place = self._places[name]
        if place.of_hub:
            if place.model is None:
                raise ModelFolderError(f"{place.name} is not here: {place.line}")
            return place.model
        if place.model is not None:  # no lock where there is none to wait for: forks copy held ones
            return place.model
        with self._lock:
            if place.model is None:
                place.model = self._open_bundled(place)
            return place.model

    def _open_bundled(self, place: _Place) -> _Model:
        try:
            return _opened(place.name, self._open_model(place.name))
        except SimsidError as error:  # its message names folders of this machine
            raise ModelFolderError(f"{place.name}: {reason(error)}") from error

    def _fetch_all(self) -> None:
        while waiting := [(place.due, place) for place in self._of_hub if place.due is not None]:
            due, place = min(waiting, key=lambda each: each[0])
            if self._stopped.wait(max(0.0, due - time.monotonic())):
                return
            self._fetch(place)

    def _fetch(self, place: _Place) -> None:
        place.line = "asking the Hub"
        try:
            verified = self._open_model(place.name, progress=partial(_tell, place))
            place.line = "being tried out"
            try_out(verified.detector)
            commit = verified.detector.facts["hub"]["commit"]
            place.model = _opened(place.name, verified, commit)
        except Exception as error:  # whatever a stranger's model brings, the page goes on
            self._give_up(place, error)
            return
        place.line, place.due = "ready", None

    def _give_up(self, place: _Place, error: Exception) -> None:
        place.line = reason(error)
        _log.warning("%s: %s", place.name, place.line)
        if not may_pass(error):
            place.due = None
            return
        pause = self._pauses[min(place.tries, len(self._pauses) - 1)]
        place.line += f"; the next try is within {pause:.0f} s"
        place.tries, place.due = place.tries + 1, time.monotonic() + pause


def _opened(name: str, verified: Verified, commit: str | None = None) -> _Model:
    text = _NO_CARD
    if CARD in verified.sizes:
        text = (verified.folder / CARD).read_text(encoding="utf-8", errors="replace")
    body = text.split("\n---\n", 1)[-1].strip() if text.startswith("---") else text
    origin = f"*{name.partition('@')[0]} at commit {commit}*\n\n" if commit else ""
    # In evaluation mode once and for all: predict would otherwise switch it to and fro under the
    # feet of another request.
    return _Model(verified.detector.eval(), origin + body, commit)


def _tell(place: _Place, come: int, total: int) -> None:
    share = in_percent(come / total if total else 0, 0)
    place.line = "being checked" if come == total else f"{share} of {total / 1e6:.1f} MB"
