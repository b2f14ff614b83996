"""The committed results, as the page shows them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from demo.benchmark_tab import (
    _COLUMNS,
    RESULTS,
    caveats,
    harder_html,
    lead_html,
    plots_html,
    read_results,
    table_rows,
)
from simsid.benchmark.ranking.records import Ranking
from simsid.benchmark.record_files import plain
from simsid.benchmark.records import Spread
from simsid.errors import SimsidError


@pytest.fixture(scope="module")
def committed() -> Ranking:
    found = read_results(RESULTS)
    assert found is not None
    return found


def test_each_row_has_its_command_and_failed_methods_have_no_row(committed: Ranking) -> None:
    other = next(entry for entry in committed.entries if entry.against_reference)
    measured = replace(
        other,
        auroc=Spread(mean=0.9912, std=0.01, by_seed=(0.99,), ci=(0.8912, 1.0912)),
        against_reference=replace(other.against_reference, difference=-0.2, p_adjusted=0.01),
        cost=replace(other.cost, train_seconds=61.23, peak_memory_mb=None),
    )
    failed = replace(other, auroc=None)
    rows = table_rows(replace(committed, entries=(measured, failed)))
    assert len(rows) == 1
    assert rows[0][:5] == [other.dataset, other.model, 0.991, 0.891, 1.091]
    assert rows[0][-1] == other.command
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


def test_committed_results_name_their_commits(committed: Ranking) -> None:
    assert committed.commits
    assert all(len(commit.split("+")[0]) == 40 for commit in committed.commits)
    assert len(table_rows(committed)) >= 5


def test_committed_results_are_read_whole_and_written_as_they_were(committed: Ranking) -> None:
    kept = json.loads((RESULTS / "benchmark.json").read_text("utf-8"))
    settings = kept["settings"]
    if "budget" in settings:  # what format 3 called the preset
        settings["preset"] = settings.pop("budget")
    assert plain(committed) == kept
    assert list(plain(committed.entries[0])) == list(kept["entries"][0])


def test_results_of_another_format_or_schema_are_one_sentence(tmp_path: Path) -> None:
    kept = json.loads((RESULTS / "benchmark.json").read_text("utf-8"))
    file = tmp_path / "benchmark.json"
    file.write_text(json.dumps(kept | {"format_version": 2}))
    with pytest.raises(SimsidError, match=r"benchmark.json is of format 2, this kit reads 3 to 4"):
        read_results(tmp_path)
    kept["entries"][0]["seeds"] = "three"
    file.write_text(json.dumps(kept))
    with pytest.raises(SimsidError, match=r"entries.0.seeds: input should be a valid integer"):
        read_results(tmp_path)
    file.write_text("{")
    with pytest.raises(SimsidError, match="is damaged"):
        read_results(tmp_path)


def overview(folder: Path = RESULTS) -> list[str]:
    page = (folder / "benchmark.md").read_text("utf-8")
    found = page.partition("## Overview")[2].partition("\n## ")[0]
    return [line for line in found.splitlines() if line.startswith("|")]


def marked_table(name: str, mark: str = "ranking") -> list[str]:
    """The lines between the marks of a ranking, in a page of the repository."""
    text = (RESULTS.parents[1] / name).read_text("utf-8")
    within = text.partition(f"<!-- {mark} -->")[2].partition(f"<!-- end of {mark} -->")[0]
    return within.split("\n")[1:-1]


def test_the_documentation_shows_the_overview_of_the_committed_results() -> None:
    assert len(overview()) > 20 and marked_table("docs/results.md") == overview()
    harder = overview(RESULTS / "harder")
    assert len(harder) > 20 and marked_table("docs/results.md", "harder") == harder


def test_the_readme_shows_rows_of_the_overview_in_its_order() -> None:
    shown = marked_table("README.md")
    assert len(shown) > 5 and shown == [line for line in overview() if line in shown]


def test_the_readme_shows_the_best_method_besides_simsid_on_each_set() -> None:
    rows = [line.strip("| ").split(" | ") for line in overview()[2:]]
    shown = {line.strip("| ").split(" | ")[0] for line in marked_table("README.md")}
    others = [row for row in rows if row[0] != "`simsid`"]
    best = {max(others, key=lambda row: float(row[column].split()[0]))[0] for column in (1, 2, 3)}
    assert best <= shown


def test_what_is_harder_has_a_picture_and_rows_of_its_own(committed: Ranking) -> None:
    """Of any ranking: the folder beside the committed one may be of any methods and sets."""
    html = harder_html(replace(committed, entries=committed.entries[:3]))
    assert html.count("<circle") == 6 and f"{committed.entries[0].seeds} trainings of each" in html
    assert "One training" in harder_html(
        replace(committed, entries=tuple(replace(e, seeds=1) for e in committed.entries[:3]))
    )


def test_the_tab_leads_with_one_picture_and_five_numbers_of_the_results(
    committed: Ranking,
) -> None:
    html = lead_html(committed)
    assert html.count("<b>") == 5 and "currentColor" not in html and html.count("<svg") == 2
    measured = [entry for entry in committed.entries if entry.auroc]
    assert html.count("<circle") == 2 * len(measured)  # once for wide, once for narrow screens
    for entry in measured:
        if entry.model == committed.reference:
            assert f"{entry.area:.3f}" in html


def test_each_area_names_its_part_and_what_flatters_is_said(committed: Ranking) -> None:
    html = lead_html(committed)
    for name, data in committed.data.items():
        assert f"AUROC of {committed.reference} on {name} ({data.part} part)" in html
    said = caveats(committed)
    assert said in html.replace("&#x27;", "'")
    assert "chosen on labels of zhanglab's validation part, which flatters it there" in said
    assert "On nih no method is clearly better than the mean grey level (0.737)." in said
    assert "On zhanglab" not in said and "On digitanatomy" not in said


def test_a_reference_behind_mean_grey_is_not_said_to_lead(committed: Ranking) -> None:
    other = next(e for e in committed.entries if (e.dataset, e.model) == ("nih", "padim"))
    better = replace(other, auroc=Spread(mean=0.99, std=0.0, by_seed=(0.99,), ci=(0.9, 1.0)))
    said = caveats(replace(committed, entries=(*committed.entries, better)))
    assert "On nih simsid is not clearly better than the mean grey level (0.737)." in said
    without = {name: about for name, about in committed.data.items() if name != "zhanglab"}
    assert "chosen on labels" not in caveats(replace(committed, data=without))


def test_a_share_says_of_which_films_and_which_threshold_it_is(committed: Ranking) -> None:
    html = lead_html(committed)
    assert (
        "of abnormal films of nih (validation part) found by simsid trained on nih alone, at its own "
        "threshold for 5 % of false alarms" in html
    )
    assert "and of films sorted by data set. A verdict on the tab Score names a share too" in html
    assert "at its own threshold, of films sorted by looks where the model knows several" in html
