"""What the page says, in plain sentences."""

from __future__ import annotations

from simsid.detectors.findings import ANOTHER, Finding
from simsid.scoring import RefusedFilm, ScoredFilm

TITLE = "SimSID: how unusual is this film?"
SCORED = "ok"
NOT_SCORED = "Not scored"
NOTICE = (
    "Research only. This is not a medical device and must not be used to diagnose, treat or "
    "triage patients. Do not upload films that you are not allowed to show."
)
BUSY = "busy: too many films are waiting here. Please try again in a minute."
FAILED = "This went wrong on our side. Nothing of the file was kept; please try again."
FORGOTTEN = "This film has been forgotten, as promised. Drop it again to look at it again."
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


def css_class(film: ScoredFilm | RefusedFilm) -> str:
    """The state as a class of the page's style: 'another-population' and so on."""
    if isinstance(film, RefusedFilm):
        return "refused"
    return css_class_of(film.state)


def css_class_of(state: str) -> str:
    """The same of the state alone."""
    return state.partition(":")[0].replace(" ", "-")
