"""How the house is built: what import-linter's contracts cannot say of single files."""

import ast
import os
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[1]


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


# Each of its commands is a main.
SYNTH_COMMANDS = ("_generate", "_verify", "_preview", "_medmix")


def takes_options(function: ast.FunctionDef) -> bool:
    given = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return any("Namespace" in ast.unparse(arg.annotation) for arg in given if arg.annotation)


def test_parsed_options_never_leave_a_main():
    """Below it stand values; what options say is made one by functions named ``*_of``."""
    found = [
        (str(file.relative_to(ROOT)), node.name)
        for room in ("simsid", "synth", "hub", "demo")
        for file in sorted((ROOT / room).rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef) and takes_options(node)
    ]
    assert ("simsid/score/command.py", "job_of") in found
    below = [(file, name) for file, name in found if not name.endswith("_of")]
    assert below == [("synth/cli.py", name) for name in SYNTH_COMMANDS]


LEAST_PATIENCE = 60  # seconds: on a loaded machine what takes one takes thirty
WAITS = {"join": 0, "wait": 0, "communicate": 1, "run": None}


def patience(call: ast.Call) -> list[float]:
    """The limits, in seconds, of a call that waits for a process or a thread."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    if name not in WAITS:
        return []
    given = [each.value for each in call.keywords if each.arg == "timeout"]
    place = WAITS[name]
    if place is not None and len(call.args) > place:
        given.append(call.args[place])
    return [
        each.value
        for each in given
        if isinstance(each, ast.Constant) and type(each.value) in (int, float)
    ]


def test_tests_wait_for_what_happens_and_long_enough():
    files = sorted((ROOT / "tests").rglob("*.py"))
    calls = [
        (f"{file.relative_to(ROOT)}:{node.lineno}", seconds)
        for file in files
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call)
        for seconds in patience(node)
    ]
    assert len(calls) > 3
    assert [call for call in calls if call[1] < LEAST_PATIENCE] == []


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        ("thread.join(10)", [10]),
        ("process.communicate(timeout=30)", [30]),
        ("subprocess.run(command, timeout=5)", [5]),
        ("', '.join(names)", []),
        ("process.wait(GENEROUS)", []),
    ],
)
def test_a_short_limit_would_be_told(line, seconds):
    assert patience(ast.parse(line, mode="eval").body) == seconds


def test_one_process_runs_all_tests_of_a_group(request: pytest.FixtureRequest) -> None:
    """Or else each process trains every shared model and starts every shared page by itself."""
    if not os.environ.get("PYTEST_XDIST_WORKER"):
        pytest.skip("one process runs all tests")
    assert request.node.nodeid.endswith(f"@{__file__}"), (
        "this pytest-xdist does not group tests with this pytest: see requirements-dev.txt"
    )
