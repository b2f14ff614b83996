"""Two CPU ranks do what one rank with the joined batch does."""

import os
import socket
import subprocess
import sys

import numpy as np
import pytest
import torch

SCRIPT = """
import sys, torch
from simsid.training import Training, TrainOptions
from tests.simsid.training.tiny import blobs, tiny_squid
torch.set_num_threads(1)
training = Training(tiny_squid(inpaint_prob=1.0), blobs(32), TrainOptions(
    epochs=int(sys.argv[2]), batch_size=8, device="cpu", precision="fp32", progress=False))
training.run()
rank = training.accelerator.process_index
torch.save({"state": training.detector.state_dict(), "log": training.log}, f"{sys.argv[1]}-{rank}.pt")
"""


def run(tmp_path, name, ranks, epochs):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    script = tmp_path / "train_ranks.py"
    script.write_text(SCRIPT)
    command = [
        sys.executable,
        "-m",
        "accelerate.commands.launch",
        "--num_processes",
        str(ranks),
        "--num_machines",
        "1",
        *(["--multi_gpu"] if ranks > 1 else []),
        "--mixed_precision",
        "no",
        "--dynamo_backend",
        "no",
        "--main_process_port",
        str(port),
        str(script),
        str(tmp_path / name),
        str(epochs),
    ]
    environment = os.environ | {
        "PYTHONPATH": os.getcwd(),
        "OMP_NUM_THREADS": "1",
        "ACCELERATE_USE_CPU": "true",
    }
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=240)
    assert done.returncode == 0, done.stderr[-2000:]
    return [torch.load(tmp_path / f"{name}-{rank}.pt", weights_only=True) for rank in range(ranks)]


@pytest.mark.slow
def test_two_ranks_hold_the_queue_of_one_rank_with_the_joined_batch(tmp_path):
    (one,) = run(tmp_path, "one", 1, 1)
    two = run(tmp_path, "two", 2, 1)
    slots = "generator.memory.slots"
    assert torch.equal(two[0]["state"][slots], two[1]["state"][slots])
    mine, ours = one["state"][slots], two[0]["state"][slots]
    assert torch.equal(
        one["state"]["generator.memory.pointer"], two[0]["state"]["generator.memory.pointer"]
    )
    assert torch.allclose(mine, ours, atol=1e-3, rtol=1e-3)


@pytest.mark.soak
def test_two_ranks_train_as_well_as_one(tmp_path):
    (one,) = run(tmp_path, "one", 1, 12)
    two = run(tmp_path, "two", 2, 12)
    loss = [
        np.mean([line["generator.reconstruction"] for line in part["log"][-8:]])
        for part in (one, two[0])
    ]
    assert abs(loss[0] - loss[1]) < 0.1 * loss[0]
