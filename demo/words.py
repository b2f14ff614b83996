"""What the page says, in plain sentences."""

from __future__ import annotations

from simsid.data.decode.notes import in_words
from simsid.detectors.findings import ANOTHER, Finding
from simsid.scoring import CALLED_ABNORMAL, CALLED_NORMAL, RefusedFilm, ScoredFilm

SCORED = "ok"
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


def note_in_words(code: str) -> str:
    """A decoder's warning code as words; other notes are words already."""
    return in_words(code)


def headline(film: ScoredFilm) -> str:
    """The verdict in two or three words."""
    if film.verdict == CALLED_ABNORMAL:
        return "Unusual"
    if film.of_another_population:
        return "Another population: no verdict"
    return "Nothing unusual found" if film.verdict == CALLED_NORMAL else "No verdict"


def rate_in_words(film: ScoredFilm) -> str:
    """The stated false-alarm rate and how sure it is, as '5 % (1 to 12 %)'."""
    low, high = (f"{100 * end:.0f}" for end in film.rate_interval)
    return f"{100 * film.false_alarm_rate:.3g} % ({low} to {high} %)"


def basis(film: ScoredFilm) -> str:
    """What the verdict stands on: rank among normals, p-value and the stated rate."""
    if film.percentile is None or film.p_value is None:
        return (
            f"The score of {film.score:.2f} and the map stand. But this film does not look like "
            "the normal films that this model's verdicts were calibrated on, so it has no rank "
            "among them and no verdict. Recalibrate the model on normal films of the same source."
        )
    rate, n = rate_in_words(film), film.num_normals
    of = f" of {film.population}" if film.population else ""
    rank = (
        f"The score of {film.score:.2f} is higher than that of {film.percentile:.1f} % of "
        f"{n} normal films{of} that training never saw (p = {film.p_value:.3f}, smallest possible "
        f"{1 / (n + 1):.3f})."
    )
    if film.doubtful:
        return (
            f"{rank} But this film does not look like those that the model was trained on, so "
            "these numbers say little, and there is no verdict. Is it the right model?"
        )
    if film.verdict not in (CALLED_ABNORMAL, CALLED_NORMAL):
        return f"{rank} {n} normals are too few for a verdict at a false-alarm rate of {rate}."
    return (
        f"{rank} The threshold is set so that {rate} of such normal films are called unusual by "
        "mistake; in brackets, where the true rate lies with 90 % confidence. A film can be abnormal "
        "and still look usual to this model."
    )
