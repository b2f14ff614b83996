"""What decoders noticed in many films, as counts and names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from simsid.data.decode.notes import in_words

FilmNotes = Mapping[str, Sequence[str]]
_NAMED = 5


def gather_notes(films: Iterable[tuple[str, Sequence[str]]]) -> dict[str, list[str]]:
    """Names of films by the code of a note, from each film's name and codes; frequent ones first."""
    notes: dict[str, list[str]] = {}
    for name, codes in films:
        for code in codes:
            notes.setdefault(code, []).append(name)
    return dict(sorted(notes.items(), key=lambda note: (-len(note[1]), note[0])))


def note_lines(notes: FilmNotes, total: int | None = None) -> list[str]:
    """A line for each code: how many films, what it means, and the first of them by name.

    Args:
        total: of how many films.
    """
    lines = []
    for code, names in notes.items():
        of = "" if total is None else f" of {total}"
        films = "film" if len(names) == 1 and total is None else "films"
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        shown = ", ".join(names[:_NAMED])
        lines.append(f"{len(names)}{of} {films}: {in_words(code)} ({code}): {shown}{more}")
    return lines
