import dataclasses

import numpy as np

from simsid.prediction import Prediction


def batch(count: int, start: int) -> Prediction:
    values = np.arange(start, start + count, dtype=float)
    maps = np.ones((count, 1, 2, 2), np.float32) * values[:, None, None, None].astype(np.float32)
    return Prediction(
        values, maps, maps[:, 0], values, values, maps, {"fused": values}, values.astype(int)
    )


def test_joined_batches_keep_every_field_in_order():
    joined, whole = Prediction.concatenate([batch(2, 0), batch(3, 2)]), batch(5, 0)
    for field in dataclasses.fields(Prediction):
        own, expected = getattr(joined, field.name), getattr(whole, field.name)
        assert own is not None, field.name
        if field.name == "scores":
            own, expected = own["fused"], expected["fused"]
        assert np.array_equal(own, expected), field.name
