"""What is wrong with a command line is told before torch is imported, which takes seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

WAYS = {
    "a missing film": ("simsid.score", "gone --model bundled:chest --out s.csv", "gone does not exist"),
    "a missing model": ("simsid.score", "a.png --model nope --out s.csv", "no model folder at nope"),
    "no such bundled model": (
        "simsid.score", "a.png --model bundled:chets --out s.csv", "did you mean bundled:chest"),
    "a model of shards": (
        "simsid.score", "a.png --model nope --out s --shard-rows 5", "no model folder at nope"),
    "somebody's table": ("simsid.score", "a.png --model nope --out a.png", "is not a score table"),
    "a wrong option": ("simsid.score", "a.png --model nope --outt s.csv", "--outt"),
    "missing normals": ("simsid.recalibrate", "--model nope --normals gone --out m", "gone does not exist"),
    "a rate": (
        "simsid.recalibrate", "--model nope --normals gone --out m --false-alarm-rate 5", "between 0 and 1"),
    "no model to recalibrate": (
        "simsid.recalibrate", "--model nope --normals a.png --out m", "no model folder at nope"),
    "no model to examine": ("simsid.examine", "--model nope --normals a.png", "no model folder at nope"),
    "no model to evaluate": ("simsid.evaluate", "--model nope --out r.json", "no model folder at nope"),
    "a name of a report": ("simsid.evaluate", "--model nope --out r.txt", "must name a .json file"),
    "a missing table": ("simsid.review", "gone.csv", "gone.csv"),
    "a missing data set": (
        "simsid.data.__main__", "check --dataset folder --data-root gone --out c", "no folder at gone"),
    "a wrong hub option": ("hub.__main__", "export", "please give MODEL"),
}  # fmt: skip
CHILD = """
import contextlib, importlib, io, json, sys
from simsid.cli import run_command
for name, (module, words, _) in json.load(sys.stdin).items():
    with contextlib.redirect_stderr(io.StringIO()) as told:
        code = run_command(lambda: importlib.import_module(module).main(words.split()))
    print(json.dumps([name, code, told.getvalue(), "torch" in sys.modules]))
"""


def test_no_refusal_waits_for_torch(tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    child = subprocess.run(
        [sys.executable, "-c", CHILD], input=json.dumps(WAYS), capture_output=True, text=True,
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, timeout=120, check=True,
    )  # fmt: skip
    answers = [json.loads(line) for line in child.stdout.splitlines()]
    assert [name for name, *_ in answers] == list(WAYS)
    for name, code, told, has_torch in answers:
        assert code == 2 and WAYS[name][2] in told, (name, told)
        assert not has_torch, name
