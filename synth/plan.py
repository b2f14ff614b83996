"""What a data set holds: its parameters, and the list of its samples."""

from dataclasses import asdict, dataclass, field

from synth.anatomy import DigitAnatomy
from synth.config import SPLITS, AnatomyConfig, require_int
from synth.errors import SynthError

_MOST = 10_000_000


@dataclass(frozen=True)
class DatasetConfig:
    """Parameters of a data set on disk.

    Attributes:
        anatomy: what its images show.
        train: training images; contamination counts among them.
        val: normal validation images; each kind adds val // number-of-kinds abnormal ones.
        test_normal: normal test images.
        test_per_kind: test images of each abnormal kind.
        kinds: the abnormal kinds to include; None takes all that the anatomy can show.
        layout: a name in ``LAYOUTS``.
        track: name of the track that froze these parameters; None if none did.

    Raises:
        SynthError: a number cannot be used, or all of them are 0.
    """

    anatomy: AnatomyConfig = field(default_factory=AnatomyConfig)
    train: int = 1000
    val: int = 200
    test_normal: int = 200
    test_per_kind: int = 100
    kinds: tuple[str, ...] | None = None
    layout: str = "mvtec"
    track: str | None = None

    def __post_init__(self) -> None:
        for name in ("train", "val", "test_normal", "test_per_kind"):
            require_int(name.replace("_", "-"), getattr(self, name), 0, _MOST)
        if self.train + self.val + self.test_normal + self.test_per_kind == 0:
            raise SynthError(
                "train, val, test-normal and test-per-kind are all 0; ask for at least one image"
            )

    def parameters(self) -> dict:
        """Everything that decides the pixels, as JSON types; machine paths are left out."""
        return asdict(self) | {"anatomy": self.anatomy.public()}


@dataclass(frozen=True)
class Entry:
    """One image of a data set: which sample it is, and what it is called there.

    Attributes:
        id: 'split/folder/number', where folder is 'good' or the kind (always 'good' in train).
        split, kind, index: the sample, see :meth:``synth.anatomy.DigitAnatomy.sample``.
    """

    id: str
    split: str
    kind: str
    index: int


def list_entries(config: DatasetConfig, anatomy: DigitAnatomy) -> list[Entry]:
    """Name every image of the data set, split by split.

    Raises:
        SynthError: a kind is unknown, or the anatomy cannot show it.
    """
    kinds = anatomy.kinds[1:] if config.kinds is None else config.kinds
    for kind in kinds:
        if kind == "normal":
            raise SynthError("kinds: normal images are in every set; name abnormal kinds only")
        anatomy.require_kind(kind)
    entries = [
        Entry(f"train/good/{number:04d}", "train", kind, index)
        for number, (kind, index) in enumerate(anatomy.train_plan(config.train, kinds))
    ]
    counts = {
        "val": (config.val, config.val // max(len(kinds), 1)),
        "test": (config.test_normal, config.test_per_kind),
    }
    for split in SPLITS[1:]:
        normal, each = counts[split]
        for kind, count in (("normal", normal), *((kind, each) for kind in kinds)):
            folder = "good" if kind == "normal" else kind
            entries += [
                Entry(f"{split}/{folder}/{index:04d}", split, kind, index) for index in range(count)
            ]
    return entries
