"""``python -m simsid.evaluate``: a model on a labelled part of a data set, as a report."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from jsonargparse import ArgumentParser
from tqdm import tqdm

from simsid.cli import command_parser, parse, run_command
from simsid.data.options import add_data_options, data_choice, load_choice, tell_films
from simsid.detectors.model_place import files_of, model_folder_of
from simsid.detectors.no_model import require_model
from simsid.device import pick_device
from simsid.errors import SimsidError
from simsid.evaluation.report_files import PARTS, check_report
from simsid.files import path_text
from simsid.outputs import check_no_input


def make_parser() -> ArgumentParser:
    parser = command_parser(
        "python -m simsid.evaluate",
        "Evaluate a model on a labelled part of a data set, and write a report.",
    )
    add = parser.add_argument
    add("--model", type=path_text, required=True, help="run folder, model folder or bundled:NAME")
    add_data_options(parser)
    add("--part", type=Literal[PARTS] | None, default=None,
        help="labelled part to measure on; default: test when there is one, else validation")  # fmt: skip
    add("--device", type=Literal["auto", "cpu", "cuda"], default="auto", help="where to score")
    add("--card", action="store_true", help="write the model card with these numbers as well")
    add("--out", type=path_text, required=True,
        help="name.json; name.md, name.html and figures/ are written beside it")  # fmt: skip
    add("--overwrite", action="store_true", help="write over files that no earlier report left")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code.

    Raises:
        SimsidError, OSError: for ``run_command`` to print.
    """
    options = parse(make_parser(), arguments)
    out = _json_path(options.out)
    for ending in (".json", ".md", ".html"):
        check_no_input(out.with_suffix(ending), "--out", files_of(options.model))
    if not options.overwrite:
        check_report(out.parent, "--out", out.stem)
    require_model(options.model)

    from simsid.detectors import load_model  # torch takes seconds, a refusal none
    from simsid.evaluation.card import check_card
    from simsid.evaluation.report import report_on
    from simsid.training.run_folder import run_folder_around

    if options.card and not options.overwrite:
        check_card(model_folder_of(options.model))
    detector = load_model(options.model, pick_device(options.device))
    data = load_choice(data_choice(options.as_dict()), detector.preprocessing)
    tell_films(data, print)
    run = run_folder_around(options.model)
    typed = sys.argv[1:] if arguments is None else arguments
    summary = report_on(
        detector,
        data,
        out.parent,
        metrics_file=run.metrics if run else None,
        model_folder=model_folder_of(options.model) if options.card else None,
        command=shlex.join(["python", "-m", "simsid.evaluate", *typed]),
        progress=_progress,
        name=out.stem,
        part=options.part,
    )
    print(summary)
    return 0


def _json_path(text: str) -> Path:
    path = Path(text)
    if path.suffix != ".json" or path.is_dir():
        raise SimsidError(f"--out must name a .json file, not {text}")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _progress(batches: Iterable[Any], total: int) -> Iterable[Any]:
    return tqdm(batches, total=total, desc="scoring", unit="batch", disable=None, leave=False)


if __name__ == "__main__":
    sys.exit(run_command(main))
