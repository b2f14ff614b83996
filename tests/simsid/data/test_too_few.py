from __future__ import annotations

import numpy as np
import pytest

from simsid.data.rates import least_normals
from simsid.data.sets.splits import _to_calibrate, training_normals_for
from simsid.data.too_few import tell_few_normals
from simsid.detectors.calibration import Calibration


@pytest.mark.parametrize("rate", [0.3, 0.1, 0.05, 0.02])
@pytest.mark.parametrize("confidence", [None, 0.9])
def test_as_many_normals_are_asked_for_as_the_calibration_needs(rate, confidence):
    def is_firm(count: int) -> bool:
        made = Calibration({"s": np.arange(float(count))}, rate, confidence=confidence)
        return bool(np.isfinite(made.threshold("s")))

    least = least_normals(rate, confidence)
    assert is_firm(least) and not (least > 1 and is_firm(least - 1))


def test_the_splits_own_rule_says_how_many_training_normals_it_takes():
    assert training_normals_for(19) == 95 and _to_calibrate(95) == 19 and _to_calibrate(94) == 18
    assert training_normals_for(99) == 986  # at a rate of one percent: a tenth, rounded


def facts(calibration: int, source: str) -> dict:
    return {"films": {"calibration": {"normal": calibration}}, "calibration_from": source}


def test_each_set_with_too_few_normals_is_told_with_what_it_needs():
    few = facts(8, "8 of 40 training normals")
    enough = facts(19, "19 of 95 training normals")
    (told,) = tell_few_normals(few)
    assert "5 %: 8 (8 of 40 training normals), and it takes 19. With 95 training normals" in told
    assert tell_few_normals(enough) == [] and tell_few_normals({}) == []
    (told,) = tell_few_normals({"populations": {"far": few, "near": enough}})
    assert told.startswith("far: ")
    (told,) = tell_few_normals(facts(20, "half of the normals in validation"), 0.01)
    assert "With 198 normals in validation" in told
