"""That a model's default score is weak, found on normals after training and kept in its folder.

Kept as a code and numbers; the words are made here, since a folder may be a stranger's.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SEES_NOTHING, BEHIND = "sees_nothing", "behind"
_FACT = "weakness"


@dataclass(frozen=True)
class Weakness:
    """What the examination found wrong with a default score.

    Attributes:
        code: 'sees_nothing' or 'behind'.
        own: AUROC of the default score: for 'sees_nothing' the highest of a family, for 'behind'
            the mean over all.
        part: the score that it is behind; '' for 'sees_nothing'.
        best: that score's mean.
    """

    code: str
    own: float
    part: str = ""
    best: float = 0.0

    @property
    def message(self) -> str:
        """What, and what to do."""
        if self.code == SEES_NOTHING:
            return (
                "the default score sees none of the anomalies made for its examination (AUROC "
                f"{self.own:.2f} at most): train longer, or on more normals"
            )
        remedy = "train longer, or choose that score"
        if self.part.endswith("_distance"):
            remedy = (
                f"look for changes of such kinds with --score {self.part}, which also tells more "
                "normals of another look"
            )
        return (
            "on the anomalies made for its examination the default score is behind "
            f"'{self.part}', a score of this model, by more than chance (mean AUROC {self.own:.2f} and "
            f"{self.best:.2f}): {remedy}"
        )

    def to_facts(self) -> dict[str, Any]:
        """What a model's facts hold of it."""
        return {_FACT: dataclasses.asdict(self)}


def weakness_in(facts: Mapping[str, Any], score_names: tuple[str, ...]) -> Weakness | None:
    """What a model's facts say; None for a sound model, one of before, and facts that make no sense.

    Args:
        score_names: of the model: no other name is ever shown.
    """
    found = facts.get(_FACT)
    if not isinstance(found, Mapping):
        return None
    code, part = found.get("code"), found.get("part")
    numbers = [found.get("own"), found.get("best")]
    if not all(isinstance(n, int | float) and math.isfinite(n) for n in numbers):
        return None
    own, best = (float(number) for number in numbers if number is not None)
    if code == SEES_NOTHING:
        return Weakness(SEES_NOTHING, own)
    if code == BEHIND and part in score_names:
        return Weakness(BEHIND, own, str(part), best)
    return None
