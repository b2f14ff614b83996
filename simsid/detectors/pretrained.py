"""Weights of a known backbone, from the cache or the network; fetched in training, never in loading."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlparse

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from simsid.errors import SimsidError
from simsid.models.backbones import OWN, Backbone, TimmBackbone

WEIGHTS = "model.safetensors"  # no pickles
_SECONDS = 5  # enough to see whether a server answers; clients wait for half a minute


def load_pretrained(backbone: Backbone) -> None:
    """Fill a backbone with its pretrained weights; one's own kind has none and stays as it is.

    Raises:
        SimsidError: the weights are neither in the cache nor to be had.
    """
    if not backbone.pretrained:
        return
    if isinstance(backbone, TimmBackbone):
        state = _timm(backbone) | {"units": backbone.units}
    else:
        state = _torchvision(backbone.name.partition(":")[2])
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
        _check_reachable(weights.url, f"torchvision:{model}", file.name)
    try:
        return weights.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise _not_had(f"torchvision:{model}", file.name, error) from error


def _timm(backbone: TimmBackbone) -> dict[str, Tensor]:
    import timm
    from huggingface_hub import hf_hub_download, hf_hub_url

    name, model = backbone.name, backbone.architecture
    described = timm.get_pretrained_cfg(model, allow_unregistered=False)
    repository, file_name = backbone.repository, WEIGHTS
    if not repository and described is not None:
        repository, file_name = described.hf_hub_id, described.hf_hub_filename or WEIGHTS
    if not repository:
        raise SimsidError(f"there are no pretrained weights for '{name}': choose another backbone")
    where = (repository, file_name)
    try:
        try:
            file = hf_hub_download(*where, local_files_only=True)
        except OSError:
            _check_reachable(hf_hub_url(*where), name, "/".join(where))
            file = hf_hub_download(*where)
    except (OSError, RuntimeError, ValueError) as error:
        raise _not_had(name, "/".join(where), error) from error
    if backbone.repository:
        _check_names(file, backbone, "/".join(where))
    try:
        body = timm.create_model(
            model, pretrained=True, pretrained_cfg_overlay={"file": file}, **backbone.arguments
        )
    except (OSError, RuntimeError, ValueError, KeyError, SafetensorError) as error:
        told = str(error).partition("\n")[0]
        raise SimsidError(
            f"{'/'.join(where)} does not hold weights of {model} ({told}): choose another repository"
        ) from error
    return {f"body.{key}": value for key, value in body.state_dict().items()}


def _check_names(file: str, backbone: TimmBackbone, where: str) -> None:
    """Refuse a stranger's file that lacks a weight: timm would leave that one as it was drawn."""
    import timm

    with torch.device("meta"):
        wanted = timm.create_model(backbone.architecture, num_classes=0).state_dict()
    try:
        with safe_open(file, framework="pt") as kept:
            lacking = sorted(set(wanted) - set(kept.keys()))
    except SafetensorError as error:
        raise SimsidError(f"{where} is no safetensors file: choose another repository") from error
    if lacking:
        raise SimsidError(
            f"{where} does not hold weights of {backbone.architecture} (it lacks '{lacking[0]}'): "
            "choose another repository"
        )


def _check_reachable(url: str, name: str, file: str) -> None:
    """Ask the server for the file's head only, through whatever proxy is set."""
    if os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0"):
        raise _not_had(name, file, "HF_HUB_OFFLINE is set")
    try:
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=_SECONDS)
    except urllib.error.HTTPError:
        return  # it answers; the client will say what is wrong
    except (OSError, ValueError) as error:
        raise _not_had(name, file, error) from error


def _not_had(name: str, file: str, error: Exception | str) -> SimsidError:
    told = str(error).strip().partition("\n")[0]
    return SimsidError(
        f"the pretrained weights of '{name}', {file}, are not in the cache and cannot be fetched "
        f"({told}): train once where there is a network, or choose '{OWN}', which learns from your films"
    )
