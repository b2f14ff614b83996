"""Populations: what another hospital changes in every image, and what is no anomaly.

A population is a dial. At strength 0 it changes nothing; at 1 it changes all that it says.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePath
from typing import Any

from synth.errors import SynthError

HOME = "home"
"""Name of the population that changes nothing."""

LIMITS: dict[str, tuple[float, float]] = {
    "thickness": (-1, 1),
    "slant": (-1, 1),
    "size": (0.5, 1.3),
    "spacing": (-1, 1),
    "exposure": (-0.5, 0.8),
    "contrast": (0.1, 2),
    "noise": (0, 0.3),
    "blur": (0, 3),
    "frame": (0, 6),
    "collimation": (0, 0.15),
}
"""Lowest and highest value of each dial."""

NEUTRAL = dict.fromkeys(LIMITS, 0.0) | {"size": 1.0, "contrast": 1.0}
"""The value of each dial that changes nothing."""


@dataclass(frozen=True)
class Population:
    """What a hospital's images have in common.

    Exposure, contrast and collimation are of the middle image: each image has its own, up to a
    quarter of the change more or less.

    Attributes:
        name: for cards and tables.
        hands: glyph sources and their shares of the images, (name or .npz path, share) each;
            empty keeps those of the anatomy.
        thickness: of the strokes; -1 thins and 1 thickens them by about four of 64 pixels.
        slant: added to every glyph, in widths to the right per height; 0.27 is 15 degrees.
        size: factor of the digits' size.
        spacing: -1 moves the digits as far apart as their cells allow, 1 as close together.
        exposure: added to all grey levels, in units of the full range; lifts the background.
        contrast: factor of all grey levels.
        noise: standard deviation, in units of the full range.
        blur: standard deviation, in pixels.
        frame: width in pixels of a bright line around the exposed field.
        collimation: share of each side that is black, for it was not exposed.

    Raises:
        SynthError: a value lies outside its ``LIMITS``, or the hands have no share.
    """

    name: str = HOME
    hands: tuple[tuple[str, float], ...] = ()
    thickness: float = 0.0
    slant: float = 0.0
    size: float = 1.0
    spacing: float = 0.0
    exposure: float = 0.0
    contrast: float = 1.0
    noise: float = 0.0
    blur: float = 0.0
    frame: float = 0.0
    collimation: float = 0.0

    def __post_init__(self) -> None:
        for name, (low, high) in LIMITS.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise SynthError(f"population {self.name}: {name} must be a number, got {value!r}")
            if not low <= value <= high:
                raise SynthError(
                    f"population {self.name}: {name} must be from {low:g} to {high:g}, got {value!r}"
                )
        shares = [share for _, share in self.hands]
        if self.hands and (min(shares) < 0 or sum(shares) <= 0):
            raise SynthError(f"population {self.name}: the shares of its hands must add up to more "
                             "than 0, and none may be negative")  # fmt: skip

    def at(self, strength: float) -> dict[str, float]:
        """Every dial at a strength between 0 (neutral) and 1 (as it stands)."""
        return {
            name: neutral + strength * (getattr(self, name) - neutral)
            for name, neutral in NEUTRAL.items()
        }

    def public(self) -> dict[str, Any]:
        """As JSON types; of a file of glyphs its name only."""
        hands = {PurePath(name).name: share for name, share in self.hands}
        return asdict(self) | {"hands": hands}


POPULATIONS = {
    HOME: Population(),
    "other-hands": Population(
        "other-hands", (("optdigits", 1.0),), thickness=-0.2, slant=0.15, size=0.9, spacing=0.2
    ),
    "other-scanner": Population(
        "other-scanner",
        exposure=0.16,
        contrast=0.7,
        noise=0.04,
        blur=0.7,
        frame=1,
        collimation=0.05,
    ),
}
"""The populations that ship. ``home`` is the stroke model's digits, white on black."""


def load_population(text: str) -> Population:
    """A population by name, or from a file.

    A file is a mapping of the attributes of :class:``Population``; ``hands`` maps glyph sources to
    shares. Paths of .npz files in it are relative to the file's folder.

    Args:
        text: a name in ``POPULATIONS``, or the path of a .json, .yaml or .yml file.

    Raises:
        SynthError: there is no such population, or the file does not describe one.
    """
    if text in POPULATIONS:
        return POPULATIONS[text]
    path = Path(text)
    if path.suffix.lower() not in (".json", ".yaml", ".yml"):
        names = ", ".join(POPULATIONS)
        raise SynthError(
            f"population: unknown {text!r}; use {names}, or the path of a .yaml or .json file"
        )
    content = _read(path)
    if not isinstance(content, dict):
        raise SynthError(f"{path}: must hold a mapping such as {{slant: 0.2, noise: 0.05}}")
    known = [field.name for field in fields(Population)]
    unknown = [key for key in content if key not in known]
    if unknown:
        raise SynthError(f"{path}: unknown {unknown[0]!r}; choose from {', '.join(known)}")
    values: dict[str, Any] = {"name": path.stem} | content
    values["name"] = str(values["name"])
    values["hands"] = _hands(path, content.get("hands", {}))
    try:
        return Population(**values)
    except SynthError as error:
        raise SynthError(f"{path}: {error}") from error


def _hands(path: Path, content: object) -> tuple[tuple[str, float], ...]:
    if isinstance(content, str):
        content = {content: 1.0}
    if not isinstance(content, Mapping) or not all(
        isinstance(share, (int, float)) and not isinstance(share, bool)
        for share in content.values()
    ):
        raise SynthError(f"{path}: hands must map glyph sources to shares, as {{optdigits: 0.5}}")
    named = ((str(name), float(share)) for name, share in content.items())
    return tuple(
        (str(path.parent / name) if name.lower().endswith(".npz") else name, share)
        for name, share in named
    )


def _read(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SynthError(f"{path}: no such file; check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SynthError(f"{path}: cannot be read ({error}); make it readable") from error
    try:
        if path.suffix.lower() == ".json":
            return json.loads(text)
        import yaml
    except ImportError:
        raise SynthError(f"{path}: needs PyYAML: pip install pyyaml, or write it as JSON") from None
    except ValueError as error:
        raise SynthError(f"{path}: is not JSON ({error}); mend it") from error
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SynthError(
            f"{path}: is not YAML ({' '.join(str(error).split())}); mend it"
        ) from error
