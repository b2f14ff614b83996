"""The Benchmark tab: the committed results as a table to sort and as plots, each row's command."""

from __future__ import annotations

from html import escape
from pathlib import Path

import gradio as gr

from demo.pictures import data_url
from demo.ranking_plot import NARROW, ranking_svg
from simsid.benchmark.ranking.records import Ranking, read_ranking
from simsid.benchmark.records import Spread
from simsid.detectors.references import MeanGrey
from simsid.shares import in_percent

_INSTALLED = Path(__file__).resolve().parent / "published"  # where the wheel puts them
_CHECKOUT = Path(__file__).resolve().parents[1] / "docs" / "benchmark"
RESULTS = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
_FILE = "benchmark.json"
_ALL = "all"
_COLUMNS = {  # type, and width in pixels
    "data": ("str", 130), "model": ("str", 170), "AUROC": ("number", 90), "low": ("number", 80),
    "high": ("number", 80), "± seeds": ("number", 100), "seeds": ("number", 80),
    "minus reference": ("number", 150), "p": ("number", 80), "AUPR": ("number", 80),
    "F1": ("number", 80), "sensitivity": ("number", 120), "false alarms": ("number", 130),
    "pixel AUROC": ("number", 130), "AUPRO": ("number", 90), "Dice": ("number", 80),
    "training s": ("number", 120), "images/s": ("number", 110), "memory MB": ("number", 120),
    "folder MB": ("number", 120), "command": ("str", 900),
}  # fmt: skip
_PLOTS = {
    "roc": "ROC curves of every method on each data set; the legend names the six best",
    "kinds": "Heat map of AUROC by method and kind of anomaly; the table has the same numbers",
    "cost": "AUROC against training time and against scoring speed, a dot for each method",
    "panels-digitanatomy": "The same anatomies with the anomaly map of every method side by side",
    "strokes": "Anatomies of built-in strokes with every method's anomaly map, and below its p-value",
}
_FOLLOW = ("roc", "kinds", "cost")  # lines and colours alone: turned round in the dark
_OTHER_SHARES = (
    "These shares are of models that were trained for this ranking, on one data set each, and of films "
    "sorted by data set. A verdict on the tab Score names a share too, of another measurement: that of its "
    "own model, at its own threshold, of films sorted by looks where the model knows several populations."
)
_CHOSEN_FOR, _CHOSEN_ON = "simsid", "zhanglab"  # docs/decisions/0007-films.md
_HARDER = "harder"  # folder of the ranking on shifted normals and subtle anomalies
_HARDER_WORDS = (
    "<b>Where it is harder.</b> A plain split flatters: its normals look like those of training. Here "
    "the normals that look least like all others are kept out of training and measured, and digits have "
    "subtle anomalies on a noisy film."
)
_NO_RESULTS = (
    "No results are kept beside this page. To make them: "
    "`python -m simsid.benchmark run --models all --out runs/ranking`, then "
    "`python -m simsid.benchmark report runs/ranking --export docs/benchmark`."
)


def lay_out_benchmark(tab: gr.Tab, folder: Path = RESULTS) -> None:
    """Table and plots of ``folder``, or how to make them; plots are sent when the tab is opened."""
    results = read_results(folder)
    if results is None:
        gr.Markdown(_NO_RESULTS, elem_id="no-results")
        return
    rows = table_rows(results)
    gr.HTML(lead_html(results), elem_id="benchmark-lead")
    harder = read_results(folder / _HARDER)
    if harder is not None:
        rows += table_rows(harder)
        gr.HTML(harder_html(harder), elem_id="benchmark-harder")
    names = [_ALL, *dict.fromkeys(row[0] for row in rows)]
    with gr.Accordion("All numbers, and the command of each", open=False, elem_id="all-numbers"):
        chosen = gr.Radio(
            names, value=_ALL, label="Data set", elem_id="benchmark-data", visible=len(names) > 2
        )
        table = gr.Dataframe(
            rows,
            headers=list(_COLUMNS),
            datatype=[kind for kind, _ in _COLUMNS.values()],
            interactive=False,
            label="Methods; a heading sorts; the table scrolls to the right",
            elem_id="benchmark-table",
            column_widths=[width for _, width in _COLUMNS.values()],
            max_height=520,
            wrap=False,
            buttons=[],
        )
    with gr.Accordion("How it was measured", open=False, elem_id="how-measured"):
        gr.Markdown(_words(results), elem_id="benchmark-words")
    chosen.change(
        lambda name: [row for row in rows if name in (_ALL, row[0])],
        chosen,
        table,
        api_visibility="private",
        show_progress="hidden",
    )
    plots = gr.HTML(elem_id="benchmark-plots")
    tab.select(lambda: plots_html(folder), None, plots, api_visibility="private")


def plots_html(folder: Path) -> str:
    """Every plot that is there, with its words above it and as its alternative text."""
    figures = ""
    for name, words in _PLOTS.items():
        file = folder / f"{name}.png"
        if file.exists():
            source, text = data_url(file.read_bytes()), escape(words, quote=True)
            follows = " follows" if name in _FOLLOW else ""
            figures += (
                f'<details class="fold"><summary>{text}</summary>'
                f'<img class="plot{follows}" src="{source}" alt="{text}"></details>'
            )
    return figures


def lead_html(results: Ranking) -> str:
    """One picture and five numbers: what the reference reaches, and where it fails."""
    own = {e.dataset: e for e in results.entries if e.model == results.reference}
    rate = in_percent(results.settings.false_alarm_rate)
    facts = [
        (
            f"{e.area:.3f}",
            f"AUROC of {results.reference} on {name} ({results.data[name].part} part)",
        )
        for name, e in own.items()
        if e.auroc
    ]
    facts += [
        (in_percent(e.sensitivity.mean, 0),
         f"of abnormal films of {name} ({results.data[name].part} part) found by {results.reference} trained "
         f"on {name} alone, at its own threshold for {rate} of false alarms")
        for name, e in own.items() if e.sensitivity and e.auroc
    ]  # fmt: skip
    # Every data set's AUROC, and what was found on the hardest ones.
    told = facts[: len(facts) // 2] + facts[len(facts) // 2 :][-2:]
    cells = "".join(
        f"<div><b>{number}</b><span>{escape(text)}</span></div>" for number, text in told
    )
    methods = len({entry.model for entry in results.entries})
    return (
        f"<p>{methods} methods, trained on normal images only, on {len(results.data)} data sets. "
        "Each dot is one of them.</p>"
        f'{ranking_svg(results)}{ranking_svg(results, NARROW)}<div class="five">{cells}</div>'
        f'<p class="caveats">{escape(caveats(results))}</p><p class="hint">{_OTHER_SHARES}</p>'
    )


def caveats(results: Ranking) -> str:
    """What flatters the reference, and where it is not clearly better than the mean grey level; or ''."""
    told = []
    if results.reference == _CHOSEN_FOR and _CHOSEN_ON in results.data:
        told.append(
            f"How {_CHOSEN_FOR}'s score of films is put together was chosen on labels of {_CHOSEN_ON}'s "
            f"{results.data[_CHOSEN_ON].part} part, which flatters it there."
        )
    for grey in results.entries:
        against = grey.against_reference
        if (
            grey.model != MeanGrey.name
            or against is None
            or against.ci is None
            or against.ci[1] < 0
        ):
            continue
        best = max(
            (e for e in results.entries if e.dataset == grey.dataset and e.auroc),
            key=lambda e: e.area,
        )
        none = best.model in (results.reference, grey.model)
        who = "no method is" if none else f"{results.reference} is not"
        told.append(
            f"On {grey.dataset} {who} clearly better than the mean grey level ({grey.area:.3f})."
        )
    return " ".join(told)


def harder_html(results: Ranking) -> str:
    """The same picture of a ranking on what is harder, and how many trainings it stands on."""
    seeds = max(entry.seeds for entry in results.entries)
    trainings = f"{seeds} trainings of each method" if seeds > 1 else "One training of each method"
    return (
        f"<p>{_HARDER_WORDS} {trainings}.</p>{ranking_svg(results)}{ranking_svg(results, NARROW)}"
    )


def read_results(folder: Path) -> Ranking | None:
    """What ``simsid.benchmark report --export`` left there; None where there is nothing."""
    file = folder / _FILE
    return read_ranking(file) if file.exists() else None


def table_rows(results: Ranking) -> list[list[object]]:
    """A row of ``_COLUMNS`` for each method and data set that was measured."""
    rows: list[list[object]] = []
    for entry in results.entries:
        auroc, cost = entry.auroc, entry.cost
        if auroc is None:
            continue
        quality = ("aupr", "f1", "sensitivity", "false_alarms", "pixel_auroc", "aupro", "dice")
        against = entry.against_reference
        low, high = auroc.ci or (None, None)
        costs = ("train_seconds", "score_images_per_second", "peak_memory_mb", "model_mb")
        rows.append(
            [
                entry.dataset,
                entry.model,
                *(_rounded(value) for value in (auroc.mean, low, high, auroc.std)),
                entry.seeds,
                _rounded(None if against is None else against.difference),
                _significant(None if against is None else against.p_adjusted),
                *(_rounded(_mean(entry.quality(name))) for name in quality),
                *(_rounded(cost.of(name), 1) for name in costs),
                entry.command,
            ]
        )
    return rows


def _words(results: Ranking) -> str:
    settings = results.settings
    data = "; ".join(
        f"**{name}**: {about.train} normals to train, measured on its {about.part} part "
        f"(data {about.fingerprint})"
        for name, about in results.data.items()
    )
    commits = ", ".join(commit[:12] for commit in results.commits)
    return (
        f"Every method at the `{settings.preset}` preset, trained on normals only. AUROC: mean "
        "over seeds, with the 95 % interval over images and the standard deviation over seeds. "
        f"Minus reference: the difference to `{results.reference}`, paired, with its p-value "
        "adjusted for the number of rows (0.001 stands for all below). "
        f"Sensitivity and false alarms: at the threshold for a stated rate of "
        f"{settings.false_alarm_rate:.3g}. Each row's command trains one seed of it. {results.note}"
        f"\n\n{data}. Commit {commits}. The whole report: `docs/benchmark/benchmark.md`."
    )


def _mean(value: Spread | None) -> float | None:
    return None if value is None else value.mean


def _rounded(value: float | None, digits: int = 3) -> float | None:
    return None if value is None else round(value, digits)


def _significant(value: float | None) -> float | None:
    """No p-value is nought: the smallest that is told is 0.001."""
    return None if value is None else max(round(value, 3), 0.001)
