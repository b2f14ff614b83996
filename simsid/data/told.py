"""What a user should know of how the films of a set were chosen, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from simsid.data.film import Film
from simsid.data.find import is_image
from simsid.data.pixel_truth import PROBLEMS, PixelTruth
from synth.walk import identities

_TOP = "the top folder"
_SHOWN = 8


def tell_folders(
    root: Path, films: Sequence[Film], files: Iterable[Path], masks: Collection[Path]
) -> str:
    """How many films of which folder are used, as what, and how many images are not."""
    used: Counter[tuple[str, str]] = Counter((_top(film.path, root), film.part) for film in films)
    known = {identity for identity, _ in identities([*(film.path for film in films), *masks])}
    others = (path for identity, path in identities(files) if identity not in known)
    left_out = Counter(_top(path, root) for path in others if is_image(path))
    text = "films used: " + ", ".join(
        f"{count} of {top} ({part})" for (top, part), count in sorted(used.items())
    )
    if len(used) > _SHOWN:  # films strewn over folders without a meaning
        parts = Counter(film.part for film in films)
        folders = len({top for top, _ in used})
        shares = ", ".join(f"{count} ({part})" for part, count in sorted(parts.items()))
        text = f"films used: {shares}, of {folders} folders"
    if not left_out:
        return f"{text}; no other images lie there"
    most = left_out.most_common(_SHOWN)
    shown = ", ".join(f"{count} in {top}" for top, count in sorted(most))
    more = left_out.total() - sum(count for _, count in most)
    return f"{text}; images not used: {shown}" + (f", {more} elsewhere" if more else "")


def tell_patients(films: Sequence[Film], names: Mapping[Path, str]) -> str | None:
    """Of how many films nobody says who is on them; None where that is told of all."""
    alone = sum(film.patient == names[film.path] for film in films)
    if not alone:
        return None
    which = "every film counts" if alone == len(films) else f"{alone} of {len(films)} films count"
    return (
        f"patients are not told: {which} as a patient of {'its' if alone == len(films) else 'their'} "
        "own, and the parts may share patients; a manifest.csv with a column 'patient' tells"
    )


def tell_left_out(left_out: Mapping[str, int]) -> list[str]:
    """A sentence for each reason that cost films."""
    return [f"left out: {count} {why}" for why, count in left_out.items()]


def tell_truth(
    part: str, counts: Mapping[str, Any], films: Sequence[Film], truths: Sequence[PixelTruth]
) -> str:
    """How many abnormal films have pixel truth, and why others have none; names the first."""
    text = (
        f"pixel truth of the {part} part: {counts['known']} of {counts['abnormal']} abnormal films"
    )
    reasons = []
    for problem, count in counts["problems"].items():
        first = next((f, t) for f, t in zip(films, truths, strict=True) if t.problem == problem)
        detail = f": {first[1].detail}" if first[1].detail else ""
        reasons.append(f"{count} {PROBLEMS[problem]} (first: {_short(first[0].path)}{detail})")
    if reasons:
        text += f"; left out of the pixel metrics: {', '.join(reasons)}"
    if counts["lossy"]:
        text += (
            f"; {counts['lossy']} masks are JPEG or lossy files, which blur: what is above half of "
            "their highest value counts"
        )
    return text


def tell_unused_masks(masks: Sequence[Path]) -> str:
    """Masks that fit no film."""
    return f"masks of no film of this set: {len(masks)} (first: {_short(masks[0])})"


def _short(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _top(path: Path, root: Path) -> str:
    parts = path.relative_to(root).parts if path.is_relative_to(root) else (path.parent.name, "")
    return f"{parts[0]}/" if len(parts) > 1 else _TOP
