"""Films from a DICOMweb server, and results back to it: QIDO-RS, WADO-RS, STOW-RS.

Identifiers stay in the files that are fetched and stored: names here are running numbers, and no
message quotes what was asked or answered.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
        self._client = DICOMwebClient(url, headers=headers, permissive_uid=True, timeout=_SECONDS)

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
            found = self._client.search_for_studies(search_filters=filters, get_remaining=True)
            studies = sorted({_value(study, _STUDY) for study in found})
            places = sorted(place for study in studies for place in self._films_of(study))
        if not places:
            raise SimsidError(f"--query found {len(studies)} studies and no radiograph in them")
        for number, place in enumerate(places, start=1):
            with _told(f"send film {number} of {len(places)}"):
                film = self._client.retrieve_instance(*place, media_types=_AS_STORED)
                film.save_as(folder / f"{number:04d}.dcm", enforce_file_format=True)
        return len(places), len({study for study, _, _ in places})

    def _films_of(self, study: str) -> Iterator[tuple[str, str, str]]:
        for series in self._client.search_for_series(study):
            ours = _value(series, _DESCRIPTION).startswith(RESEARCH_ONLY)
            if not ours and _value(series, _MODALITY) in _FILMS:
                name = _value(series, _SERIES)
                films = self._client.search_for_instances(study, name)
                yield from ((study, name, _value(film, _INSTANCE)) for film in films)

    def store(self, files: Sequence[Path]) -> None:
        """Send results to the server, each into the study that it names.

        Raises:
            SimsidError: the server fails, or takes one not.
        """
        import pydicom

        for number, file in enumerate(files, start=1):
            with _told(f"take result {number} of {len(files)}"):
                answer = self._client.store_instances([pydicom.dcmread(file)])
                if answer.get("FailedSOPSequence"):
                    raise ValueError("refused")


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
        hint = f"; is {AUTHORIZATION} right?" if code in (401, 403) else ""
        raise SimsidError(
            f"--dicomweb: asked to {doing}, the server answered {code}{hint}"
        ) from None
    except SSLError:
        raise SimsidError(
            "--dicomweb: the server's certificate is not trusted here: name the file of its "
            "authority in REQUESTS_CA_BUNDLE"
        ) from None
    except ProxyError:
        raise SimsidError(
            "--dicomweb: the proxy gave no answer: is HTTPS_PROXY or NO_PROXY right?"
        ) from None
    except (ConnectionError, Timeout):
        raise SimsidError(f"--dicomweb: asked to {doing}, the server gave no answer") from None
    except Exception as error:
        if isinstance(error, OSError) and not isinstance(error, RequestException):
            raise  # of this machine's disk
        raise SimsidError(f"--dicomweb: asked to {doing}, the server did not do so") from None


def _value(item: dict[str, Any], tag: str) -> str:
    values = item.get(tag, {}).get("Value") or [""]
    return str(values[0])
