"""The examination in words and a table: what the model sees, and what it does not."""

from __future__ import annotations

from simsid.detectors.base import FUSED
from simsid.examination.examine import Examination
from simsid.examination.families import FAMILIES, STRENGTHS
from simsid.shares import in_percent

TITLE = "What it sees, and what it does not"
HEADER = (
    "anomaly made from a normal film",
    *STRENGTHS,
    "the part that sees it best",
    "hottest point inside (by chance)",
)
_WORDS = {
    "opacity": "soft opacity",
    "graft": "same place of another film",
    "exchanged": "two places exchanged",
    "erased": "a place erased",
    "flipped": "a place upside down",
    "foreign": "another place of another film",
    "darkened": "a place darkened",
    "painted": "painted lesions of training",
}


HELD_OUT = "that training never saw"
GIVEN = "that were given as normal and not trained on"


def words_of(examination: Examination, whose: str = HELD_OUT) -> str:
    """One paragraph for readers of the table.

    Args:
        whose: what is known of the films; as training itself says of those that it held out.
    """
    practised = [_WORDS[family] for family in examination.practised]
    flatter = (
        f" Families marked * ({', '.join(practised)}) are like those that it was trained with: "
        "they flatter."
        if practised
        else ""
    )
    return (
        f"AUROC of the default score for anomalies made from {examination.normals} normal films "
        f"{whose}, against these films as they are; no label was needed.{flatter} "
        "Last column: share of strong anomalies whose map is hottest where the film was changed, and "
        "what a random point would hit."
    )


def rows_of(examination: Examination) -> list[tuple[str, ...]]:
    """One row for each family."""
    rows = []
    for family in FAMILIES:
        own = examination.auroc[FUSED][family]
        parts = {name: examination.strong(name, family) for name in examination.auroc}
        parts.pop(FUSED)
        best = max(parts, key=lambda name: parts[name]) if parts else ""
        told = f"{best.replace('_', ' ')} {parts[best]:.2f}" if best else ""
        mark = " *" if family in examination.practised else ""
        values = (f"{own[s]:.2f}" for s in STRENGTHS)
        rows.append((_WORDS[family] + mark, *values, told, _where(examination, family)))
    return rows


def _where(examination: Examination, family: str) -> str:
    if family not in examination.hottest:
        return "n/a"  # examined by an earlier version
    return f"{in_percent(examination.hottest[family], 0)} ({in_percent(examination.covered[family], 0)})"


def to_text(examination: Examination, whose: str = HELD_OUT) -> str:
    """For a terminal or a Markdown file; ``whose`` as in ``words_of``."""
    rows = [HEADER, *rows_of(examination)]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|---" + "|---:" * len(STRENGTHS) + "|---|---:|")
    return "\n".join([words_of(examination, whose), "", *lines])
