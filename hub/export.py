"""``python -m hub export``: a model as a graph, with the kit's checks beside it and a card."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from hub import open_verified
from hub.int8 import Int8Films, Int8Report, measure, read_films
from simsid.data.preprocess import Preprocessing
from simsid.detectors import Detector, save_model
from simsid.detectors.model_files import ModelFolder
from simsid.errors import SimsidError
from simsid.export.compare import UNEQUAL, Report, compare, made_normals, silent
from simsid.export.convert import write_onnx
from simsid.export.detector import ExportedDetector, is_exported
from simsid.export.engines import ENGINES, ONNX
from simsid.export.quantise import MOST, quantise
from simsid.files import write_text
from simsid.outputs import check_file, text_holds

_FINGERPRINT = "fingerprint of the model"  # what the card of an export says


@dataclass(frozen=True)
class Export:
    """What was measured of an export.

    Attributes:
        float32: the graph in float32 beside torch. int8: the one that was written beside it, where
            8 bits were asked for.
    """

    float32: Report
    int8: Int8Report | None = None

    def lines(self) -> list[str]:
        """As Markdown."""
        if self.int8 is None:
            return self.float32.lines()
        lines = self.int8.lines()
        return [
            "### In 8 bits: the graph that lies here",
            "",
            *lines,
            "",
            *self._float32_lines(),
        ]

    def screen_lines(self) -> list[str]:
        """The same for a terminal, where what stands last is read first."""
        if self.int8 is None:
            return self.float32.lines()
        told = [*self._float32_lines(), "", "### In 8 bits: the graph that was written", ""]
        return [*told, *self.int8.lines()]

    def _float32_lines(self) -> list[str]:
        heading = "### The graph in float32, from which it was made"
        return [heading, "", *self.float32.lines()]

    def warnings(self) -> list[str]:
        """What 8 bits cost, a line each."""
        return self.int8.warnings() if self.int8 else []


def export(
    model: str,
    engine: str,
    out: Path,
    int8: Int8Films | None = None,
    begin: Callable[[str], None] = silent,
) -> Export:
    """Write the folder; see ``docs/export.md`` for what is in it.

    Args:
        model: see ``hub.load``. engine: one of ``simsid.export.engines.ENGINES``.
        int8: films for networks in 8 bits; None keeps float32.
        begin: is told each stage in words, as it begins: together they may take minutes.

    Raises:
        SimsidError: something else lies at ``out``, a package is absent, films cannot be read, or
            the model cannot be exported; nothing was written.
        ModelFolderError, HubError: see ``hub.load``.
    """
    check_out(out)
    verified = open_verified(model)
    detector, kind = verified.detector, ENGINES[engine]
    if int8 is not None:
        begin("reading the films")
    films = None if int8 is None else read_films(detector, int8)
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        begin("writing the graph")
        write_onnx(detector, draft / ONNX)
        layers, rounded = 0, draft / "int8"
        if films is not None:
            rounded.mkdir()
            shutil.copyfile(draft / ONNX, rounded / ONNX)
            begin(f"quantising: ranges from {min(MOST, len(films.normals))} films")
            layers = quantise(rounded / ONNX, films.normals)
            kind.write(rounded / ONNX)
        kind.write(draft / ONNX)
        exported = ExportedDetector.of(detector, engine, draft / kind.file)
        size = _megabytes(draft, engine)
        weights = verified.sizes[ModelFolder(out).weights.name] / 1e6
        report = Export(compare(detector, exported, made_normals(detector), (weights, size), begin))
        _refuse_unequal(detector, report.float32)
        made = draft
        if films is not None:
            plain, made = exported, rounded
            exported = ExportedDetector.of(detector, engine, rounded / kind.file, "int8")
            sizes = (size, _megabytes(rounded, engine))
            int8_report = measure(detector, plain, exported, films, layers, sizes, begin)
            report = replace(report, int8=int8_report)
        save_model(exported, out)
        for name in {name for each in ENGINES.values() for name in each.files}:
            (out / name).unlink(missing_ok=True)  # the graph of another engine would stay beside it
        for name in kind.files:
            os.replace(made / name, out / name)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    write_text(ModelFolder(out).card, _card(model, detector, exported, kind.file, report))
    return report


def _megabytes(folder: Path, engine: str) -> float:
    return sum((folder / name).stat().st_size for name in ENGINES[engine].files) / 1e6


def _refuse_unequal(detector: Detector, report: Report) -> None:
    worst = max(report.default, key=lambda each: each.share)
    if worst.is_beyond(UNEQUAL):
        raise SimsidError(
            f"'{detector.name}' as a graph differs from torch by {worst.share:.2g} of the normals' "
            f"spread ({worst.output}), more than {UNEQUAL:g}: nothing was written; use the model itself"
        )


def check_out(out: Path) -> None:
    """Refuse to write where something else lies than an earlier export.

    Raises:
        SimsidError: it does.
    """
    if os.path.lexists(out) and not (out.is_dir() and (not any(out.iterdir()) or is_exported(out))):
        raise SimsidError(
            f"--out {out} exists and is no exported model: nothing was changed. Choose another --out"
        )
    card = ModelFolder(out).card
    check_file(card, "--out", "a card", lambda path: text_holds(path, _FINGERPRINT), pipes=False)


def _card(
    model: str, detector: Detector, exported: ExportedDetector, file: str, report: Export
) -> str:
    height, width = detector.image_size
    names = ", ".join(f"`{name}`" for name in detector.score_names[1:])
    bits = " in 8 bits" if report.int8 else ""
    lines = [
        f"# {model} as a graph{bits}",
        "",
        f"Detector `{detector.name}`, {_FINGERPRINT} {exported.config.model}. Research "
        "software, not a medical device.",
        "",
        "## Input and outputs",
        "",
        f"`{file}` takes `film`: (batch, 1, height, width) float32 in [0, 1], films of one size. "
        f"{before(detector.preprocessing)} Higher = more abnormal.",
        "",
        "| output | shape | |",
        "|---|---|---|",
        "| `score` | (batch,) | the default score |",
        f"| `regions` | (batch, {detector.grid_size[0]}, {detector.grid_size[1]}) | the same for "
        "each region |",
        f"| `map` | (batch, 1, {height}, {width}) | in standard deviations of normals |",
        "| `threshold`, `abnormal` | (batch,) | the score above which a film is unusual, and whether "
        "this one is |",
        "| `p_value`, `percentile` | (batch,) | among the calibration normals of its `population` |",
        *(
            [f"| `reconstruction` | (batch, 1, {height}, {width}) | the film as normals have it |"]
            if exported.config.rebuilds
            else []
        ),
        f"| `score_NAME`, `regions_NAME`, `map_NAME` | as above | of each other score: {names} |",
        "",
        "The graph does not say whether a film is one of the kind that the model was trained on: "
        f"`hub.load_exported` and `python -m simsid.score --engine {exported.config.engine}` do.",
        "",
        "## Equality and speed",
        "",
        *report.lines(),
    ]
    return "\n".join(lines) + "\n"


def before(preprocessing: Preprocessing) -> str:
    """What must be done to a decoded film before the graph takes it."""
    if preprocessing.clahe:
        return (
            "The model equalises films, which the graph cannot: give it films prepared by "
            "`Preprocessing.apply` of the kit."
        )
    if preprocessing.window is not None:
        low, high = preprocessing.window
        return (
            f"Stretch each film first, so that its {low:g} % and {high:g} % percentiles of grey "
            "become 0 and 1; the graph fits and resizes it."
        )
    return "Any size: the graph fits and resizes them."
