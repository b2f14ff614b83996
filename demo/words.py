"""What the page says, in plain sentences."""

from __future__ import annotations

from collections.abc import Sequence

from simsid.detectors.findings import ANOTHER, Finding
from simsid.scoring import ANOTHER_POPULATION, NOT_A_FILM, RefusedFilm, ScoredFilm
from simsid.scoring.words import named

TITLE = "SimSID: how unusual is this film?"
SCORED = "ok"
BY_LOOKS = ""  # as a choice of whose normals judge a film: found from the film
NOT_SCORED = "Not scored"
NOTICE = (
    "Research only. This is not a medical device and must not be used to diagnose, treat or "
    "triage patients. Do not upload films that you are not allowed to show."
)
BUSY = "busy: too many films are waiting here. Please try again in a minute."
FAILED = "This went wrong on our side. Nothing of the file was kept; please try again."
FORGOTTEN = "This film has been forgotten, as promised. Drop it again to look at it again."
_LOOKS = {
    "not_frontal": "looks like no frontal view, perhaps a lateral one",
    "inverted": "looks like a negative",
    "turned_left": "looks turned to the left",
    "turned_right": "looks turned to the right",
    "upside_down": "looks upside down",
    "noise": "looks like noise",
    "blank": "looks blank",
}
OR_ANOTHER_VIEW = (
    "A lateral view looks like this to the check too: mostly it cannot tell one from a frontal film of "
    "another source."
)
_READABLE = "Export the film as PNG, TIFF, JPEG or DICOM and drop it again"
_REMEDIES = {
    "missing": "Drop the file again",
    "empty": "Drop the file again, or export it anew",
    "too_small": "Use the film at its full size",
    "too_large": "Reduce the film, for instance to 3000 px a side, and drop it again",
    "too_slow": "Save the film without exotic compression and drop it again",
    "aspect_ratio": "Crop the film to its image",
    "constant": "Check that the right file was chosen",
    "animated": "Save the one page that is meant as a file of its own",
    "multi_frame": "Export a single frame",
    "no_pixel_data": "Choose the DICOM file that holds the image",
    "missing_codec": "Save the film uncompressed or as JPEG 2000",
    "out_of_range": "Scale the values to 0 to 1, or save whole numbers",
    "not_finite": "Replace the values that are not numbers",
}


def remedy_for(code: str) -> str:
    """What a visitor can do about a refusal with this code."""
    return _REMEDIES.get(code, _READABLE) + "."


def finding_in_words(found: Finding | RefusedFilm) -> str:
    """What the checks of the film as a whole found, as a sentence's worth."""
    if isinstance(found, Finding) and found.severity == ANOTHER:
        return f"another population: {found.message}"
    return f"out of place: {found.message}"


def headline(film: ScoredFilm | RefusedFilm) -> str:
    """The state in the words of every other door, as a heading."""
    return film.state.capitalize() or NOT_SCORED


def judge_choices(populations: Sequence[str]) -> list[tuple[str, str]]:
    """What 'judge as' offers: words and value; one alone where the model knows one population."""
    return [("found from the film", BY_LOOKS), *((named(name), name) for name in populations)]


def is_strange(film: ScoredFilm) -> bool:
    """Whether a film gets no verdict since it is unlike the model's normals: no threshold is for it."""
    return film.state in (ANOTHER_POPULATION, NOT_A_FILM)


def looks_like(film: ScoredFilm | RefusedFilm) -> str:
    """What the checks take a film for that gets no verdict, in a few words; '' where they do not say."""
    codes = [film.code] if isinstance(film, RefusedFilm) else [each.code for each in film.findings]
    return next((_LOOKS[code] for code in codes if code in _LOOKS), "")


def css_class(film: ScoredFilm | RefusedFilm) -> str:
    """The state as a class of the page's style: 'another-population' and so on."""
    if isinstance(film, RefusedFilm):
        return "refused"
    return css_class_of(film.state)


def css_class_of(state: str) -> str:
    """The same of the state alone."""
    return state.partition(":")[0].replace(" ", "-")
