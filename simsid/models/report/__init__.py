"""The networks of the SimSID report, algorithms 4.1 to 4.11; readings in docs/decisions/0003."""

from simsid.models.report.discriminator import ReportDiscriminator
from simsid.models.report.generator import ReportGenerator
from simsid.models.report.inpainting import FeatureInpainting, InpaintingTransformer
from simsid.models.report.memory import HierarchicalMemory, MemoryRead, SpaceAwareMemory
from simsid.models.report.patch_cnn import PatchBasedCNN

__all__ = [
    "FeatureInpainting",
    "HierarchicalMemory",
    "InpaintingTransformer",
    "MemoryRead",
    "PatchBasedCNN",
    "ReportDiscriminator",
    "ReportGenerator",
    "SpaceAwareMemory",
]
