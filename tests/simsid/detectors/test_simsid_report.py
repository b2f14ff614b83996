"""``simsid-report``: three stages, each moving its own parts; the report's score; saved whole."""

import dataclasses

import numpy as np
import pytest
import torch

from simsid.data.image_kind import FILMS, Cells
from simsid.detectors import save_model
from simsid.detectors.model_folder import load_model
from simsid.detectors.simsid_report import SimSIDReport, SimSIDReportConfig
from simsid.training.loop import Training
from simsid.training.options import TrainOptions

SMALL = SimSIDReportConfig(
    image_size=(32, 32),
    grid_size=(2, 2),
    cnn_channels=(4, 4, 8, 8),
    feature_dim=8,
    generator_channels=(8, 8, 4, 4),
    discriminator_channels=(4, 4, 8, 8),
    num_heads=2,
    num_layers=1,
    learning_rate=1e-2,
    discriminator_learning_rate=2e-3,
)
PARTS = ("patch_cnn", "teacher", "inpainting", "student", "discriminator")


@pytest.fixture(scope="module")
def training(data) -> Training:
    torch.manual_seed(0)
    options = TrainOptions(epochs=20, batch_size=12, device="cpu", precision="fp32", progress=False)
    run = Training(SimSIDReport(SMALL), data.train, options)
    run.run()
    run.detector.calibrate(data.calibration)
    return run


@pytest.fixture
def detector() -> SimSIDReport:
    torch.manual_seed(0)
    detector = SimSIDReport(SMALL).train()
    detector.memory.store(torch.randn(2, 4, 8), (2, 2))
    return detector


def images(count: int = 4) -> torch.Tensor:
    return torch.rand(count, 1, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("stage", "moved"),
    [
        ("teacher", {"patch_cnn", "teacher"}),
        ("student", {"inpainting", "student"}),
        ("discriminator", {"discriminator"}),
    ],
)
def test_each_stage_moves_its_own_parts_and_no_others(detector, stage, moved):
    (player, losses), *rest = detector.training_step(images(), stage)
    losses["loss"].backward()
    optimised = {id(p) for p in detector.players(stage)[player].parameters}
    named = [(n, p) for n in PARTS for p in getattr(detector, n).parameters()]
    reached = {n for n, p in named if p.grad is not None}
    owned = {n for n, p in named if id(p) in optimised}
    assert reached == owned == moved
    assert not rest


def test_parts_of_earlier_stages_keep_their_running_statistics(detector):
    before = {k: v.clone() for k, v in detector.state_dict().items() if "running" in k}
    list(detector.train().training_step(images(), "student"))
    list(detector.train().training_step(images(), "discriminator"))
    changed = {
        k.split(".")[0]
        for k, v in detector.state_dict().items()
        if "running" in k and not torch.equal(v, before[k])
    }
    assert changed == {"student", "discriminator"}


def test_memory_is_written_in_the_student_stage_only():
    detector = SimSIDReport(SMALL).train()
    for stage, filled in (("teacher", False), ("student", True)):
        list(detector.training_step(images(), stage))
        assert bool(detector.memory.levels[0].memory.any()) == filled
    held = detector.memory.levels[0].memory.clone()
    list(detector.training_step(images(), "discriminator"))
    detector.eval().evidence(images())
    assert torch.equal(detector.memory.levels[0].memory, held)


def test_student_loss_is_reconstruction_plus_weighted_distillation(detector):
    detector.config = dataclasses.replace(SMALL, distillation=0.5)
    ((_, losses),) = detector.training_step(images(), "student")
    assert torch.allclose(losses["loss"], losses["reconstruction"] + 0.5 * losses["distillation"])
    assert losses["distillation"] > 0


def test_losses_are_float32_under_autocast(detector):
    for stage in detector.stages():
        with torch.autocast("cpu", torch.bfloat16):
            ((_, losses),) = detector.training_step(images(), stage.name)
        assert {value.dtype for value in losses.values()} == {torch.float32}


def test_every_stage_learns(training):
    for stage in ("teacher", "student", "discriminator"):
        losses = [row[f"{stage}.loss"] for row in training.log if row["stage"] == stage]
        assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:5])


def test_memory_has_the_size_of_the_grid_and_is_filled(training):
    memory = training.detector.memory
    assert memory.current_blocks == 4
    assert memory.levels[0].memory.any(1).all()
    assert memory.levels[2].memory.any(1).tolist() == [True, False, False, False]


def test_model_folder_gives_bit_equal_predictions(training, data, tmp_path):
    save_model(training.detector, tmp_path / "model")
    ours = training.detector.predict(data.test.images)
    theirs = load_model(tmp_path / "model").predict(data.test.images)
    for field in ("score", "anomaly_map", "reconstruction"):
        assert np.array_equal(getattr(ours, field), getattr(theirs, field))
    assert all(np.array_equal(ours.scores[name], theirs.scores[name]) for name in ours.scores)


def test_predicting_twice_gives_the_same(training, data):
    first, second = (training.detector.predict(data.test.images[:8]) for _ in range(2))
    assert np.array_equal(first.score, second.score)


def test_discriminator_score_is_the_sigmoid_of_standardised_fakeness(training, data):
    detector = training.detector
    with torch.inference_mode():
        batch = detector.as_batch(data.train)
        student = detector.student(detector.inpainting(detector.patch_cnn(batch)))
        fakeness = -detector.discriminator(student).double()
    expected = ((fakeness - fakeness.mean()) / fakeness.std()).sigmoid()
    scores = detector.predict(data.train, score="discriminator").score
    assert np.allclose(scores, expected.numpy(), atol=1e-3)


def test_a_bright_square_scores_above_normals(training, data):
    scores, kinds = training.detector.predict(data.test.images).score, data.test.kinds
    normals, spots = scores[kinds == "normal"], scores[kinds == "spot"]
    assert (spots[:, None] > normals).mean() > 0.8


def test_explanation_names_the_blocks_read_and_training_patches_near_them(training, data):
    explanation = training.detector.explain(data.test.images[0], (1, 0))
    assert explanation.patch.shape == explanation.inpainted.shape == (16, 16)
    assert explanation.slot_images.shape == (3, 16, 16)
    assert len(set(explanation.slots.tolist())) == 3
    assert explanation.weights.sum() <= 1 + 1e-6
    nearest = explanation.nearest_training
    assert nearest.shape == (3, 8)
    assert nearest.min() >= 0
    assert nearest.max() < len(data.train)


def test_nearest_training_patches_do_not_depend_on_the_batches(training):
    detector = training.detector
    whole = detector.nearest_training.clone()
    detector.consolidate(lambda: iter(training.images.float().div(255).split(7)))
    assert (detector.nearest_training == whole).float().mean() > 0.99
    detector.nearest_training.copy_(whole)


def test_region_outside_the_grid_is_refused(training, data):
    with pytest.raises(ValueError, match="outside the grid"):
        training.detector.explain(data.test.images[0], (2, 0))


@pytest.mark.parametrize("preset", ["quick", "paper"])
def test_preset_derives_the_grid_from_16_px_patches(preset):
    assert SimSIDReportConfig.preset(preset, (96, 128), FILMS).grid_size == (6, 8)
    assert SimSIDReportConfig.preset(preset, (96, 96), Cells((3, 3))).grid_size == (3, 3)


def test_paper_preset_at_128_px_is_the_reports_size():
    assert SimSIDReportConfig.preset("paper", (128, 128), FILMS) == SimSIDReportConfig()


def test_preset_refuses_what_cannot_work_and_says_what_can():
    with pytest.raises(ValueError, match="multiple of 16 px"):
        SimSIDReportConfig.preset("quick", (100, 100), FILMS)
    with pytest.raises(ValueError, match="'quick' or 'paper'"):
        SimSIDReportConfig.preset("best", (96, 96), FILMS)
