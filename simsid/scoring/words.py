"""What a verdict stands on, in sentences for people: the same at every door."""

from __future__ import annotations

from simsid.data.terms import TERMS
from simsid.detectors.calibration import Calibration
from simsid.detectors.renewal import normals_needed
from simsid.scoring.results import ScoredFilm
from simsid.scoring.verdicts import ANOTHER_POPULATION, BORDERLINE, NOT_A_FILM, TOO_FEW_NORMALS
from simsid.shares import in_percent, range_in_percent

# How p stands to the verdict; docs/score.md says it in the same words.
P_BESIDE_THRESHOLD = (
    "A threshold that keeps its rate with a confidence of 90 % ('at most 5 %') lies above the score that "
    "5 % of its normals exceed: a film with p a little below 0.05 may lie below it"
)


def basis(film: ScoredFilm) -> str:
    """Rank among normals, the stated rate with its interval, and the share of abnormals found."""
    if film.state == ANOTHER_POPULATION:
        if film.own_normals:
            return (
                f"The score of {film.score:.2f} and the map stand. But this film differs from the "
                f"{film.own_normals} normals too that this model was recalibrated on, so it has no "
                "rank among them and no verdict. Look at the film."
            )
        return (
            f"The score of {film.score:.2f} and the map stand. But this film does not look like "
            "the normal films that this model's verdicts were calibrated on, so it has no rank "
            "among them and no verdict. It may be of another source, or changed as a whole by disease. "
            "If your films are mostly like it, recalibrate the model on normal films of its source."
        )
    rank, rate, n = _rank(film), rate_in_words(film), film.num_normals
    if film.state == NOT_A_FILM:
        return (
            f"{rank} But this film does not look like those that the model was trained on, so it has "
            "no rank among its normals and no verdict. Is it the right model?"
        )
    if film.state == TOO_FEW_NORMALS:
        needed = normals_needed(film.false_alarm_rate, film.rate_confidence)
        return (
            f"{rank} {n} normals are too few for a verdict at a false-alarm rate of "
            f"{stated_share(film)}. Recalibrate the model on at least {needed} normal films."
        )
    doubt = ""
    if film.state == BORDERLINE:
        low, high = film.threshold_interval
        doubt = (
            f" With {n} normals the threshold of {film.threshold:.2f} is itself uncertain: it may lie "
            f"anywhere from {low:.2f} to {high:.2f}, and this score lies between."
        )
    return (
        f"{rank}{doubt}{choice_in_words(film)} The threshold of {film.threshold:.2f} is set so that "
        f"{rate} of such normal films are called unusual by mistake; in brackets, where the true rate "
        f"lies with 90 % confidence{_of_an_archive(film)}. {found_in_words(film)}"
    )


def _of_an_archive(film: ScoredFilm) -> str:
    """What that interval reaches from and to, where films without labels were left out."""
    return ", from 'all that were left out were abnormal' to 'none was'" if film.removed else ""


def left_out_of_archive(removed: int) -> str:
    """'whose 8 highest scores were left out as possibly abnormal'."""
    scores = "highest score was" if removed == 1 else f"{removed} highest scores were"
    return f"whose {scores} left out as possibly abnormal"


def choice_in_words(film: ScoredFilm) -> str:
    """That a population was chosen for the film, and which one it looks like; '' where none was."""
    if not film.judged_as:
        return ""
    told = f" It is judged as {named(film.judged_as)} by choice"
    if film.looks_like == film.judged_as:
        return f"{told}, and looks like it, too."
    return (
        f"{told}; it looks more like {named(film.looks_like)}. The rate was set on normals that look "
        "like the chosen population: for this film it is not assured."
    )


def stated_rate(calibration: Calibration) -> str:
    """'5 %', or 'at most 5 %' of a threshold that holds it with confidence: less on average."""
    return (
        f"{'at most ' if calibration.confidence else ''}{in_percent(calibration.false_alarm_rate)}"
    )


def rate_in_words(film: ScoredFilm) -> str:
    """The stated false-alarm rate and how sure it is, as '5 % (1 to 12 %)' or 'at most 5 % (0 to 4 %)'."""
    return f"{stated_share(film)} ({range_in_percent(*film.rate_interval)})"


def stated_share(film: ScoredFilm) -> str:
    """The same without the interval, as ``stated_rate`` has it."""
    return f"{'at most ' if film.rate_confidence else ''}{in_percent(film.false_alarm_rate)}"


def found_in_words(film: ScoredFilm) -> str:
    """What share of abnormal films this threshold found, or that it was not measured."""
    found = film.found
    if found is None and film.judged_as and film.judged_as != film.looks_like:
        return (
            "What share of abnormal films this threshold finds was not measured on films that look "
            f"like {named(film.looks_like)}: a share that the model's card tells is of films that "
            f"look like {named(film.judged_as)}."
        )
    if found is None:
        return (
            "What share of abnormal films this threshold finds was not measured. A film can be "
            "abnormal and still look usual to this model."
        )
    missed = (
        "the others looked usual to this model"
        if found.share < 1
        else ("other kinds of abnormality were not measured")
    )
    judged = (
        f" that look most like {named(film.population)}, sorted by looks so that some may be of "
        "another population,"
        if film.population
        else ""
    )
    return (
        f"Of {found.abnormals} abnormal films ({found.data}){judged} this threshold found "
        f"{in_percent(found.share)}: {missed}."
    )


def named(population: str) -> str:
    """A population by its name, and in words where the kit describes that data set: for every sentence.

    Columns, rows of tables, options and lists of thresholds keep the name alone.
    """
    terms = TERMS.get(population)
    return f"{population} ({terms.subject})" if terms else population


def _rank(film: ScoredFilm) -> str:
    n, of = (
        film.num_normals,
        f" that look most like {named(film.population)} and" if film.population else "",
    )
    if film.percentile is None or film.p_value is None:
        return f"The score is {film.score:.2f}."
    held_out = "that training never saw"
    if film.recalibrated:  # nobody can vouch for what training saw of them
        own = film.own_normals > 0
        held_out = "that this model was recalibrated on" if own else "that set its threshold"
    if film.removed:
        return (
            f"The score of {film.score:.2f} is higher than that of {film.percentile:.1f} % of {n} films{of} "
            f"of an archive without labels, {left_out_of_archive(film.removed)} (p = {film.p_value:.3f} "
            f"if those were all abnormal, {film.p_value_at_most:.3f} if none was; smallest possible "
            f"{1 / (n + 1):.3f} and {(1 + film.removed) / (n + film.removed + 1):.3f})."
        )
    return (
        f"The score of {film.score:.2f} is higher than that of {film.percentile:.1f} % of "
        f"{n} normal films{of} {held_out} (p = {film.p_value:.3f}, smallest possible "
        f"{1 / (n + 1):.3f})."
    )
