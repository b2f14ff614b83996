"""JPEG of 12 bits (process 4, 'JPEG Extended'), by GDCM: pydicom knows no free decoder for it."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt16

from simsid.data.decode.quiet import quiet_stderr

try:
    import gdcm
except ImportError:  # named where it is missed
    gdcm = None

JPEG12_BITS = 12


def can_decode_jpeg12() -> bool:
    """Whether the package python-gdcm is there."""
    return gdcm is not None


def decode_jpeg12(frame: bytes, height: int, width: int) -> UInt16[np.ndarray, "height width"]:
    """A grey frame of 12 bits, whose size its header was found to have.

    Raises:
        ValueError: the frame is damaged.
    """
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(frame)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((width, height, 1))
    grey = gdcm.PhotometricInterpretation.GetPIType("MONOCHROME2")
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(grey))
    syntax = gdcm.TransferSyntax.GetTSType("1.2.840.10008.1.2.4.51")
    image.SetTransferSyntax(gdcm.TransferSyntax(syntax))
    image.SetPixelFormat(gdcm.PixelFormat(1, 16, JPEG12_BITS, JPEG12_BITS - 1, 0))
    image.SetDataElement(element)
    with quiet_stderr():  # its codec for 8 bits complains before that for 12 is asked
        pixels = image.GetBuffer().encode("utf-8", "surrogateescape")
    if len(pixels) != 2 * height * width:
        raise ValueError("frame cut short")
    return np.frombuffer(pixels, "<u2").reshape(height, width)
