"""How the house is built: what import-linter's contracts cannot say of single files."""

from graphlib import CycleError, TopologicalSorter

import grimp
import pytest


def check_no_circle(graph: grimp.ImportGraph) -> None:
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    TopologicalSorter(imports).prepare()


def test_no_file_imports_itself_by_a_detour_not_even_for_types():
    graph = grimp.build_graph("simsid", "synth", "hub", "demo", cache_dir=None)
    assert "simsid.detectors.base" in graph.modules
    check_no_circle(graph)


def test_a_circle_would_be_told():
    graph = grimp.build_graph("simsid", cache_dir=None)
    graph.add_import(importer="simsid.errors", imported="simsid.detectors.base")
    with pytest.raises(CycleError, match=r"simsid\.errors"):
        check_no_circle(graph)
