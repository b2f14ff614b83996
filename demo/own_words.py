"""What the page says once a visit's verdicts stand on the visitor's own normals."""

from __future__ import annotations

from html import escape

from demo.own_normals import OwnNormals
from simsid.detectors.unusual_words import unusual_told
from simsid.detectors.usable_normals import left_out_in_words
from simsid.evaluation.recalibrated_card import thresholds_in_words, uncovered_in_words
from simsid.shares import in_percent, range_in_percent


def own_section(own: OwnNormals, label: str) -> str:
    """Before and after, as a small table, and what follows."""
    rate = in_percent(own.calibration.false_alarm_rate)
    interval = range_in_percent(*own.calibration.rate_interval())
    now = own.calibration.threshold(next(iter(own.calibration.scores)))
    unreadable = own.left_out - sum(own.reasons.values())
    reasons = own.reasons | ({"unreadable": unreadable} if unreadable else {})
    left_out = (
        f"<p>{own.left_out} more films could not be used: {escape(left_out_in_words(reasons))}.</p>"
        if own.left_out
        else ""
    )
    uncovered = own.facts["recalibrated"].get("uncovered", {})
    left_out += "".join(
        f"<p>{escape(uncovered_in_words(name, 'your normals'))}</p>" for name in uncovered
    )
    told = unusual_told(own.facts)
    warning = f'<p class="notice">{escape(told)}</p>' if told else ""
    before = own.before.in_words()
    thresholds = escape(thresholds_in_words(own.before.thresholds))
    return (
        f'<section class="own" role="status"><p>The verdicts of {escape(label)} stand on your '
        f"{own.films} normal films for this visit.</p><table><thead><tr><td></td>"
        '<th scope="col">before</th><th scope="col">now</th></tr></thead><tbody>'
        f'<tr><th scope="row">threshold</th><td>{thresholds}</td>'
        f"<td>{now:.2f}</td></tr>"
        f'<tr><th scope="row">your normals above the threshold</th><td>{before}</td>'
        f"<td>{rate} of the next ones ({interval})</td></tr></tbody></table>"
        f"{warning}{left_out}<p>In brackets: where the true rate lies with 90 % confidence. To keep this "
        "for good: <code>python -m simsid.recalibrate</code>.</p></section>"
    )


def refused_normals(message: str) -> str:
    """Why nothing was changed."""
    return f'<p class="notice" role="alert">{escape(message)}.</p>'
