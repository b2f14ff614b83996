"""Every command before every thing that may lie where it writes: it is refused, and all stays."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import stat
from importlib import import_module

import numpy as np
import pytest
from PIL import Image

from hub.__main__ import main as hub
from simsid import cli
from simsid.benchmark.__main__ import main as benchmark
from simsid.data.__main__ import main as data_command
from simsid.detectors import load_model, save_model
from simsid.errors import SimsidError, TrainingError
from simsid.evaluate import main as evaluate
from simsid.examine import main as examine
from simsid.recalibrate import main as recalibrate
from simsid.review import main as review
from simsid.score import main as score
from simsid.scoring.table import COLUMNS, TableWriter
from simsid.train import main as train
from simsid.training.checkpoint import save_checkpoint
from simsid.training.run_folder import RunFolder
from synth.cli import main as synth
from tests.simsid import test_home
from tests.simsid.data import trees
from tests.simsid.helpers import make_data, make_detector

MINE = b"somebody's own"


def tree(folder):
    """Every name below a folder with its kind, its content or where it leads."""
    found = {}
    for path in sorted(folder.rglob("*")):
        kind = stat.S_IFMT(path.lstat().st_mode)
        content = path.read_bytes() if kind == stat.S_IFREG else b""
        found[path.relative_to(folder).as_posix()] = (
            kind, os.readlink(path) if kind == stat.S_IFLNK else content,
        )  # fmt: skip
    return found


@contextlib.contextmanager
def in_seconds(seconds):
    """A command that waits for a pipe fails here instead of for ever."""

    def too_long(*_):
        raise AssertionError("it waits")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def told(main, *arguments, capsys):
    with in_seconds(60):
        code = cli.run_command(lambda: main([str(word) for word in arguments]))
    return code, capsys.readouterr().err


def a_file(path):
    path.write_bytes(MINE)


def a_folder(path):
    path.mkdir()
    (path / "mine.txt").write_bytes(MINE)


def a_link_to_a_file(path):
    target = path.parent.parent / "film.png"
    target.write_bytes(MINE)
    path.symlink_to(target)


def a_link_to_a_folder(path):
    target = path.parent.parent / "films"
    a_folder(target)
    path.symlink_to(target)


def a_pipe(path):
    os.mkfifo(path)


def a_link_to_a_pipe(path):
    os.mkfifo(path.parent.parent / "pipe")
    path.symlink_to(path.parent.parent / "pipe")


THINGS = (a_file, a_folder, a_link_to_a_file, a_link_to_a_folder, a_pipe, a_link_to_a_pipe)
DATA = ("--dataset", "folder", "--data-root", "gone")
# Command, its words where {at} is the folder, and the name in it that it would write.
WAYS = {
    "train, its settings": (train, "--run {at}", "config.yaml"),
    "train, its log": (train, "--run {at}", "metrics.jsonl"),
    "train, its model": (train, "--run {at}", "model"),
    "train, its report": (train, "--run {at}", "report"),
    "train, the run itself": (train, "--run {at}/run", "run"),
    "score": (score, "{at}/../a.png --model gone --out {at}/s.csv", "s.csv"),
    "score, a map": (score, "{at}/../a.png --model gone --out {at}/s.csv --maps {at}", "a.png.map.png"),
    "evaluate": (evaluate, "--model gone --out {at}/r.json", "r.json"),
    "evaluate, its page": (evaluate, "--model gone --out {at}/r.json", "r.html"),
    "evaluate, its words": (evaluate, "--model gone --out {at}/r.json", "r.md"),
    "evaluate, its figures": (evaluate, "--model gone --out {at}/r.json", "figures"),
    "recalibrate": (recalibrate, "--model gone --normals gone --out {at}/m", "m"),
    "examine": (examine, "--model gone --normals gone --out {at}/e.json", "e.json"),
    "data check": (data_command, "check --dataset folder --data-root gone --out {at}", "check.json"),
    "data check, its words": (data_command, "check --dataset folder --data-root gone --out {at}", "check.md"),
    "data check, its sheet": (
        data_command, "check --dataset folder --data-root gone --out {at}", "contact_sheet.png"),
    "a sweep": (benchmark, "robustness --model gone --out {at}", "rows.jsonl"),
    "a sweep, its table": (benchmark, "contamination --out {at}", "contamination.csv"),
    "a ranking": (benchmark, "run --out {at}", "logs"),
    "score, a DICOM result": (
        score, "{at}/../a.png --model gone --out {at}/s.csv --dicom-out {at}", "a.png.capture.dcm"),
    "score, DICOM outlines": (
        score, "{at}/../a.png --model gone --out {at}/s.csv --dicom-out {at}", "a.png.outlines.dcm"),
    "review": (review, "{at}/../scores.csv --face summary --marks {at}/m.csv", "m.csv"),
    "a ranking, its tables": (benchmark, "report {at}/../runs --out {at}", "benchmark.md"),
    "a ranking, what is shown": (benchmark, "report {at}/../runs --export {at}", "cost.png"),
    "an ablation": (benchmark, "ablation --out {at}", "ablation.json"),
    "an ablation, what is shown": (
        benchmark, "ablation --out {at}/../new --export {at}", "ablation.png"),
    "a contamination, what is shown": (
        benchmark, "contamination --out {at}/../new --export {at}", "contamination.md"),
    "a robustness, what is shown": (
        benchmark, "robustness --model gone --out {at}/../new --export {at}", "robustness.csv"),
    "severity": (benchmark, "severity --out {at}", "severity.png"),
    "shift": (benchmark, "shift --out {at}", "shift.csv"),
    "a ceiling": (benchmark, "supervised --out {at}", "supervised.md"),
    "gpu": (benchmark, "gpu --out {at}", "gpu.md"),
    "scoring": (benchmark, "scoring --against HEAD --out {at}", "scoring.json"),
    "patchcore, a figure": (
        benchmark, "patchcore --dataset folder --data-root gone --figure {at}/f.png", "f.png"),
    "patchcore": (benchmark, "patchcore --dataset folder --data-root gone --out {at}", "patchcore.json"),
    "hub pull": (hub, "pull some/model --out {at}/m", "m"),
    "hub export": (hub, "export gone --out {at}/g", "g"),
    "synth generate": (synth, "generate --out {at}/set --train 2", "set"),
    "synth preview": (synth, "preview --columns 1 --out {at}/p.png", "p.png"),
    "synth medmix": (synth, "medmix --films {at}/../films8 --out {at}/set", "set"),
}  # fmt: skip


TO_A_PIPE = {"score", "patchcore, a figure"}  # which may be written to, or the data are gone
FOLDERS = {"train, the run itself", "evaluate, its figures"}  # others' files in them stay


READ_ONLY = {  # options that name what is read
    *("--config", "--data-root", "--model", "--models", "--normals", "--labelled", "--unlabelled"),
    *(
        "--files",
        "--init-from",
        "--digits",
        "--digits-root",
        "--films",
        "--film",
        "--population",
        "--plugin",
    ),
    *("--anomalib-python", "paths", "run", "table", "folder", "folders", "model"),
    ("simsid.review", "--maps"),
}


def outputs_of(parser, command, main):
    """(main's module, subcommand, option) of every option that takes a path and is not only read."""
    for action in parser._actions:
        if isinstance(action.choices, dict):
            for name, inner in action.choices.items():
                yield from outputs_of(inner, name, main)
        elif action.nargs != 0 and (action.type in test_home.PATHS):
            option = (*action.option_strings, action.dest)[0]
            if option not in READ_ONLY and (main, option) not in READ_ONLY:
                yield main, command, option


def test_every_option_that_names_an_output_is_tried():
    outputs = set(outputs_of(test_home.parser_of_synth(), "", "synth.cli"))
    for module in test_home.MODULES:
        bench = module.startswith("simsid.benchmark.")
        main = "simsid.benchmark.__main__" if bench else module
        parser = import_module(module).make_parser()
        outputs |= set(outputs_of(parser, module.rpartition(".")[2] if bench else "", main))
    tried = set()
    for main, words, _ in WAYS.values():
        first, *_ = words.split()
        module = main.__module__
        whose = "" if module in test_home.MODULES and not module.endswith("__main__") else first
        tried |= {(module, whose, word) for word in words.split() if word.startswith("--")}
    assert len(outputs) > 25
    assert not sorted(outputs - tried)


@pytest.mark.parametrize(
    ("way", "thing"),
    [
        pytest.param(way, thing, id=f"{way}-{thing.__name__}")
        for way in WAYS
        for thing in THINGS
        if way not in FOLDERS or "folder" not in thing.__name__
    ],
)
def test_what_lies_there_stays_and_one_line_names_it(way, thing, tmp_path, capsys):
    main, words, name = WAYS[way]
    at = tmp_path / "at"
    at.mkdir()
    if way.startswith("score"):
        trees.film(tmp_path / "a.png")
    if way == "review":
        row = dict.fromkeys(COLUMNS, "") | {"file": "a.png", "score": 1}
        with TableWriter(tmp_path / "scores.csv") as table:
            table.append([row])
    if "runs" in words:
        (tmp_path / "runs").mkdir()
        (tmp_path / "runs/rows.jsonl").write_text("")
        (tmp_path / "runs/settings.json").write_text('{"preset": "quick"}')
    if "films" in words:
        for index in range(8):
            trees.film(tmp_path / f"films8/{index}.png")
    thing(at / name)
    before = tree(tmp_path)
    code, error = told(main, *words.format(at=at).split(), capsys=capsys)
    assert code == 2
    assert error.count("\n") == 1
    piped = way in TO_A_PIPE and "pipe" in thing.__name__
    assert piped or name in error
    assert tree(tmp_path) == before


@pytest.mark.parametrize("make", [a_file, a_link_to_a_file], ids=lambda make: make.__name__)
def test_a_lock_that_is_somebodys_file_is_not_emptied(make, tmp_path):
    at = tmp_path / "at"
    at.mkdir()
    make(at / ".lock")
    before = tree(tmp_path)
    with pytest.raises(TrainingError, match=r"\.lock"), RunFolder(at):
        pass
    assert tree(tmp_path) == before


def test_a_card_that_somebody_wrote_is_not_written_over(data, model, tmp_path, capsys):
    (model / "README.md").write_bytes(MINE)
    code, error = told(evaluate, "--model", model, "--card", "--out", tmp_path / "r.json",
                       *DATA, capsys=capsys)  # fmt: skip
    assert code == 2
    assert "README.md" in error
    assert (model / "README.md").read_bytes() == MINE


def test_an_export_goes_over_its_own_card_only(tmp_path, capsys):
    out = tmp_path / "graph"
    out.mkdir()
    (out / "config.json").write_text('{"detector": "exported"}')
    export = ("export", tmp_path / "gone", "--out", out)
    for thing in (a_file, a_pipe, a_folder):
        thing(out / "README.md")
        before = tree(tmp_path)
        code, error = told(hub, *export, capsys=capsys)
        assert code == 2
        assert error.count("\n") == 1 and "README.md" in error
        assert tree(tmp_path) == before
        (out / "README.md").rename(tmp_path / thing.__name__)
    (out / "README.md").write_text("# m as a graph\n\nfingerprint of the model 0123456789ab\n")
    assert "gone" in told(hub, *export, capsys=capsys)[1]  # it came as far as that


@contextlib.contextmanager
def a_disk_of(most_bytes):
    """No file can be longer, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def normals(tmp_path):
    folder = tmp_path / "normals"
    folder.mkdir()
    for index, image in enumerate(make_data(normals=60, per_kind=0).test.images):
        Image.fromarray(image).save(folder / f"{index:02d}.png")
    return folder


@pytest.fixture
def films(tmp_path):
    for index in range(12):
        trees.film(tmp_path / f"films/train/normal/{index}.png")
    trees.film(tmp_path / "films/test/normal/n.png")
    trees.film(tmp_path / "films/test/mass/m.png")
    return tmp_path / "films"


FULL = {
    "recalibrate": (recalibrate, "--model {model} --normals {normals} --out {at}/m", "m"),
    "examine": (examine, "--model {model} --normals {normals} --out {at}/e.json", "e.json"),
    "evaluate": (
        evaluate, "--model {model} --dataset folder --data-root {films} --image-size 32 --fit squash "
        "--out {at}/r.json", "png"),
    "data check": (
        data_command, "check --dataset folder --data-root {films} --out {at}", "contact_sheet.png"),
    "synth preview": (synth, "preview --columns 1 --out {at}/p.png", "p.png"),
    "synth generate": (
        synth, "generate --train 2 --val 0 --test-normal 1 --test-per-kind 1 --out {at}/set", "set"),
}  # fmt: skip


@pytest.mark.parametrize("way", FULL)
def test_a_full_disk_names_the_file_and_leaves_no_draft(
    way, model, normals, films, tmp_path, capsys
):
    main, words, name = FULL[way]
    at = tmp_path / "at"
    at.mkdir()
    (at / "mine.txt").write_bytes(MINE)
    places = {"model": model, "normals": normals, "films": films, "at": at}
    asked = words.format(**places).split()
    with a_disk_of(60):
        code, error = told(main, *asked, capsys=capsys)
    assert code == 2
    assert error.count("\n") == 1
    assert name in error
    assert (at / "mine.txt").read_bytes() == MINE
    left = {path.name for path in at.iterdir()}
    assert not {name for name in left if name.startswith(".") and name != ".simsid.json"}


def test_a_model_that_cannot_be_written_leaves_the_former_one(data, model):
    before = tree(model)
    with a_disk_of(60), pytest.raises((SimsidError, OSError)):
        save_model(make_detector(data), model)
    assert tree(model) == before
    assert load_model(model).name == "mean-image"


def test_a_checkpoint_that_cannot_be_written_leaves_the_former_one(tmp_path):
    file = tmp_path / "checkpoint.pt"
    save_checkpoint(file, {"step": 1, "values": np.zeros(4)})
    before = file.read_bytes()
    with a_disk_of(60), pytest.raises(SimsidError, match=r"checkpoint\.pt"):
        save_checkpoint(file, {"step": 2, "values": np.zeros(400)})
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]
