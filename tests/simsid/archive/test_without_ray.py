import pickle
import sys
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest

from simsid.archive.on_ray import _LOST, _decode, _score, score_on_ray
from simsid.errors import SimsidError


def test_absent_ray_is_told_in_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SimsidError, match=r"needs the package ray: pip install '\.\[archive\]'"):
        next(score_on_ray(None, None, iter([])))


@pytest.mark.parametrize("order", [[0, 1], [0, 1, 1], [0, 2, 1], [1, 0, 2], [], [0, 1, 2, 2]])
def test_a_batch_that_is_lost_doubled_or_late_ends_the_run(order):
    """What Ray gives back, by a stand-in."""
    ray = MagicMock()
    ray.cluster_resources.return_value = {"CPU": 2}
    told = [{"number": number, "made": pickle.dumps([number])} for number in order]
    ray.data.from_items().map().iter_rows.return_value = told
    found = _score(ray, None, SimpleNamespace(device="cpu"), [{}, {}, {}])
    with pytest.raises(SimsidError, match=_LOST):
        list(found)
    in_order = [{"number": number, "made": pickle.dumps([number])} for number in range(3)]
    ray.data.from_items().map().iter_rows.return_value = in_order
    found = _score(ray, None, SimpleNamespace(device="cpu"), [{}, {}, {}])
    assert list(found) == [[0], [1], [2]]


@pytest.mark.parametrize(("device", "actors", "decoding"), [("cpu", 6, False), ("cuda", 2, True)])
def test_every_core_or_gpu_has_an_actor_and_a_gpu_s_films_are_decoded_in_tasks(
    device, actors, decoding
):
    """Ray would put tasks into actors of the same resources, and leave all other cores idle."""
    ray = MagicMock()
    ray.cluster_resources.return_value = {"CPU": 6, "GPU": 2}
    told = [{"number": number, "made": pickle.dumps([])} for number in range(9)]
    first = ray.data.from_items().map
    last = first().map if decoding else first
    last().iter_rows.return_value = told
    first.reset_mock()
    assert len(list(_score(ray, None, SimpleNamespace(device=device), [{}] * 9))) == 9
    assert ray.data.ActorPoolStrategy.call_args.kwargs == {"size": actors}
    assert (first.call_args_list[0].args[0] is _decode) == decoding
