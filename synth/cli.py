"""The command line: generate, verify, preview and medmix."""

import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from synth.anatomy import DigitAnatomy
from synth.arguments import anatomy_of, parse
from synth.errors import SynthError
from synth.generate import generate
from synth.manifest import MANIFEST, SHEET
from synth.medmix_set import MedMixSet, generate_medmix
from synth.plan import DatasetConfig
from synth.preview import check_replaceable, contact_sheet, save_sheet
from synth.tracks import track_sets
from synth.verify import verify

_SHOWN = 20
_Sample = TypeVar("_Sample")


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: without the program's name; None takes those of the process.

    Returns:
        The exit status: 0 done, 1 not verified, 2 an error, 130 Ctrl-C.
    """

    def work() -> int:
        options = parse(arguments, _generate, _verify, _preview, _medmix)
        return options.run(options)

    return run_command(work)


def run_command(work: Callable[[], int]) -> int:
    """Its exit status; of an error 2, and one line on standard error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # what a terminal cannot show is printed as an escape
            stream.reconfigure(errors="backslashreplace")
    try:
        return work()
    except SynthError as error:
        return _fail(str(error))
    except OSError as error:
        named = f"{error.filename}: " if error.filename else ""
        return _fail(f"{named}{error.strerror or error}")
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _fail(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 2


def _generate(options: Namespace) -> int:
    if options.track is not None:
        for name, config in track_sets(options.track, options.layout, options.digits_root).items():
            _write(options.out / name, config, options.overwrite, options.workers)
        return 0
    anatomy = anatomy_of(options)
    kinds = options.kinds
    if kinds is None:
        shown = DigitAnatomy(anatomy)
        kinds = shown.kinds[1:]
        for kind in shown.families:
            if reason := shown.obstacle(kind):
                print(f"note: without {kind} images: {reason}", file=sys.stderr)
    config = DatasetConfig(
        anatomy, options.train, options.val, options.test_normal, options.test_per_kind,
        tuple(kinds), options.layout,
    )  # fmt: skip
    _write(options.out, config, options.overwrite, options.workers)
    return 0


def _write(out: Path, config: DatasetConfig, overwrite: bool, workers: int) -> None:
    manifest = generate(out, config, overwrite, workers, _progress)
    print(f"{len(manifest['samples'])} images in {out} ({config.layout}); see {out / SHEET}")
    print(f"pixels sha256 {manifest['pixels_sha256']}")


def _verify(options: Namespace) -> int:
    root = options.folder
    if not root.is_dir():
        raise SynthError(f"{root}: no such folder; check the path")
    try:
        problems = verify(root, _progress)
    except SynthError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for problem in problems[:_SHOWN]:
        print(problem)
    if len(problems) > _SHOWN:
        print(f"... and {len(problems) - _SHOWN} more")
    print(f"{root}: {'does NOT match' if problems else 'matches'} its {MANIFEST}")
    return 1 if problems else 0


def _preview(options: Namespace) -> int:
    if not 1 <= options.columns <= 50:
        raise SynthError(f"columns must be from 1 to 50, got {options.columns}")
    check_replaceable(options.out, options.overwrite)
    sheet = contact_sheet(DigitAnatomy(anatomy_of(options)), options.columns, options.split)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    try:
        save_sheet(sheet, options.out)
    except ValueError as error:
        raise SynthError(f"{options.out} is not the name of a picture; end it in .png") from error
    print(f"{options.out}: {sheet.width} x {sheet.height} pixels")
    return 0


def _medmix(options: Namespace) -> int:
    config = MedMixSet(
        options.films, options.train, options.normal_share, options.seed, options.layout
    )
    manifest = generate_medmix(options.out, config, options.overwrite, _progress)
    samples = manifest["samples"]
    abnormal = sum(sample["label"] for sample in samples)
    print(f"{len(samples)} films in {options.out} ({options.layout}), {abnormal} with lesions")
    print(f"pixels sha256 {manifest['pixels_sha256']}")
    return 0


def _progress(samples: Iterator[_Sample], total: int) -> Iterable[_Sample]:
    """Show a bar on a terminal, and nothing in a log; without tqdm do without."""
    try:
        from tqdm import tqdm
    except ImportError:
        return samples
    return tqdm(samples, total=total, unit="image", disable=None, leave=False)
