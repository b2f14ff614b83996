"""The committed results, as the page shows them."""

from __future__ import annotations

import json
from pathlib import Path

from demo.benchmark_tab import (
    _COLUMNS,
    RESULTS,
    lead_html,
    plots_html,
    read_results,
    table_rows,
)
from simsid.benchmark.ranking.rank import COST, QUALITY
from simsid.benchmark.ranking.report import FORMAT_VERSION, READABLE


def results(entries: list[dict]) -> dict:
    settings = {"preset": "quick", "false_alarm_rate": 0.05}
    return {"format_version": FORMAT_VERSION, "settings": settings, "entries": entries}


def entry(model: str, mean: float | None) -> dict:
    auroc = None if mean is None else {"mean": mean, "std": 0.01, "ci": [mean - 0.1, mean + 0.1]}
    quality = dict.fromkeys(QUALITY)
    cost = {"train_seconds": 61.23, "score_images_per_second": 300.0, "peak_memory_mb": None}
    return {
        "dataset": "digitanatomy",
        "model": model,
        "seeds": 3,
        "auroc": auroc,
        "against_reference": {"difference": -0.2, "p_adjusted": 0.01},
        "cost": cost | {"model_mb": 2.0},
        "command": f"python -m simsid.train --model {model}",
        **quality,
    }


def test_each_row_has_its_command_and_failed_methods_have_no_row() -> None:
    rows = table_rows(results([entry("simsid", 0.9912), entry("ae", None)]))
    assert len(rows) == 1
    assert rows[0][:5] == ["digitanatomy", "simsid", 0.991, 0.891, 1.091]
    assert rows[0][-1] == "python -m simsid.train --model simsid"
    row = dict(zip(_COLUMNS, rows[0], strict=True))
    assert row["training s"] == 61.2 and row["memory MB"] is None
    assert row["minus reference"] == -0.2 and row["p"] == 0.01


def test_a_folder_without_results_shows_nothing_and_breaks_nothing(tmp_path: Path) -> None:
    assert read_results(tmp_path) is None
    assert plots_html(tmp_path) == ""


def test_plots_have_alternative_texts_and_lie_inside_the_answer(tmp_path: Path) -> None:
    (tmp_path / "roc.png").write_bytes(b"\x89PNG")
    html = plots_html(tmp_path)
    assert html.count("<img") == 1 and 'alt="ROC curves' in html and "base64," in html


def test_committed_results_are_of_a_format_that_the_page_reads_and_name_their_commit() -> None:
    kept = json.loads((RESULTS / "benchmark.json").read_text("utf-8"))
    assert kept["format_version"] in READABLE
    assert kept["commits"] and all(len(commit.split("+")[0]) == 40 for commit in kept["commits"])
    assert len(table_rows(kept)) >= 5
    for entry in kept["entries"]:  # keys that the present format has
        assert {*QUALITY, "by_kind", "by_score", "against_reference", "against_best"} <= set(entry)
        assert set(entry["cost"]) == set(entry["cost_seeds"]) == set(COST)


def overview() -> list[str]:
    page = (RESULTS / "benchmark.md").read_text("utf-8")
    found = page.partition("## Overview")[2].partition("\n## ")[0]
    return [line for line in found.splitlines() if line.startswith("|")]


def marked_table(name: str) -> list[str]:
    """The lines between the marks of the ranking, in a page of the repository."""
    text = (RESULTS.parents[1] / name).read_text("utf-8")
    return (
        text.partition("<!-- ranking -->")[2]
        .partition("<!-- end of ranking -->")[0]
        .split("\n")[1:-1]
    )


def test_the_documentation_shows_the_overview_of_the_committed_results() -> None:
    assert len(overview()) > 20 and marked_table("docs/results.md") == overview()


def test_the_readme_shows_rows_of_the_overview_in_its_order() -> None:
    shown = marked_table("README.md")
    assert len(shown) > 5 and shown == [line for line in overview() if line in shown]


def test_the_readme_shows_the_best_method_besides_simsid_on_each_set() -> None:
    rows = [line.strip("| ").split(" | ") for line in overview()[2:]]
    shown = {line.strip("| ").split(" | ")[0] for line in marked_table("README.md")}
    others = [row for row in rows if row[0] != "`simsid`"]
    best = {max(others, key=lambda row: float(row[column].split()[0]))[0] for column in (1, 2, 3)}
    assert best <= shown


def test_the_tab_leads_with_one_picture_and_five_numbers_of_the_results() -> None:
    kept = json.loads((RESULTS / "benchmark.json").read_text("utf-8"))
    html = lead_html(kept)
    assert html.count("<b>") == 5 and "currentColor" not in html and html.count("<svg") == 2
    measured = [entry for entry in kept["entries"] if entry["auroc"]]
    assert html.count("<circle") == 2 * len(measured)  # once for wide, once for narrow screens
    for entry in measured:
        if entry["model"] == kept["reference"]:
            assert f"{entry['auroc']['mean']:.3f}" in html
