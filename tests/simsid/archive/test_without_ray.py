import sys

import pytest

from simsid.archive.on_ray import score_on_ray
from simsid.errors import SimsidError


def test_absent_ray_is_told_in_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SimsidError, match=r"needs the package ray: pip install '\.\[archive\]'"):
        next(score_on_ray(None, None, iter([])))
