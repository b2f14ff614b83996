"""Tracks: benchmarks with frozen seeds and settings.

A track never changes; a better one gets the next number.
"""

from dataclasses import replace

from synth.config import AnatomyConfig
from synth.errors import SynthError
from synth.plan import DatasetConfig
from synth.population import Population

_WARD = Population("ward-1", exposure=0.12, contrast=0.75, noise=0.05, blur=0.5, collimation=0.03)
_OTHER_HANDS = Population(
    "other-hands-1", (("optdigits", 1.0),), thickness=-0.2, slant=0.15, size=0.9, spacing=0.2
)
_HOME = AnatomyConfig(generator=2, seed=20_271, difficulty=0.25)
_HARD = AnatomyConfig(
    generator=2, seed=20_270, difficulty=0.75, starts=3, population=_WARD, strength=1.0
)

TRACKS: dict[str, dict[str, DatasetConfig]] = {
    "easy-1": {
        "": DatasetConfig(AnatomyConfig(), 1600, 200, 200, 100, track="easy-1"),
    },
    "hard-1": {
        "": DatasetConfig(_HARD, 1600, 400, 400, 100, track="hard-1"),
    },
    "shift-1": {
        "home": DatasetConfig(_HOME, 1600, 400, 400, 50, track="shift-1"),
        "away": DatasetConfig(
            replace(_HOME, population=_OTHER_HANDS, seed=20_272), 0, 400, 400, 50, track="shift-1"
        ),
    },
}
"""By name, the data sets of each track by folder ('' is the track's own folder).

easy-1: generator 1 as it was, blatant anomalies. hard-1: generator 2, three starts, a faint and
noisy film, subtle anomalies. shift-1: to train on ``home`` and to test on both; the normals of
``away/val`` are there to recalibrate on.
"""


def track_sets(
    name: str, layout: str = "mvtec", digits_root: str | None = None
) -> dict[str, DatasetConfig]:
    """The data sets of a track, by folder.

    Args:
        name: one of ``TRACKS``.
        layout: a name in ``LAYOUTS``; the pixels do not depend on it.
        digits_root: see :class:``synth.config.AnatomyConfig``.

    Raises:
        SynthError: there is no such track.
    """
    if name not in TRACKS:
        raise SynthError(f"unknown track {name!r}; choose from {', '.join(TRACKS)}")
    return {
        folder: replace(
            config, layout=layout, anatomy=replace(config.anatomy, digits_root=digits_root)
        )
        for folder, config in TRACKS[name].items()
    }
