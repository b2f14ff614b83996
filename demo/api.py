"""Named endpoints for programs; pictures are base64 PNG inside the answer, nothing is left behind."""

from __future__ import annotations

import base64
from typing import Any

import gradio as gr
import numpy as np

from demo.components import guarded
from demo.digits import ORDER, build
from demo.inference import FilmResult, Inference, refusal
from demo.pictures import png_bytes
from demo.privacy import MAX_FILES, UploadFolder
from demo.words import SCORED
from simsid.errors import ImageError
from simsid.map_scale import overlay

_LIMIT = {"concurrency_limit": 2, "concurrency_id": "scoring"}


def add_endpoints(inference: Inference, uploads: UploadFolder) -> None:
    """Register ``/score``, ``/score_batch``, ``/generate`` and ``/explain``."""
    default = inference.models()[0]

    def read(file: Any, model: str) -> FilmResult:
        try:
            data = uploads.take(_path(file))
        except ImageError as error:
            return refusal(error)
        return inference.score_bytes(data, model)

    def score(file: dict, model: str = default) -> dict:
        """Score one film. Higher = more abnormal.

        Args:
            file: a film as ``gradio_client.handle_file`` gives it.
            model: one of the page's models.

        Returns:
            status ('ok' or a reason code), message, score, percentile, p_value, verdict,
            false_alarm_rate, num_normals, regions (rows of scores), map_png (film under its map).
        """
        return _as_json(read(file, model), inference)

    def score_batch(files: list, model: str = default) -> list:
        """Score up to 64 films; the answers of ``/score``, in the same order, without maps."""
        if not isinstance(files, list) or len(files) > MAX_FILES:
            raise gr.Error(f"files must be a list of at most {MAX_FILES}", print_exception=False)
        return [_as_json(read(file, model), None) for file in files]

    def generate(
        kind: str = "normal",
        difficulty: float = 0.0,
        seed: int = 0,
        index: int = 0,
        digits: str = ORDER,
    ) -> dict:
        """Make one DigitAnatomy image with its truth.

        Args:
            kind: normal, novel, missing, disordered or flipped.
            difficulty: 0 blatant to 1 subtle.
            seed: of the anatomy.
            index: of the image: the same seed and index give the same pixels.
            digits: nine digits in reading order; 123456789 is normal.

        Returns:
            image_png and mask_png (base64), changed (sentences on what is not as it should be).
        """
        anatomy = build(kind, difficulty, seed, tuple(digits), index)
        mask = anatomy.mask.astype(np.uint8) * np.uint8(255)
        return {
            "image_png": _base64(anatomy.image),
            "mask_png": _base64(mask),
            "changed": list(anatomy.changed),
        }

    def explain(file: dict, row: int, col: int, model: str = default) -> dict:
        """Why a region of a film scored as it did.

        Args:
            file: a film as ``gradio_client.handle_file`` gives it.
            row: of the region, from 0.
            col: of the region, from 0.
            model: one of the page's models.

        Returns:
            status, message, region_score, patch_png, inpainted_png, slots (indices), weights and
            slot_pngs of the remembered normal patterns it was rebuilt from, strongest first.
        """
        result = read(file, model)
        if result.status != SCORED:
            return {"status": result.status, "message": result.message}
        rows, cols = result.regions.shape
        if not (0 <= row < rows and 0 <= col < cols):
            raise gr.Error(f"the grid has {rows} rows and {cols} columns", print_exception=False)
        why = inference.explain(result.film, int(row), int(col))
        pictures = [] if why.slot_images is None else why.slot_images
        return {
            "status": result.status,
            "message": result.message,
            "region_score": float(result.regions[row, col]),
            "patch_png": _base64(why.patch),
            "inpainted_png": None if why.inpainted is None else _base64(why.inpainted),
            "slots": [int(slot) for slot in why.slots],
            "weights": [float(weight) for weight in why.weights],
            "slot_pngs": [_base64(picture) for picture in pictures],
        }

    for endpoint in (score, score_batch, generate, explain):
        gr.api(guarded(endpoint), api_name=endpoint.__name__, **_LIMIT)


def _as_json(result: FilmResult, inference: Inference | None) -> dict:
    names = ("status", "message", "score", "percentile", "p_value", "verdict")
    answer = {name: getattr(result, name) for name in (*names, "false_alarm_rate", "num_normals")}
    answer["regions"] = None if result.regions is None else result.regions.tolist()
    if inference is not None and result.status == SCORED:
        film, scale = result.film, inference.scale(result.film.model)
        answer["map_png"] = _base64(overlay(film.image, result.anomaly_map, scale))
    return answer


def _path(file: Any) -> object:
    return file.get("path") if isinstance(file, dict) else file


def _base64(picture: np.ndarray) -> str:
    return base64.b64encode(png_bytes(picture)).decode("ascii")
