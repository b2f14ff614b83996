"""How a data set lies on disk: one module a layout, and the table of them."""

from synth.layouts.base import Layout
from synth.layouts.imagefolder import ImageFolderLayout
from synth.layouts.mvtec import MVTecLayout
from synth.layouts.parquet import ParquetLayout
from synth.layouts.webdataset import WebDatasetLayout

LAYOUTS: dict[str, Layout] = {
    "mvtec": MVTecLayout(),
    "imagefolder": ImageFolderLayout(),
    "parquet": ParquetLayout(),
    "webdataset": WebDatasetLayout(),
}

__all__ = ["LAYOUTS", "Layout"]
