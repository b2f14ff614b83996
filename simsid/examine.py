"""``python -m simsid.examine``: what a model sees and what it does not, from normal films alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Literal

import numpy as np
from jsonargparse import ArgumentParser

from simsid.cli import command_parser, parse, run_command
from simsid.data.class_folders import refuse_class_folders
from simsid.data.find import find_images, why_none
from simsid.data.options import add_skip_unreadable, naming_unreadable
from simsid.data.own_files import without_own
from simsid.detectors.no_model import require_model
from simsid.detectors.unusual_words import unusual_in_words
from simsid.device import pick_device
from simsid.errors import SimsidError
from simsid.examination import LEAST
from simsid.files import path_text, write_text
from simsid.scoring.table import is_score_table


def make_parser() -> ArgumentParser:
    parser = command_parser(
        "python -m simsid.examine",
        "Make anomalies from normal films, and say which of them a model's scores see. "
        f"At least {LEAST} normal films that were not trained on.",
        example="--model bundled:chest --normals films/normal",
    )
    add = parser.add_argument
    add("--model", type=path_text, required=True, help="run folder, model folder or bundled:NAME")
    add("--normals", type=path_text, required=True, help="folder of normal films")
    add("--out", type=path_text, default=None, help="new JSON file for the numbers")
    add("--seed", type=int, default=0, help="of places and kinds of the anomalies")
    add_skip_unreadable(parser)
    add("--device", type=Literal["auto", "cpu", "cuda"], default="auto", help="where to score")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code.

    Raises:
        SimsidError, OSError: nothing was written; for ``run_command`` to print.
    """
    options = parse(make_parser(), arguments)
    out = None if options.out is None else Path(options.out)
    if out is not None and out.exists():
        raise SimsidError(f"--out {out} exists already: choose a new name")
    source = Path(options.normals)
    if source.is_file() and source.stat().st_size and is_score_table(source):
        raise SimsidError(f"{source} is a score table: name a folder of normal films")
    files = without_own(find_images([options.normals]))
    if not any(file.exists() for file in files):
        raise SimsidError(why_none([options.normals]))
    refuse_class_folders(source, files)
    require_model(options.model)

    from simsid.detectors import load_model  # torch takes seconds, a refusal none
    from simsid.detectors.unusual_before import above_before, unusual_before
    from simsid.examination.default_score import findings_of
    from simsid.examination.examine import examine
    from simsid.examination.table import GIVEN, to_text
    from simsid.scoring.normals import read_normals, too_few_told

    detector = load_model(options.model, pick_device(options.device))
    with naming_unreadable():
        normals = read_normals(detector, files, LEAST, options.skip_unreadable)
    images = normals.images
    for line in normals.told:
        print(line)
    examination = examine(detector, np.stack(images), options.seed) if images else None
    if examination is None:
        raise SimsidError(too_few_told(options.normals, normals, LEAST, "to make anomalies from"))
    print(to_text(examination, GIVEN))
    for line in normals.left_out_told():
        print(line)
    for told in findings_of(examination):
        print(told)
    batch = detector.as_batch(np.stack(images))
    unusual = unusual_before(detector.calibration, above_before(detector, batch))
    if unusual:
        follows = (
            "with abnormal films among the normals, made ones seem harder to tell than they are"
        )
        told = unusual_in_words(unusual, "lie above the model's threshold", follows)
        print(f"warning: {told}", file=sys.stderr)
    if out is not None:
        write_text(out, json.dumps(examination.to_json(), indent=1, allow_nan=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
