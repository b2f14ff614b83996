"""No tensor is left on the wrong device, tried where there is no GPU; see ``tests.simsid.fake_gpu``."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from simsid.data.image_kind import FILMS
from simsid.detectors import detector_class, detector_names
from simsid.scoring import score_films
from simsid.training import Training, TrainOptions
from tests.simsid.fake_gpu import GPU, OnGpu, WrongDeviceError, fake_gpu, move

SIZE = (32, 32)


QUICK = "ae"
SLOW = [pytest.param(n, marks=pytest.mark.slow) for n in detector_names() if n != QUICK]


@pytest.mark.parametrize("name", [QUICK, *SLOW])
def test_training_calibration_placement_and_scoring_keep_to_the_gpu(name, data):
    cls = detector_class(name)
    torch.manual_seed(0)
    detector = cls(cls.config_class.preset("quick", SIZE, FILMS))
    options = TrainOptions(epochs=1, batch_size=30, device="cpu", precision="fp32", progress=False)
    training = Training(detector, data.train, options)
    move(detector)
    with fake_gpu():
        training.device, training.images = GPU, OnGpu(training.images)
        training.run()
        detector.calibrate(data.calibration[:24])
        film = data.test.images[:3].astype(np.float32) / 255
        for score in detector.score_names:
            detector.predict(film, score)
        scored = score_films(detector, list(film), accept_out_of_place=True)
        assert all(np.isfinite(each.score) for each in scored)
    astray = [key for key, value in detector.state_dict().items() if not isinstance(value, OnGpu)]
    assert astray == []


def test_the_fake_gpu_refuses_tensors_of_two_devices():
    with fake_gpu():
        there, here = torch.zeros(3, device=GPU), torch.ones(3)
        assert there.device == GPU and here.device.type == "cpu"
        assert (there + torch.tensor(2.0)).device == GPU  # a number may come from the CPU
        numbered = torch.arange(6.0).to(there.device).reshape(2, 3)
        assert numbered[:, [2, 0]].tolist() == [[2, 0], [5, 3]]
        assert (there + here.to(there.device)).cpu().tolist() == [1, 1, 1]
        assert there[torch.tensor([0, 1])].device == GPU
        for wrong in (
            lambda: there + here,
            lambda: torch.cat([there, here]),
            lambda: here[torch.zeros(2, dtype=torch.long, device=GPU)],
            lambda: torch.rand(3, device=GPU, generator=torch.Generator()),
        ):
            with pytest.raises(WrongDeviceError):
                wrong()
        with pytest.raises(RuntimeError, match="numpy"):
            there.numpy()
