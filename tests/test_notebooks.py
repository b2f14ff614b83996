"""The notebooks run from their first cell to their last, and the repository holds none of their outputs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
ROOT = Path(__file__).resolve().parents[1]
SMALL_AE = (
    '["--epochs", "1", "--detector", \'{"channels": [4, 8], "latent_dim": 8}\', "--device", "cpu"]'
)
# What stands in place of the cell of parameters, so that a test takes seconds.
FAST = {
    "tour": "normals, epochs = 64, 1",
    "own_films": f'films, model, options = None, "ae", {SMALL_AE}',
    "own_method": "normals, tested = 60, 10",
}


def notebooks() -> list[Path]:
    return sorted((ROOT / "notebooks").glob("*.ipynb"))


def test_every_notebook_has_its_fast_settings():
    assert {path.stem for path in notebooks()} == FAST.keys()


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
def test_a_notebook_holds_no_outputs_and_one_cell_of_parameters(path: Path) -> None:
    book = nbformat.read(path, as_version=4)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert sum("parameters" in cell.metadata.get("tags", ()) for cell in code) == 1


@pytest.mark.slow
@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    book = nbformat.read(path, as_version=4)
    for cell in book.cells:
        if "parameters" in cell.metadata.get("tags", ()):
            cell.source = FAST[path.stem]
    client = nbclient.NotebookClient(book, timeout=600, resources={"metadata": {"path": tmp_path}})
    client.execute()
    said = "".join(out.get("text", "") for cell in book.cells for out in cell.get("outputs", ()))
    for words in {
        "tour": ("smallest possible", "'auroc'"),
        "own_films": (
            "50 of 50 images scored",
            "50 of 50 films marked",
            "recalibrated on 30 films",
        ),
        "own_method": ("eigen AUROC", "thumbnail-nn AUROC"),
    }[path.stem]:
        assert words in said, said
