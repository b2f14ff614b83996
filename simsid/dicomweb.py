"""Films from a DICOMweb server, and results back to it: QIDO-RS, WADO-RS, STOW-RS.

Identifiers stay in the files that are fetched and stored: names here are running numbers, and no
message quotes what was asked or answered.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from simsid.data.decode.quiet import quiet_decoders
from simsid.data.own_files import RESEARCH_ONLY
from simsid.errors import SimsidError

AUTHORIZATION = "SIMSID_DICOMWEB_AUTHORIZATION"
_FILMS = ("CR", "DX", "RG", "")  # modalities of radiographs, and a series that does not say
_STUDY, _SERIES, _INSTANCE = "0020000D", "0020000E", "00080018"
_MODALITY, _DESCRIPTION = "00080060", "0008103E"
_AS_STORED = (("application/dicom", "*"),)
_SECONDS = 60.0  # for an answer to begin
_IN_VAIN = 3  # answers in a row that a server does not give, after which no more is sent
_LISTED = 20
_MORE = ("result", "remain", "limit")  # what a warning that not all was given speaks of
_NOTHING_THERE = (400, 404, 416)  # after a first page: how some servers say that no more is left


class NoServerError(SimsidError):
    """The server is away, or lets nobody in: the next question would fare alike."""


@dataclass(frozen=True)
class Unsent:
    """A result that the server did not take, and why."""

    file: Path
    why: str


class DicomWeb:
    """A server.

    Args:
        url: of its DICOMweb root, ``https://pacs.example/dicom-web``.

    Raises:
        SimsidError: the address cannot be used, or dicomweb-client is absent.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SimsidError(
                "--dicomweb must be the address of a server, as https://HOST/dicom-web"
            )
        if parts.username or parts.password:
            raise SimsidError(
                "--dicomweb takes no password, which others could read: put the header's value "
                f"into {AUTHORIZATION}, as 'Bearer …' or 'Basic …'"
            )
        try:
            from dicomweb_client.api import DICOMwebClient
        except ImportError:
            raise SimsidError(
                "--dicomweb needs dicomweb-client: pip install 'simsid-kit[dicom]'"
            ) from None
        logging.getLogger("dicomweb_client").setLevel(logging.CRITICAL)  # it quotes identifiers
        value = os.environ.get(AUTHORIZATION)
        headers = {"Authorization": value} if value else None
        self._warned = self._told = False
        self._client = DICOMwebClient(
            url, headers=headers, permissive_uid=True, timeout=_SECONDS, callback=self._note
        )

    def _note(self, answer: Any, *_: object, **__: object) -> None:
        """Whether the latest answer said that it is not whole, as the standard has it."""
        said = str(answer.headers.get("Warning", "")).lower()
        self._warned = said.startswith("299") and any(word in said for word in _MORE)

    def fetch(self, query: str, folder: Path) -> tuple[int, int]:
        """Write the films of all studies that match as ``0001.dcm``, ``0002.dcm``, ...

        Radiographs alone; what the kit stored before is left out.

        Args:
            query: as QIDO-RS has it, ``PatientID=4711&StudyDate=20260101-20260131``.

        Returns:
            How many films, of how many studies.

        Raises:
            SimsidError: the query is empty, nothing matches, or the server fails.
        """
        filters = _filters(query)
        with _told("search"):
            search = partial(self._client.search_for_studies, search_filters=filters)
            studies = sorted(self._all(search, _STUDY))
            places = sorted(place for study in studies for place in self._films_of(study))
        if not places:
            raise SimsidError(f"--query found {len(studies)} studies and no radiograph in them")
        for number, place in enumerate(places, start=1):
            with _told(f"send film {number} of {len(places)}"):
                film = self._client.retrieve_instance(*place, media_types=_AS_STORED)
                film.save_as(folder / f"{number:04d}.dcm", enforce_file_format=True)
        return len(places), len({study for study, _, _ in places})

    def _films_of(self, study: str) -> Iterator[tuple[str, str, str]]:
        for series in self._all(partial(self._client.search_for_series, study), _SERIES).values():
            ours = _value(series, _DESCRIPTION).startswith(RESEARCH_ONLY)
            if not ours and _value(series, _MODALITY) in _FILMS:
                name = _value(series, _SERIES)
                films = self._all(
                    partial(self._client.search_for_instances, study, name), _INSTANCE
                )
                yield from ((study, name, film) for film in films)

    def _all(self, search: Callable[..., list[dict[str, Any]]], tag: str) -> dict[str, Any]:
        """All that a search finds, by its identifier, however few a server gives at once.

        What it gives again counts once, so that one which knows no pages is not asked for ever.
        """
        found: dict[str, Any] = {}
        asked = 0
        while True:
            page = self._page(search, asked)
            new = {_value(item, tag): item for item in page if _value(item, tag) not in found}
            if not new:
                break
            found |= new
            asked += len(page)
            partly = self._warned
        if found and partly and not self._told:
            self._told = True
            print(
                "warning: the server says that its answer is not whole, and gives no more: ask for "
                "less at once with --query",
                file=sys.stderr,
            )
        return found

    def _page(self, search: Callable[..., list[dict[str, Any]]], skip: int) -> list[dict[str, Any]]:
        from requests import HTTPError

        try:
            return search(offset=skip) if skip else search()
        except HTTPError as error:
            if skip and error.response is not None and error.response.status_code in _NOTHING_THERE:
                return []
            raise

    def store(self, files: Sequence[Path]) -> tuple[list[Unsent], bool]:
        """Send results to the server, each into the study that it names; goes on after a refusal.

        Returns:
            what was not sent and why, and whether Ctrl-C stopped it.
        """
        import pydicom

        unsent: list[Unsent] = []
        in_vain = 0
        for number, file in enumerate(files, start=1):
            try:
                with _told(f"take result {number} of {len(files)}"):
                    answer = self._client.store_instances([pydicom.dcmread(file)])
                    if answer.get("FailedSOPSequence"):
                        raise ValueError("refused")
                in_vain = 0
            except SimsidError as error:
                unsent.append(Unsent(file, str(error)))
                in_vain = in_vain + 1 if isinstance(error, NoServerError) else 0
            except KeyboardInterrupt:
                return unsent + [Unsent(left, "stopped") for left in files[number - 1 :]], True
            if in_vain == _IN_VAIN:
                why = "not tried, since the server did not answer"
                return unsent + [Unsent(left, why) for left in files[number:]], False
        return unsent, False


def keep_unsent(unsent: Sequence[Unsent], total: int, out: Path, kept: bool) -> str:
    """Lay what was not sent beside the table, and say in words what and where.

    Args:
        kept: whether the files stay where they are.

    Raises:
        OSError: they cannot be laid there.
    """
    folder = unsent[0].file.parent
    if not kept:
        beside = out.parent if out.parent.is_dir() and os.access(out.parent, os.W_OK) else Path()
        if not (out.is_file() or not out.exists()):  # a pipe or a device
            beside = Path()
        folder = Path(tempfile.mkdtemp(prefix=f"{out.name}-unsent-", dir=beside))
        for each in unsent:
            shutil.copyfile(each.file, folder / each.file.name)
    for each in unsent[:_LISTED]:
        print(f"not stored: {folder / each.file.name}: {each.why}", file=sys.stderr)
    if len(unsent) > _LISTED:
        print(f"not stored: {len(unsent) - _LISTED} more", file=sys.stderr)
    return (
        f"{len(unsent)} of {total} results were not stored on the server: they lie in {folder}; "
        "send them with your archive's own tool, or score the query again"
    )


def _filters(query: str) -> dict[str, str]:
    """What ``--query`` asks for; a part that says nothing must not widen it in silence.

    Raises:
        SimsidError: it is empty, or a part is no NAME=VALUE, or a name stands twice.
    """
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True)
    except ValueError:
        pairs = []
    filters = dict(pairs)
    if not filters or len(filters) < len(pairs) or not all(map(str.strip, filters.values())):
        raise SimsidError(
            "--query must be NAME=VALUE with & between, each name once and none empty, as "
            "StudyInstanceUID=… or StudyDate=20260101-20260131"
        )
    return filters


@contextmanager
def _told(doing: str) -> Iterator[None]:
    """What fails inside becomes one line without the server's words, which may quote a patient."""
    from requests import ConnectionError, HTTPError, RequestException, Timeout
    from requests.exceptions import ProxyError, SSLError

    try:
        with quiet_decoders():
            yield
    except HTTPError as error:
        code = error.response.status_code if error.response is not None else "an error"
        closed = code in (401, 403)
        hint = f"; is {AUTHORIZATION} right?" if closed else ""
        raise (NoServerError if closed else SimsidError)(
            f"--dicomweb: asked to {doing}, the server answered {code}{hint}"
        ) from None
    except SSLError:
        raise NoServerError(
            "--dicomweb: the server's certificate is not trusted here: name the file of its "
            "authority in REQUESTS_CA_BUNDLE"
        ) from None
    except ProxyError:
        raise NoServerError(
            "--dicomweb: the proxy gave no answer: is HTTPS_PROXY or NO_PROXY right?"
        ) from None
    except (ConnectionError, Timeout):
        raise NoServerError(f"--dicomweb: asked to {doing}, the server gave no answer") from None
    except Exception as error:
        if isinstance(error, OSError) and not isinstance(error, RequestException):
            raise  # of this machine's disk
        raise SimsidError(f"--dicomweb: asked to {doing}, the server did not do so") from None


def _value(item: dict[str, Any], tag: str) -> str:
    values = item.get(tag, {}).get("Value") or [""]
    return str(values[0])
