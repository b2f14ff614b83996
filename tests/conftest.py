"""How the suite runs: one thread in each process, side by side, those of one page one after another.

``pytest --plugin FILE.py`` runs the contract suite over a detector of your own as well.
"""

import gc
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

# Spinning threads on shared cores cost a suite ten times its work. Set before torch is imported,
# and inherited by the commands that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("MPLBACKEND", "Agg")

# A shell that runs the suite behind its back ignores Ctrl-C for it. Pages would inherit that, and each
# would be waited for until it is killed.
if (
    signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    and threading.current_thread() is threading.main_thread()
):
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What is collected stays to the end: looking through it for rubbish took 5 of the 16 CPU seconds of
# collection, in each process.
gc.disable()

PAGE = Path(__file__).parent / "demo"
# Pages that several files share, which a second process would start again; then those of one file each.
GROUPS = dict.fromkeys(("page", "locked_page", "hub_page"), "page")
GROUPS["starter"] = "pages of their own"
GROUPS["browser"] = "page"  # one browser for all, where no other group has the file


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--plugin", help="Python file with detectors, registered before collection")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--plugin"):
        # Only then: the generator's own tests run where there is no torch.
        from simsid.plugins import load_plugin

        load_plugin(config.getoption("--plugin"))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One process runs a whole file, which shares trained models, and all that shares a page."""
    used: dict[Path, set[str]] = {}
    for item in items:
        used.setdefault(item.path, set()).update(getattr(item, "fixturenames", ()))
    for item in items:
        shared = [
            GROUPS[name] for name in GROUPS if name in used[item.path] and PAGE in item.path.parents
        ]
        item.add_marker(pytest.mark.xdist_group(next(iter(shared), str(item.path))))


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def of_the_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this run share."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def graphs_are_made_once(of_the_run: Path) -> Iterator[None]:
    """The graph of the same model is the same, and making it is most of an export.

    ``write_onnx`` itself is left as it is.
    """
    from hub import export  # the generator's own tests run where there is no torch
    from simsid.detectors.model_folder import fingerprint

    write, folder = export.write_onnx, of_the_run / "graphs"
    folder.mkdir(exist_ok=True)

    def write_once(detector: object, path: Path) -> None:
        kept = folder / f"{detector.name}-{fingerprint(detector)}"
        if not kept.exists():
            mine = kept.with_suffix(f".{os.getpid()}")
            write(detector, mine)
            mine.replace(kept)
        shutil.copyfile(kept, path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "write_onnx", write_once)
        yield
