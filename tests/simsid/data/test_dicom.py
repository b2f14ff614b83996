from __future__ import annotations

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.pixels import apply_modality_lut, apply_voi_lut, get_decoder
from pydicom.sequence import Sequence

from simsid.data.decode import dicom as dicom_module
from simsid.data.images import read_film, read_image
from simsid.errors import ImageError
from tests.simsid.data.make_files import (
    BIG_ENDIAN,
    DATA,
    DEFLATED,
    EXACT,
    EXPLICIT,
    IMPLICIT,
    J2K,
    J2K_LOSSY,
    JPEG,
    JPEG_LS,
    LOSSLESS,
    NATIVE,
    SECRET,
    dicom,
    dicom_set,
    film16,
    framed,
    picture,
    write,
)

FILM = film16()
DEPTHS = {
    "16 of 16": (FILM, 16),
    "12 of 16": (FILM >> 4, 12),
    "8 of 8": ((FILM >> 8).astype(np.uint8), 8),
    "signed 12 of 16": ((FILM >> 4).astype(np.int16) - 2048, 12),
}


@pytest.mark.parametrize("syntax", EXACT)
@pytest.mark.parametrize("depth", DEPTHS)
def test_without_a_window_the_full_range_of_the_stored_bits_becomes_0_to_1(syntax, depth):
    pixels, stored = DEPTHS[depth]
    lowest = -(2 ** (stored - 1)) if pixels.dtype.kind == "i" else 0
    film = read_film(dicom(pixels, syntax, stored=stored))
    assert film.pixels == pytest.approx((pixels - float(lowest)) / (2**stored - 1), abs=1e-6)
    assert (film.format, film.bits, film.photometric) == ("DICOM", stored, "MONOCHROME2")
    assert film.warnings == ()


@pytest.mark.parametrize("syntax", [JPEG, J2K_LOSSY])
def test_lossy_encodings_are_close(syntax):
    pixels = (FILM >> 8).astype(np.uint8)
    assert np.abs(read_image(dicom(pixels, syntax)) - pixels / 255).max() < 0.05


@pytest.mark.parametrize("syntax", [*NATIVE, JPEG])
def test_monochrome1_is_turned_round(syntax):
    pixels = (FILM >> 8).astype(np.uint8)
    dark = read_image(dicom(pixels, syntax, photometric="MONOCHROME1"))
    assert dark == pytest.approx(1 - read_image(dicom(pixels, syntax)), abs=1e-6)


def test_rescale_comes_before_the_window_and_inversion_last():
    pixels = FILM >> 4
    options = {"stored": 12, "RescaleSlope": 2, "RescaleIntercept": -1000}
    window = {"WindowCenter": 2000, "WindowWidth": 3000}
    expected = np.clip((pixels * 2.0 - 1000 - 1999.5) / 2999 + 0.5, 0, 1)
    bright = read_image(dicom(pixels, **options, **window))
    assert bright == pytest.approx(expected, abs=1e-6)
    dark = read_image(dicom(pixels, photometric="MONOCHROME1", **options, **window))
    assert dark == pytest.approx(1 - expected, abs=1e-6)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize("signed", [False, True])
def test_windows_agree_with_pydicom(function, signed):
    pixels = (FILM >> 4).astype(np.int16) - 2048 if signed else FILM >> 4
    elements = {"WindowCenter": [700, 5], "WindowWidth": [1500, 7], "VOILUTFunction": function}
    ds = dicom_set(pixels, stored=12, RescaleSlope=1, RescaleIntercept=300, **elements)
    reference = apply_voi_lut(apply_modality_lut(pixels, ds), ds)
    low = (-2048 if signed else 0) + 300
    assert read_image(write(ds)) == pytest.approx((reference - low) / 4095, abs=1e-6)


@pytest.mark.parametrize("width", [64, 63])
def test_bytes_in_big_endian_words_come_in_their_order(width):
    pixels = (FILM >> 8).astype(np.uint8)[:47, :width]
    ds = dicom_set(pixels)
    padded = pixels.tobytes() + b"\0" * (pixels.size % 2)
    ds.PixelData = np.frombuffer(padded, "<u2").astype(">u2").tobytes()
    ds["PixelData"].VR = "OW"
    assert read_image(write(ds, BIG_ENDIAN)) == pytest.approx(pixels / 255, abs=1e-6)


@pytest.mark.parametrize("syntax", [EXPLICIT, BIG_ENDIAN])
def test_overlay_bits_above_the_pixels_are_cut_off(syntax):
    signed = (FILM >> 4).astype(np.int16) - 2048
    for pixels in (FILM >> 4, signed):
        above = np.where(np.indices(pixels.shape).sum(0) % 2, 0xA000, 0).astype(np.uint16)
        ds = dicom_set(((pixels.view(np.uint16) & 0xFFF) | above).view(pixels.dtype), stored=12)
        assert np.array_equal(
            read_image(write(ds, syntax)), read_image(dicom(pixels, syntax, stored=12))
        )


@pytest.mark.slow
def test_a_deflated_film_longer_than_its_first_piece_is_whole_wherever_that_ends(monkeypatch):
    film = np.zeros((48, 64), np.uint16)
    film[:24] = FILM[:24]
    data = dicom(film, DEFLATED)
    assert data[-1:] == b"\0"  # padded to even length
    for head in range(6_000, 6_400):
        monkeypatch.setattr(dicom_module, "_HEAD", head)
        assert read_film(data).pixels == pytest.approx(film / 65535, abs=1e-6)


def table(first: int, bits: int, entries: np.ndarray) -> Sequence:
    item = Dataset()
    item.LUTDescriptor = [len(entries), first, bits]
    item.LUTData = entries.astype("<u2").tobytes()
    item["LUTDescriptor"].VR, item["LUTData"].VR = "US", "OW"
    return Sequence([item])


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, JPEG_LS])
@pytest.mark.parametrize(("first", "length"), [(0, 4096), (500, 1000)])
def test_voi_table_agrees_with_pydicom_and_goes_before_a_window(first, length, syntax):
    pixels, curve = FILM >> 4, np.sqrt(np.linspace(0, 1, length)) * 1023
    options = {"WindowCenter": 1, "WindowWidth": 2, "VOILUTSequence": table(first, 10, curve)}
    stored = pydicom.dcmread(DicomBytesIO(dicom(pixels, stored=12, **options)))
    reference = apply_voi_lut(pixels, stored)
    assert read_image(dicom(pixels, syntax, stored=12, **options)) == pytest.approx(
        reference / 1023, abs=1e-6
    )


def test_a_voi_table_of_8_bits_is_read_with_12_bit_values():
    pixels, curve = FILM >> 4, np.arange(4096) >> 4
    image = read_image(dicom(pixels, stored=12, VOILUTSequence=table(0, 8, curve)))
    assert image == pytest.approx((pixels >> 4) / 255, abs=1e-6)


def test_modality_table_comes_first():
    pixels, turned = FILM >> 4, np.arange(4095, -1, -1)
    options = {"ModalityLUTSequence": table(0, 12, turned), "stored": 12}
    assert read_image(dicom(pixels, **options)) == pytest.approx((4095 - pixels) / 4095, abs=1e-6)


def test_a_negative_slope_turns_round():
    image = read_image(dicom(FILM, RescaleSlope=-1, RescaleIntercept=65535))
    assert image == pytest.approx(1 - FILM / 65535, abs=1e-6)


@pytest.mark.parametrize(
    "elements",
    [
        {"WindowCenter": 100, "WindowWidth": 0},
        {"WindowCenter": 100, "WindowWidth": -5},
        {"WindowCenter": 100, "WindowWidth": 50, "VOILUTFunction": "CUBIC"},
        {"VOILUTSequence": table(0, 40, np.arange(9))},
    ],
)
def test_a_window_that_makes_no_sense_is_ignored_and_told(elements):
    film = read_film(dicom(FILM, **elements))
    assert film.warnings == ("window_ignored",)
    assert film.pixels == pytest.approx(FILM / 65535, abs=1e-6)


@pytest.mark.parametrize(("value", "warned"), [("NO", False), ("YES", True), (None, True)])
def test_burned_in_annotation_is_warned_of_unless_denied(value, warned):
    ds = dicom_set(FILM)
    del ds.BurnedInAnnotation
    if value:
        ds.BurnedInAnnotation = value
    assert ("burned_in_annotation" in read_film(write(ds)).warnings) is warned


@pytest.mark.parametrize(("codec", "syntax"), [("gdcm", LOSSLESS), ("pylibjpeg-openjpeg", J2K)])
def test_a_missing_codec_is_named(codec, syntax, monkeypatch):
    data = dicom(FILM, syntax)
    decoder = get_decoder(pydicom.uid.UID(syntax))
    monkeypatch.setattr(decoder, "_available", {})
    with pytest.raises(ImageError, match=codec) as caught:
        read_film(data)
    assert caught.value.code == "missing_codec"


def test_every_codec_that_requirements_name_is_there():
    for syntax, (_, plugins, _) in dicom_module._CODECS.items():
        assert plugins[0] in get_decoder(pydicom.uid.UID(syntax)).available_plugins


@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_nested_sequences_and_private_elements_are_stepped_over(syntax, undefined):
    ds, inner = dicom_set(FILM), Dataset()
    inner.PatientName = SECRET
    for _ in range(30):
        outer = Dataset()
        outer.add_new(0x0040A730, "SQ", Sequence([inner, inner] if len(outer) else [inner]))
        outer["ContentSequence"].is_undefined_length = undefined
        outer.is_undefined_length_sequence_item = undefined
        inner = outer
    ds.add_new(0x00091001, "UN", b"\xfe\xff\x0d\xe0" * 5)
    ds.add_new(0x00081115, "SQ", Sequence([inner]))
    ds[0x00081115].is_undefined_length = undefined
    assert read_image(write(ds, syntax)) == pytest.approx(FILM / 65535, abs=1e-6)


def test_a_frame_in_several_fragments_or_in_a_jp2_file_is_read():
    pixels = (FILM >> 8).astype(np.uint8)
    ds, stream = dicom_set(pixels), picture(pixels, "JPEG2000")
    assert stream[4:8] == b"jP  "
    assert read_image(framed(ds, J2K, stream)) == pytest.approx(pixels / 255, abs=1e-6)
    ds = pydicom.dcmread(DicomBytesIO(dicom(pixels, J2K)))
    frame = next(pydicom.encaps.generate_frames(ds.PixelData, number_of_frames=1))
    ds.PixelData = pydicom.encaps.encapsulate([frame], fragments_per_frame=3, has_bot=False)
    assert read_image(write(ds, J2K)) == pytest.approx(pixels / 255, abs=1e-6)


@pytest.mark.parametrize("planar", [0, 1])
def test_colour_becomes_luminance(planar):
    rgb = np.stack([FILM >> 8, FILM >> 9, FILM >> 10], -1).astype(np.uint8)
    stored = rgb if planar == 0 else np.ascontiguousarray(np.moveaxis(rgb, -1, 0))
    ds = dicom_set(rgb, photometric="RGB")
    ds.PlanarConfiguration, ds.PixelData = planar, stored.tobytes()
    expected = rgb @ [0.299, 0.587, 0.114] / 255
    assert read_image(write(ds)) == pytest.approx(expected, abs=1e-6)


def test_nothing_of_the_header_comes_out(caplog):
    good = dicom(FILM)
    film = read_film(good)
    assert SECRET not in repr({k: v for k, v in vars(film).items() if k != "pixels"})
    for cut in range(140, len(good), 97):
        with pytest.raises(ImageError) as caught:
            read_film(good[:cut])
        assert SECRET not in str(caught.value)
        assert caught.value.__cause__ is None
    assert caplog.text == ""


@pytest.mark.skipif(not (DATA / "dicom").is_dir(), reason="needs ../shared/data")
def test_real_films_are_read_as_their_headers_say():
    chest = read_film(DATA / "dicom/chest_16bit_monochrome1.dcm")
    ds = pydicom.dcmread(DATA / "dicom/chest_16bit_monochrome1.dcm")
    windowed = apply_voi_lut(apply_modality_lut(ds.pixel_array, ds), ds)
    assert chest.bits == 15
    assert np.abs(chest.pixels - (1 - windowed / (2**15 - 1))).max() < 1e-6
    leg = read_film(DATA / "dicom/leg_jpeg2000_monochrome1.dcm")
    assert (leg.size, leg.bits, leg.photometric) == ((1760, 1760), 10, "MONOCHROME1")
    plain = read_film(DATA / "dicom/siim_jpeg_baseline.dcm")
    pixels = pydicom.dcmread(DATA / "dicom/siim_jpeg_baseline.dcm").pixel_array
    assert np.abs(plain.pixels - pixels / 255).max() < 1e-6
