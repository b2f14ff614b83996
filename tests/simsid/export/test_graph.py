"""The graph, before any runtime has it, says what the detector says."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from simsid.export.graph import ExportedGraph, output_of
from tests.simsid.export.models import TINY, films, fitted

SMALL = 1e-4  # of the normals' spread


@pytest.mark.parametrize("name", TINY)
def test_the_graph_says_what_the_detector_predicts(name):
    detector, images = fitted(name), films()
    graph = ExportedGraph(detector).eval()
    with torch.inference_mode():
        told = dict(zip(graph.names, graph(torch.from_numpy(images)[:, None]), strict=True))
    for number, score in enumerate(detector.score_names):
        expected = detector.predict(images, score)
        found = {
            part: told[output_of(part, score) if number else part].numpy()
            for part in ("score", "regions", "map")
        }
        spread = detector.calibration.scores[score].std()
        assert np.abs(found["score"] - expected.score).max() <= SMALL * spread
        for part, whole in (("regions", expected.regions), ("map", expected.anomaly_map)):
            assert np.abs(found[part] - whole).max() <= SMALL * whole.std()
    default = detector.predict(images)
    assert np.allclose(told["p_value"], default.p_value)
    assert np.allclose(told["percentile"], default.percentile)
    assert ("reconstruction" in told) == detector.gives_reconstruction


def test_the_detector_itself_stays_as_it_was():
    detector = fitted("thumbnail-nn")
    before, expected = detector.predict(films()), detector.expected
    ExportedGraph(detector)(torch.from_numpy(films())[:, None])
    assert detector.expected is expected
    assert np.array_equal(detector.predict(films()).anomaly_map, before.anomaly_map)


def test_each_film_is_judged_by_the_normals_of_its_own_population():
    detector = fitted("mean-grey")
    calibration = detector.calibration
    scores = {name: np.concatenate([own, own + 5]) for name, own in calibration.scores.items()}
    count = calibration.num_normals
    detector.calibration = replace(
        calibration,
        scores=scores,
        populations=np.repeat([0, 1], count),
        names=("here", "there"),
        looks=None,
    )
    graph = ExportedGraph(detector)
    score_of = torch.tensor([0.0, 0.0, 7.0, 7.0], dtype=torch.float64)
    population = torch.tensor([0, 1, 0, 1])
    graph.detector.population.nearest = lambda images: population
    told = graph._judged(torch.zeros(4, 1, 32, 32), score_of)
    given = ("fused", score_of.numpy(), population.numpy())
    assert np.array_equal(told["p_value"].numpy(), detector.calibration.p_value(*given))
    assert np.array_equal(told["abnormal"].numpy(), detector.calibration.is_abnormal(*given))
