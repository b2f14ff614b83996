"""Checking a data set on disk against its manifest, file by file and pixel by pixel."""

from pathlib import Path

from synth.encode import Decoded, pixel_digest
from synth.generate import Progress
from synth.layouts import LAYOUTS
from synth.manifest import (
    MANIFEST,
    MARKER,
    file_digest,
    read_manifest,
    whole_digest,
)
from synth.walk import files_below, identities


def verify(root: Path, progress: Progress = lambda samples, total: samples) -> list[str]:
    """Compare every file and every pixel of a data set with its manifest.

    Args:
        root: the data set's folder.
        progress: wraps the iterator of samples, given their number.

    Returns:
        What is wrong, one line each; an empty list if nothing is.

    Raises:
        SynthError: the folder has no manifest of this package.
    """
    manifest = read_manifest(root)
    try:
        problems = _check_files(root, manifest["files"])
        problems += _check_pixels(root, manifest, progress)
    except (KeyError, TypeError, AttributeError) as error:
        return [f"{MANIFEST}: damaged ({type(error).__name__}: {error})"]
    return problems


def _check_files(root: Path, expected: dict[str, str]) -> list[str]:
    present = {path.relative_to(root).as_posix(): path for path in files_below(root, True)}
    problems = []
    if MARKER in present:
        problems = [f"{MARKER}: the data set is still being written, or its run was killed"]
    own = {name: root / name for name in expected if (root / name).is_file()}
    problems += [f"{name}: missing" for name in expected if name not in own]
    problems += [
        f"{name}: changed" for name, path in own.items() if file_digest(path) != expected[name]
    ]
    counted = {identity for identity, _ in identities(own.values(), True)}
    for name, path in present.items():
        if name in (MANIFEST, MARKER) or name in own:
            continue
        if (
            next(identities([path], True))[0] not in counted
        ):  # another path to a file counts with it
            problems.append(f"{name}: extra file, not in {MANIFEST}")
    return problems


def _check_pixels(root: Path, manifest: dict, progress: Progress) -> list[str]:
    records = {record["id"]: record for record in manifest["samples"]}
    problems = []
    if whole_digest(manifest["samples"]) != manifest["pixels_sha256"]:
        problems.append(f"{MANIFEST}: its sample digests do not add up to pixels_sha256")
    seen = set()
    samples = LAYOUTS[manifest["parameters"]["layout"]].read(root)
    try:
        for sample in progress(samples, len(records)):
            seen.add(sample.id)
            if sample.id not in records:
                problems.append(f"{sample.id}: extra sample, not in {MANIFEST}")
            else:
                problems += _compare(sample, records[sample.id])
    except (OSError, ValueError) as error:
        return [*problems, f"reading stopped after {len(seen)} samples: {error}"]
    return problems + [f"{name}: sample missing" for name in records if name not in seen]


def _compare(sample: Decoded, record: dict) -> list[str]:
    problems = []
    if pixel_digest(sample.image) != record["image_sha256"]:
        problems.append(f"{sample.id}: pixels of the image differ")
    if sample.mask is None:
        if record["label"]:
            problems.append(f"{sample.id}: has no mask")
    elif pixel_digest(sample.mask) != record["mask_sha256"]:
        problems.append(f"{sample.id}: pixels of the mask differ")
    return problems
