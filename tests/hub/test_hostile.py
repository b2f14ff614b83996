"""Model folders made to harm: each is refused in one sentence, fast, with nothing run or read."""

import json
import os
import pickle
import struct
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import hub
from simsid.errors import SimsidError

WEIGHTS, CONFIG, CALIBRATION = "model.safetensors", "config.json", "calibration.json"
SECRET = "the-secret-of-another-folder"


class _Bomb:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return (os.mkdir, (self.marker,))


def _setting(key, value):
    def spoil(folder):
        described = json.loads((folder / CONFIG).read_text())
        described["config"][key] = value
        (folder / CONFIG).write_text(json.dumps(described))

    return spoil


def _stated(file, **changes):
    def spoil(folder):
        content = json.loads((folder / file).read_text()) | changes
        (folder / file).write_text(json.dumps(content))

    return spoil


def _text(file, content):
    return lambda folder: (folder / file).write_bytes(content)


def _long(start, item, count, end):
    """Scores, written when they are wanted: they are as large as a file may be, and larger."""
    return lambda folder: (folder / CALIBRATION).write_bytes(start + item * count + end)


def _link(file, target):
    def spoil(folder):
        (folder / file).unlink(missing_ok=True)
        (folder / file).symlink_to(target(folder))

    return spoil


def _header(change):
    """Rewrite the header of the weights, whose values stay where they are."""

    def spoil(folder):
        content = (folder / WEIGHTS).read_bytes()
        length = struct.unpack("<Q", content[:8])[0]
        header = json.loads(content[8 : 8 + length])
        text = change(header)
        text = json.dumps(header).encode() if text is None else text
        packed = struct.pack("<Q", len(text)) + text + content[8 + length :]
        (folder / WEIGHTS).write_bytes(packed)

    return spoil


def _tensor(**changes):
    return _header(lambda header: header["region_mean"].update(changes))


def _weights(change):
    def spoil(folder):
        weights = load_file(folder / WEIGHTS)
        change(weights)
        save_file(weights, folder / WEIGHTS)

    return spoil


def _pickled(name):
    return lambda folder: (folder / name).write_bytes(
        pickle.dumps(_Bomb(str(folder.parent / "ran")))
    )


def _swapped(header):
    one, two = header["region_mean"], header["region_std"]
    one["data_offsets"] = list(two["data_offsets"])  # two tensors in one place


def _fifo(folder):
    (folder / CONFIG).unlink()
    os.mkfifo(folder / CONFIG)


def _directory(folder):
    (folder / CALIBRATION).unlink()
    (folder / CALIBRATION).mkdir()


def _sparse(folder):
    with (folder / WEIGHTS).open("r+b") as file:
        file.truncate(2 << 30)


def _many(folder):
    for index in range(100):
        (folder / f"{index}.txt").touch()


def _secret(folder):
    return folder.parent / "secret.json"


HOSTILE = {
    "config linked to a file outside": _link(CONFIG, _secret),
    "weights linked to a device": _link(WEIGHTS, lambda _: "/dev/zero"),
    "calibration linked in a circle": _link(CALIBRATION, lambda _: CALIBRATION),
    "calibration linked upwards": _link(CALIBRATION, lambda _: "../secret.json"),
    "an unknown link": _link("notes.txt", _secret),
    "sums linked outside": _link("SHA256SUMS", _secret),
    "card linked outside": _link("README.md", _secret),
    "sums that name a path outside": _text("SHA256SUMS", b"0" * 64 + b"  ../secret.json\n"),
    "sums of other files": _text("SHA256SUMS", b"0" * 64 + b"  config.json\n"),
    "sums without end": _text("SHA256SUMS", (b"0" * 64 + b"  x\n") * 10_000),
    "a pipe for a config": _fifo,
    "a folder for a calibration": _directory,
    "a hundred files": _many,
    "a pickle beside the weights": _pickled("pytorch_model.bin"),
    "a checkpoint beside the weights": _pickled("checkpoint.PT"),
    "a pickle named as weights": _pickled(WEIGHTS),
    "a script": _text("modeling.py", b"import os; os.mkdir('ran')"),
    "two gigabytes of weights": _sparse,
    "a header longer than the file": _text(WEIGHTS, struct.pack("<Q", 1 << 60) + b"{}"),
    "a header of 4 MiB": _header(lambda header: b" " * (4 << 20)),
    "no header": _text(WEIGHTS, b"\x01"),
    "an empty file": _text(WEIGHTS, b""),
    "a nested header": _header(lambda header: b"[" * 100_000),
    "a header that is a list": _header(lambda header: b"[1, 2]"),
    "a name twice": _header(lambda header: b'{"a": {}, "a": {}}'),
    "overlapping tensors": _header(_swapped),
    "offsets beyond the file": _tensor(data_offsets=[1 << 30, (1 << 30) + 180]),
    "offsets below zero": _tensor(data_offsets=[-180, 0]),
    "offsets that are texts": _tensor(data_offsets=["0", "180"]),
    "a giant shape": _tensor(shape=[1 << 39, 1 << 39]),
    "a negative shape": _tensor(shape=[-5, -9]),
    "a hundred axes": _tensor(shape=[1] * 100),
    "a type that there is not": _tensor(dtype="PICKLE"),
    "doubles": _weights(lambda w: w.update(region_mean=w["region_mean"].double())),
    "whole numbers": _weights(lambda w: w.update(region_mean=w["region_mean"].int())),
    "not a number": _weights(lambda w: w["region_mean"].fill_(float("nan"))),
    "infinite": _weights(lambda w: w["region_std"].fill_(float("inf"))),
    "a missing tensor": _weights(lambda w: w.pop("region_mean")),
    "an extra tensor": _weights(lambda w: w.update({"../x": torch.zeros(1)})),
    "another shape": _weights(lambda w: w.update(region_mean=torch.zeros(1, 1))),
    "a nested config": _text(CONFIG, b'{"a":' * 50_000),
    "a large config": _text(CONFIG, b" " * (2 << 20)),
    "a config that is a list": _text(CONFIG, b"[]"),
    "a config that is no text": _text(CONFIG, b"\xff\xfe\x00"),
    "a number of a million digits": _text(CONFIG, b'{"format_version": ' + b"9" * 900_000 + b"}"),
    "a newer format": _stated(CONFIG, format_version=99),
    "another detector": _stated(CONFIG, detector="os.system"),
    "a detector that is a list": _stated(CONFIG, detector=["simsid"]),
    "settings that are a text": _stated(CONFIG, config="x"),
    "no preprocessing": _stated(CONFIG, preprocessing=None),
    "other images": _stated(CONFIG, image={"height": 10**9}),
    "a setting too many": _setting("__class__", "x"),
    "a billion channels": _setting("channels", [10**9, 10**9, 10**9]),
    "many channels": _setting("channels", [65536, 65536, 65536]),
    "a million levels": _setting("channels", [8] * 1_000_000),
    "a billion slots": _setting("num_slots", 10**9),
    "many slots that only training has": _setting("signature_slots", 65536),
    "a billion layers": _setting("convs_per_level", 10**9),
    "a giant image": _setting("image_size", [10**9, 10**9]),
    "a giant grid": _setting("grid_size", [96, 96]),
    "a negative size": _setting("slot_dim", -1),
    "a size of zero": _setting("slot_dim", 0),
    "a size that is true": _setting("slot_dim", True),
    "an infinite scale": _setting("read_scale", float("inf")),
    "scores that are texts": _stated(CALIBRATION, scores={"fused": ["a"]}),
    "scores that are missing": _stated(CALIBRATION, scores={}),
    "scores without end": _long(b"[", b"[],", 12_000_000, b"[]]"),
    "more lists than there are normals": _long(b"[", b"[],", 10_000_000, b"[]]"),
    "more texts than there are normals": _long(b"[", b'"ab",', 6_000_000, b"0]"),
    "as many texts as there may be": _long(b"[", b'"0123456789abcdef",', 1_400_000, b"0]"),
    "scores that are lists": _long(b'{"scores":[', b"[],", 600_000, b"[]]}"),
    "a rate above one": _stated(CALIBRATION, false_alarm_rate=7),
}


def _kib(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1])


@pytest.fixture(scope="module", autouse=True)
def _warm():
    hub.load("bundled:digitanatomy")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_folder_is_refused_in_one_sentence_fast_and_small(folder, name):
    (folder.parent / "secret.json").write_text(json.dumps({"format_version": SECRET}))
    HOSTILE[name](folder)
    measured = Path("/proc/self/clear_refs").exists()
    if measured:
        Path("/proc/self/clear_refs").write_text("5")  # forget the highest use of memory so far
        before = _kib("VmRSS")
    started = time.process_time()  # of this process: other work on the machine does not count
    with pytest.raises(SimsidError) as refused:
        hub.load(folder)
    assert time.process_time() - started < 20  # not a measure: some would take hours
    if measured:
        assert _kib("VmHWM") - before < 200 * 1024
    message = str(refused.value)
    assert "\n" not in message and len(message) < 600
    assert SECRET not in message
    assert not (folder.parent / "ran").exists() and not Path("ran").exists()


def test_the_folder_that_these_are_made_from_opens(folder):
    assert hub.load(folder).name == "simsid"


def test_links_of_the_hub_cache_are_followed_and_no_others(folder, tmp_path):
    repository = tmp_path / "cache" / "models--me--digits"
    snapshot, blobs = repository / "snapshots" / "abc", repository / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for index, file in enumerate((WEIGHTS, CONFIG, CALIBRATION)):
        (folder / file).rename(blobs / str(index))
        (snapshot / file).symlink_to(f"../../blobs/{index}")
    assert hub.load(snapshot).name == "simsid"
    (blobs / "1").rename(tmp_path / "elsewhere")
    (snapshot / CONFIG).unlink()
    (snapshot / CONFIG).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SimsidError, match="link out of the model folder"):
        hub.load(snapshot)
