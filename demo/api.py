"""Named endpoints for programs, also as MCP tools. Pictures are base64 PNG inside the answer."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import gradio as gr
import numpy as np
from gradio.context import get_blocks_context

from demo.batch import batch_warning
from demo.components import guarded
from demo.digits import ORDER, build
from demo.docstrings import described
from demo.inference import Answer, Inference, refusal
from demo.kept import KeptFilm, majority
from demo.mechanism import reasons, reconstruction_counts, shares
from demo.pictures import png_bytes
from demo.privacy import MAX_FILE_BYTES, MAX_FILES, UploadFolder
from simsid.errors import ImageError
from simsid.map_scale import overlay
from simsid.scoring import BORDERLINE, RefusedFilm, ScoredFilm, basis
from simsid.scoring.verdicts import DEPRECATED

_LIMIT = {"concurrency_limit": 2, "concurrency_id": "scoring"}
_NO_FILM = "the file is neither a film in base64 nor an upload; addresses are never fetched"


def add_endpoints(inference: Inference, uploads: UploadFolder) -> None:
    """Register ``/score``, ``/score_batch``, ``/generate`` and ``/explain``."""

    def read(file: Any, model: str, judge_as: str = "") -> Answer:
        if not model:
            return by_film([file], judge_as)[0]
        try:
            data = film_bytes(file, uploads)
        except ImageError as error:
            return refusal(error)
        return inference.score_bytes(data, model, judge_as or None)

    def by_film(files: list, judge_as: str) -> list[Answer]:
        """By the model that most of the films belong to, as the page scores what is dropped."""
        films = [keep(file) for file in files]
        best = majority([inference.belongs_to(film) for film in films]) or inference.models()[0]
        return [inference.score_kept(film, best, population=judge_as or None) for film in films]

    def keep(file: Any) -> KeptFilm:
        try:
            return inference.keep_bytes(film_bytes(file, uploads))
        except ImageError as error:
            return KeptFilm(refused=RefusedFilm.because(error))

    def score(file: dict | str, model: str = "", judge_as: str = "") -> dict:
        """Score one film. Higher = more abnormal.

        Args:
            file: a film, uploaded as ``gradio_client.handle_file`` does; or as base64 or data URL,
                up to 64 MiB in a tool call and 700 kB over HTTP.
            model: one of the page's models; empty: the one that the film belongs to, as on the page.
            judge_as: whose normals judge the film, a population of the model such as 'zhanglab' of
                bundled:chest, where you know it; empty finds it from the film.

        Returns:
            status ('ok' or a reason code), message, model, commit (of a Hub's model), state
            ('nothing unusual found', 'borderline', 'unusual', 'another population: no verdict', 'not a
            film for this model', 'too few normals: no verdict'; null for a file that cannot be
            read), basis (sentences on what the state stands on), score, percentile, p_value,
            threshold, threshold_interval (where the threshold may lie: there a film is borderline),
            false_alarm_rate, rate_interval (where the true rate lies with 90 % confidence),
            num_normals, population, looks_like (which population the film looks most like),
            judged_as (the one that was chosen, else empty), found_share (of abnormal films, at this
            threshold; null where it was not measured), found_of (how many these were), diffuse (a
            sentence where no single place explains the score), regions (rows of scores), map_png
            (film under its map),
            and for one more version verdict (normal, abnormal, undecided or another population) and
            borderline: read state instead. A film of another population or out of place has no
            percentile and no p_value.
        """
        return _as_json(read(file, model, judge_as), True)

    def score_batch(files: list[dict | str], model: str = "", judge_as: str = "") -> list:
        """Score up to 64 films. Higher = more abnormal.

        Args:
            files: films, each as for ``/score``; one that was uploaded more than 45 seconds
                before the call is gone.
            model: one of the page's models; empty: the one that most films belong to, as on the page.
            judge_as: as for ``/score``, of all films.

        Returns:
            the answers of ``/score``, in the same order, without maps, each with batch_warning:
            what the films say together, where the stated rate does not hold for them.
        """
        if not isinstance(files, list) or len(files) > MAX_FILES:
            uploads.free(upload_paths(files))
            raise gr.Error(f"files must be a list of at most {MAX_FILES}", print_exception=False)
        if model:
            answers = [read(file, model, judge_as) for file in files]
        else:
            answers = by_film(files, judge_as)
        warning = batch_warning(answers, inference)
        return [_as_json(answer, False) | {"batch_warning": warning} for answer in answers]

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
            difficulty: From 0, blatant, to 1, subtle.
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

    def explain(file: dict | str, row: int, col: int, model: str = "") -> dict:
        """Why a region of a film scored as it did.

        Args:
            file: a film, uploaded as ``gradio_client.handle_file`` does; or as base64 or data URL,
                up to 64 MiB in a tool call and 700 kB over HTTP.
            row: of the region, counted from 0 at the top; bundled:chest has 0 to 3.
            col: of the region, counted from 0 at the left of the picture; bundled:chest has 0 to 3.
            model: one of the page's models; empty: the one that the film belongs to, as on the page.

        Returns:
            status, message, model, commit (of a Hub's model), score_parts (the parts that the
            model's default score is made of, with the share of each), score_from (the same in
            sentences), rebuilt_has_a_share (whether inpainted_png and the slots count in the score;
            false: they illustrate), region_score (by the default score), patch_png,
            inpainted_png, expected_png (as a normal film would have it, told from the film's
            other regions alone), slots (indices), weights and slot_pngs of the remembered normal
            patterns it was rebuilt from, strongest first.
        """
        answer = read(file, model)
        film = answer.film
        if isinstance(film, RefusedFilm):
            return {"status": answer.status, "message": answer.message}
        rows, cols = film.regions.shape
        if not (0 <= row < rows and 0 <= col < cols):
            raise gr.Error(
                f"row must be 0 to {rows - 1} and col 0 to {cols - 1}: regions count from 0 at the "
                f"top left, and the grid of {answer.model} has {rows} rows and {cols} columns",
                print_exception=False,
            )
        why = inference.explain(film.image, answer.model, int(row), int(col))
        detector = inference.detector(answer.model)
        pictures = () if why.slot_images is None else tuple(why.slot_images)
        return {
            "status": answer.status,
            "message": answer.message,
            "model": answer.model,
            "commit": answer.commit,
            "score_parts": shares(detector),
            "score_from": reasons(detector),
            "rebuilt_has_a_share": reconstruction_counts(detector),
            "region_score": float(film.regions[row, col]),
            "patch_png": _base64(why.patch),
            "inpainted_png": None if why.inpainted is None else _base64(why.inpainted),
            "expected_png": _base64(why.expected),
            "slots": [int(slot) for slot in why.slots],
            "weights": [float(weight) for weight in why.weights],
            "slot_pngs": [_base64(picture) for picture in pictures],
        }

    for endpoint in (score, score_batch, generate, explain):
        gr.api(guarded(endpoint), api_name=endpoint.__name__, **_LIMIT)
        _describe_arguments(endpoint)


def _describe_arguments(endpoint: Callable) -> None:
    """Put what the docstring says of each argument where 'Use via API' and clients show it."""
    page = get_blocks_context()
    texts = described(endpoint)[1].values()
    for added in page.fns.values() if page else ():
        if added.api_name == endpoint.__name__:
            for argument, text in zip(added.inputs, texts, strict=True):
                argument._api_info = argument._api_info | {"additional_description": text}


_OF_POPULATION = ("population", "looks_like", "judged_as")
_NUMBERS = (
    *("state", "basis", "score", "percentile", "p_value", "threshold", "threshold_interval"),
    *(
        "false_alarm_rate",
        "rate_interval",
        "num_normals",
        *_OF_POPULATION,
        "found_share",
        "found_of",
    ),
    *("diffuse", "regions", "verdict", "borderline"),
)


def _as_json(answer: Answer, pictures: bool) -> dict[str, Any]:
    film = answer.film
    said: dict[str, Any] = {"status": answer.status, "message": answer.message}
    said |= {"model": answer.model or None, "commit": answer.commit}
    said |= dict.fromkeys(_NUMBERS) | {"state": film.state or None, "deprecated": DEPRECATED}
    if not isinstance(film, ScoredFilm):
        return said
    same = ("score", "percentile", "p_value", "false_alarm_rate", "rate_interval", "num_normals")
    said |= {name: getattr(film, name) for name in (*same, *_OF_POPULATION, "diffuse")}
    said |= {"basis": basis(film), "regions": film.regions.tolist()}
    if np.isfinite(film.threshold):
        said |= {"threshold": film.threshold, "threshold_interval": film.threshold_interval}
    if film.found is not None:
        said |= {"found_share": film.found.share, "found_of": film.found.abnormals}
    said |= {"verdict": film.former_verdict, "borderline": film.state == BORDERLINE}
    if pictures:
        said["map_png"] = _base64(overlay(film.image, film.shown_map, film.scale))
    return said


def upload_paths(files: object) -> list[object]:
    """What may be paths of uploads in a list of films; nothing where it is none."""
    films = files if isinstance(files, list) else [files]
    return [film.get("path") if isinstance(film, dict) else film for film in films]


def film_bytes(file: Any, uploads: UploadFolder) -> bytes:
    """The bytes of a film that a program gives: an upload, which is deleted, or base64.

    An address is neither, and nothing is ever fetched.

    Raises:
        ImageError: missing, empty or too_large.
    """
    if isinstance(file, dict):
        return uploads.take(file.get("path"))
    if not isinstance(file, str):
        raise ImageError("missing", _NO_FILM)
    if file.startswith(str(uploads.path)):
        return uploads.take(file)
    text = file.partition(",")[2] if file.startswith("data:") else file
    if len(text) > -(-MAX_FILE_BYTES // 3) * 4:
        raise ImageError("too_large", f"the file is larger than {MAX_FILE_BYTES >> 20} MiB")
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise ImageError("missing", _NO_FILM) from None
    if not data:
        raise ImageError("empty", "the file is empty (0 bytes)")
    return data


def _base64(picture: np.ndarray) -> str:
    return base64.b64encode(png_bytes(picture)).decode("ascii")
