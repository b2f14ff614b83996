"""Weights of a known backbone, from the cache or the network; fetched in training, never in loading."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlparse

import torch
from torch import Tensor

from simsid.errors import SimsidError
from simsid.models.backbones import OWN, Backbone

_SECONDS = 5  # enough to see whether a server answers; clients wait for half a minute


def load_pretrained(backbone: Backbone) -> None:
    """Fill a backbone with its pretrained weights; one's own kind has none and stays as it is.

    Raises:
        SimsidError: the weights are neither in the cache nor to be had.
    """
    if not backbone.pretrained:
        return
    kind, _, model = backbone.name.partition(":")
    state = _torchvision(model) if kind == "torchvision" else _timm(model, backbone)
    lacking = backbone.load_state_dict(state, strict=False).missing_keys
    if lacking:
        raise SimsidError(
            f"the weights of '{backbone.name}' lack '{lacking[0]}': choose another backbone"
        )


def _torchvision(model: str) -> dict[str, Tensor]:
    from torchvision.models import get_model_weights

    weights = get_model_weights(model).DEFAULT
    file = Path(torch.hub.get_dir(), "checkpoints", Path(urlparse(weights.url).path).name)
    if not file.exists():
        _check_reachable(weights.url, f"torchvision:{model}")
    try:
        return weights.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise _not_had(f"torchvision:{model}", error) from error


def _timm(model: str, backbone: Backbone) -> dict[str, Tensor]:
    import timm
    from huggingface_hub import hf_hub_download, hf_hub_url

    name = f"timm:{model}"
    described = timm.get_pretrained_cfg(model, allow_unregistered=False)
    repository = described.hf_hub_id if described is not None else None
    if not repository:
        raise SimsidError(f"there are no pretrained weights for '{name}': choose another backbone")
    where = (repository, described.hf_hub_filename or "model.safetensors")
    try:
        try:
            file = hf_hub_download(*where, local_files_only=True)
        except OSError:
            _check_reachable(hf_hub_url(*where), name)
            file = hf_hub_download(*where)
        body = timm.create_model(
            model,
            pretrained=True,
            features_only=True,
            out_indices=backbone.indices,
            pretrained_cfg_overlay={"file": file},
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise _not_had(name, error) from error
    return {f"body.{key}": value for key, value in body.state_dict().items()}


def _check_reachable(url: str, name: str) -> None:
    """Ask the server for the file's head only, through whatever proxy is set."""
    if os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0"):
        raise _not_had(name, "HF_HUB_OFFLINE is set")
    try:
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=_SECONDS)
    except urllib.error.HTTPError:
        return  # it answers; the client will say what is wrong
    except (OSError, ValueError) as error:
        raise _not_had(name, error) from error


def _not_had(name: str, error: Exception | str) -> SimsidError:
    return SimsidError(
        f"the pretrained weights of '{name}' are not in the cache and cannot be fetched ({error}): "
        f"train once where there is a network, or choose '{OWN}', which learns from your films"
    )
