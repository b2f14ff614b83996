"""Checking a data set on disk against its manifest, file by file and pixel by pixel."""

from pathlib import Path

from synth.encode import Decoded, pixel_digest
from synth.generate import Progress
from synth.layouts import LAYOUTS
from synth.manifest import (
    MANIFEST,
    MARKER,
    file_digest,
    list_files,
    read_manifest,
    whole_digest,
)


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
    present = list_files(root)
    problems = [f"{MARKER}: the data set is still being written, or its run was killed"]
    if MARKER not in present:
        problems = []
    problems += [f"{name}: missing" for name in expected if name not in set(present)]
    for name in present:
        if name in (MANIFEST, MARKER):
            continue
        if name not in expected:
            problems.append(f"{name}: extra file, not in {MANIFEST}")
        elif file_digest(root / name) != expected[name]:
            problems.append(f"{name}: changed")
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
