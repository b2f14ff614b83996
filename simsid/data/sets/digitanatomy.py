"""DigitAnatomy in memory: the default data set, made in a second, nothing on disk."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import UInt8

from simsid.data.datasets import LabelledImages, RadiographData
from simsid.data.sets.placed import GENERATOR, placed_truth
from simsid.errors import DataError
from synth import AnatomyConfig, DigitAnatomy, SynthError

DEFAULT_TRAIN, DEFAULT_CALIBRATION, DEFAULT_VALIDATION = 1600, 200, 100
DEFAULT_TEST_NORMAL, DEFAULT_TEST_PER_KIND = 200, 100


def make_digitanatomy(
    config: AnatomyConfig | None = None,
    train: int = DEFAULT_TRAIN,
    calibration: int = DEFAULT_CALIBRATION,
    validation: int = DEFAULT_VALIDATION,
    test_normal: int = DEFAULT_TEST_NORMAL,
    test_per_kind: int = DEFAULT_TEST_PER_KIND,
) -> RadiographData:
    """Generate train, calibration, validation and test.

    Train, validation and test are drawn from disjoint glyphs. Calibration shares its glyphs with
    validation, not with train: normals written by hands that training saw score too low, and a
    threshold from them raises about twice the false alarms that it states.

    Raises:
        DataError: the configuration or the glyph source is unusable.
    """
    config = config or AnatomyConfig()
    try:
        anatomy = DigitAnatomy(config)
        images, contaminated = anatomy.train(train)
        made = RadiographData(
            name="digitanatomy",
            train=images,
            calibration=anatomy.images(
                "val", "normal", range(validation, validation + calibration)
            ),
            validation=_labelled(anatomy, "val", validation, validation // 4),
            test=_labelled(anatomy, "test", test_normal, test_per_kind),
        )
    except SynthError as error:
        raise DataError(str(error)) from error
    facts = {
        "name": "digitanatomy",
        "generator_version": config.version,
        "config": config.public() | {"digits_root": None},
        "train": len(made.train),
        "calibration": len(made.calibration),
        "calibration_from": "glyphs that train does not have",
        "contaminated": int(np.sum(contaminated)),
        "grid_size": [config.rows, config.cols],
    }
    return dataclasses.replace(made, facts=facts)


def draw_abnormals(
    config: AnatomyConfig, per_kind: int = DEFAULT_TEST_PER_KIND
) -> UInt8[np.ndarray, "n height width"]:
    """Anomalies of every kind, written with the glyphs of the training part; nothing else uses them.

    Raises:
        DataError: the configuration or the glyph source is unusable.
    """
    try:
        anatomy = DigitAnatomy(config)
        drawn = [anatomy.images("train", kind, range(per_kind)) for kind in anatomy.kinds[1:]]
    except SynthError as error:
        raise DataError(str(error)) from error
    return np.concatenate(drawn)


def _labelled(
    anatomy: DigitAnatomy, split: str, normals: int, per_kind: int
) -> LabelledImages | None:
    plan = [("normal", normals)] + [(kind, per_kind) for kind in anatomy.kinds[1:]]
    samples = [(kind, anatomy.samples(split, kind, range(count))) for kind, count in plan if count]
    flat = [(kind, index, sample) for kind, group in samples for index, sample in enumerate(group)]
    if not flat:
        return None
    masks = np.stack([sample.mask for _, _, sample in flat])
    placed = None
    if anatomy.config.generator >= GENERATOR:
        families = [str(sample.factors["family"]) for _, _, sample in flat]
        places = [sample.places for _, _, sample in flat]
        placed = placed_truth(families, masks, places, anatomy.config.cell)
    return LabelledImages(
        images=np.stack([sample.image for _, _, sample in flat]),
        labels=np.array([sample.label for _, _, sample in flat]),
        kinds=np.array([kind for kind, _, _ in flat]),
        masks=masks,
        placed=placed,
        names=np.array([f"{split}/{kind}/{index:04d}" for kind, index, _ in flat]),
    )
