"""What can go wrong between here and the Hub, each in one plain sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from huggingface_hub.errors import (
    EntryNotFoundError,
    FileMetadataError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from simsid.errors import SimsidError

NO_NETWORK, NO_REPOSITORY, NO_REVISION = "no_network", "no_repository", "no_revision"
GATED, DENIED, CORRUPT, NOT_A_MODEL = "gated", "denied", "corrupt", "not_a_model"
NOT_PERMITTED, FAILED = "not_permitted", "failed"
_NO_HUB = "the answer about {} does not come from a Hub: check HF_ENDPOINT and the network"


class HubError(SimsidError):
    """A model that cannot be fetched, shared or believed. ``code`` is stable, for programs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@contextmanager
def plainly(repository: str, revision: str | None = None) -> Iterator[None]:
    """Turn whatever the Hub's client raises in this block into one sentence.

    Raises:
        HubError: in place of the client's own errors; others pass.
    """
    try:
        yield
    except GatedRepoError as error:  # a RepositoryNotFoundError too, so it comes first
        raise HubError(
            GATED,
            f"{repository} is gated: ask for access on its page, then log in with: hf auth login",
        ) from error
    except RepositoryNotFoundError as error:
        raise HubError(
            NO_REPOSITORY,
            f"there is no repository {repository} on the Hub, or it is private and you are not "
            "logged in to an account that may see it: check the name, or hf auth login",
        ) from error
    except RevisionNotFoundError as error:
        raise HubError(
            NO_REVISION, f"{repository} has no revision '{revision}': leave it out for the newest"
        ) from error
    except (OfflineModeIsEnabled, LocalEntryNotFoundError, httpx2.TransportError) as error:
        if isinstance(error.__cause__, HfHubHTTPError):
            raise _refused(repository, error.__cause__) from error
        if isinstance(error.__cause__, FileMetadataError):
            raise HubError(FAILED, _NO_HUB.format(repository)) from error
        raise HubError(
            NO_NETWORK,
            f"the Hub cannot be reached for {repository}: no network, or it is switched off; "
            "bundled and cached models work without it (python -m hub list)",
        ) from error
    except EntryNotFoundError as error:
        raise HubError(
            NOT_A_MODEL, f"{repository} lacks a file of a model folder of this kit: choose another"
        ) from error
    except HFValidationError as error:
        raise HubError(
            NO_REPOSITORY, f"'{repository}' is not the name of a repository: it must be user/name"
        ) from error
    except HfHubHTTPError as error:
        raise _refused(repository, error) from error
    except (FileMetadataError, httpx2.HTTPError) as error:
        raise HubError(FAILED, _NO_HUB.format(repository)) from error


def _refused(repository: str, error: HfHubHTTPError) -> HubError:
    status = error.response.status_code
    if status in (401, 403):
        return HubError(
            DENIED,
            f"the Hub does not let you do this with {repository} (status {status}): log in with "
            "a token that may, with: hf auth login",
        )
    if status == 402:
        return HubError(
            NOT_PERMITTED,
            f"the Hub wants a subscription or credits for {repository} (status 402): see the "
            "billing page of the account, or choose other hardware",
        )
    if status >= 500 or status == 429:
        return HubError(
            NO_NETWORK, f"the Hub is busy or down (status {status}): try {repository} again later"
        )
    return HubError(FAILED, f"the Hub refused what was asked of {repository} (status {status})")
