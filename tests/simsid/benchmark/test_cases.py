"""One case of a sweep, measured with the truth of labelled films."""

from __future__ import annotations

import numpy as np

from simsid.benchmark.cases import measure
from simsid.data.datasets import LabelledImages
from simsid.detectors.calibration import Calibration
from tests.simsid.two_populations import NAMES, films_of, make_two


def test_verdicts_are_counted_where_every_population_has_a_threshold():
    detector = make_two()
    films = np.concatenate([films_of(name, 6, 90 + i) for i, name in enumerate(NAMES)])
    labels = np.tile([0, 0, 1], 4)
    kinds = np.where(labels == 1, "spot", "normal")
    labelled = LabelledImages(films, labels, kinds, None, kinds)
    whole = measure(detector, films, labelled)
    assert whole["decision"] is not None and whole["normals_flagged"]["n"] == 8
    before = detector.calibration
    for few in range(2):  # of one population 5 normals, which hold no rate of 5 %
        kept = [before.reference("fused", i)[: 5 if i == few else 60] for i in range(2)]
        scores = {name: np.concatenate(kept) for name in before.scores}
        whose = np.repeat([0, 1], [len(own) for own in kept])
        detector.calibration = Calibration(scores, 0.05, before.map_quantiles, whose, NAMES)
        found = measure(detector, films, labelled)
        assert found["decision"] is None and found["normals_flagged"] is None
        assert found["auroc"].keys() == whole["auroc"].keys()
