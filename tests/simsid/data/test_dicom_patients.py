"""A patient's DICOM films stay in one part where no table tells who is who."""

import hashlib
import json
import random
import zlib

import numpy as np
import pytest

from simsid.data.decode.dicom_patient import patient_of
from simsid.data.load import load_data
from tests.simsid.data import trees
from tests.simsid.data.chosen import chosen
from tests.simsid.data.make_files import NATIVE, dicom, dicom_set, write

PLACES = ("train/normal", "train/normal", "train/normal", "valid/normal", "test/normal")


def film_of(patient, number=0):
    rng = np.random.default_rng([zlib.crc32(patient.encode()), number])
    pixels = rng.integers(0, 4096, (64, 64)).astype(np.uint16)
    return write(dicom_set(pixels, stored=12, PatientID=patient, PatientName="DOE^JANE"))


def hospital(root, patients=80, each=3, places=PLACES, identity="MRN{:05d}".format):
    """Films of every patient, strewn over the folders under names that tell nothing."""
    strewn = random.Random(0)
    for patient in range(patients):
        for number in range(each):
            path = root / strewn.choice(places) / f"{strewn.getrandbits(40):x}.dcm"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(film_of(identity(patient), number))
    return root


def sides(split):
    places = {}
    for film in split.films:
        places.setdefault(patient_of(film.path), set()).add(film.part)
    return places


@pytest.mark.parametrize("split", ["folders", "shifted"])
@pytest.mark.parametrize("places", [PLACES, ("train/normal",)])
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_patients_films_stand_in_one_part_of_every_split(split, places, seed, tmp_path):
    root = hospital(tmp_path, places=places)
    for index in range(3):
        trees.dicom(root / f"test/mass/m{index}.dcm")
    made, facts = chosen("folder", root, split=split, split_seed=seed)
    found = sides(made)
    found.pop(None)
    assert len(found) > 60
    assert all(len(parts) == 1 for parts in found.values())
    assert len({film.part for film in made.films if not film.label}) >= 2
    told = " ".join(made.notes)
    assert "patients of 240 films are told by their DICOM headers: 80 patients" in told
    assert "patients are not told: 3 of 243 films" in told
    assert "MRN" not in repr(made) + json.dumps(facts)


def test_no_id_and_no_hash_of_one_is_kept(tmp_path):
    data = load_data("folder", str(hospital(tmp_path)))
    kept = repr(data.facts) + repr(data.notes) + repr(data.validation.names) + repr(data.test)
    assert "MRN" not in kept
    assert "JANE" not in kept
    assert patient_of(next(tmp_path.rglob("*.dcm"))) not in kept
    assert data.validation.attributes == {}


@pytest.mark.parametrize(
    "identity", [lambda _: "", lambda _: "ANONYMOUS", lambda _: "00000", lambda _: "Export 7"]
)
def test_an_id_that_everybody_has_tells_nobody(identity, tmp_path):
    root = hospital(tmp_path, patients=20, identity=identity)
    split, _ = chosen("folder", root)
    assert len({film.patient for film in split.films}) == 60
    told = " ".join(split.notes)
    assert "every film counts as a patient of its own" in told
    assert ("60 of 60 films have the same PatientID" in told) == (identity(0) == "Export 7")


def test_a_manifest_that_tells_patients_goes_before_the_headers(tmp_path):
    root, rows = hospital(tmp_path, places=("train/normal",)), ["file,label,patient"]
    for index, path in enumerate(sorted(root.rglob("*.dcm"))):
        rows.append(f"{path.relative_to(root)},normal,{f'p{index % 30}' if index < 120 else ''}")
    (root / "manifest.csv").write_text("\n".join(rows))
    split, _ = chosen("folder", root)
    named = [film.patient for film in split.films if film.patient.startswith("p")]
    assert (len(named), len(set(named))) == (120, 30)
    assert any("patients of 120 films are told by their DICOM headers" in n for n in split.notes)


def test_spaces_and_capitals_make_no_other_patient(tmp_path):
    spellings = ("mrn 7", "MRN  7 ", " MRN 7", "MRN 8")
    for index, spelling in enumerate(spellings):
        (tmp_path / str(index)).write_bytes(film_of(spelling))
    found = [patient_of(tmp_path / str(index)) for index in range(len(spellings))]
    assert len(set(found[:3])) == 1
    assert found[3] not in found[:3]


@pytest.mark.parametrize("syntax", NATIVE)
def test_the_id_is_read_in_every_encoding(syntax, tmp_path):
    pixels = np.zeros((64, 64), np.uint16)
    (tmp_path / "a").write_bytes(dicom(pixels, syntax, PatientID="MRN 7"))
    (tmp_path / "b").write_bytes(film_of("MRN 7"))
    assert patient_of(tmp_path / "a") == patient_of(tmp_path / "b") is not None


def test_the_id_is_read_without_preamble_and_behind_a_long_header(tmp_path):
    ds = dicom_set(np.zeros((64, 64), np.uint16), PatientID="MRN 7")
    (tmp_path / "a").write_bytes(write(ds)[132:])
    ds.add_new(0x0009_0010, "LO", "OWN")
    ds.add_new(0x0009_1001, "OB", bytes(200_000))
    (tmp_path / "b").write_bytes(write(ds))
    (tmp_path / "c").write_bytes(film_of("MRN 7"))
    found = {patient_of(tmp_path / name) for name in "abc"}
    assert len(found) == 1
    assert None not in found


@pytest.mark.parametrize(
    "content", [b"", b"\x89PNG\r\n\x1a\n", bytes(128) + b"DICM", b"DICM\x08\0"]
)
def test_a_file_without_an_id_is_nobodys(content, tmp_path):
    (tmp_path / "a").write_bytes(content)
    assert patient_of(tmp_path / "a") is None
    assert patient_of(tmp_path / "gone") is None


def test_cut_files_are_nobodys_or_the_patients(tmp_path):
    whole = film_of("MRN 7")
    (tmp_path / "a").write_bytes(whole)
    full = patient_of(tmp_path / "a")
    for length in range(120, 700, 7):
        (tmp_path / "a").write_bytes(whole[:length])
        assert patient_of(tmp_path / "a") in (None, full)


def generated(root, films):
    """Folders with every side, pool and kinds, and no DICOM."""
    for index in range(films):
        trees.film(root / f"train/good/{index:03d}.png")
    for index in range(films // 4):
        trees.film(root / f"val/good/v{index}.png")
        trees.film(root / f"val/mass/w{index}.png")
        trees.film(root / f"test/good/g{index}.png")
        trees.film(root / f"test/mass/m{index}.png")
        trees.film(root / f"train/mass/p{index}.png")
    return root


@pytest.mark.parametrize(
    ("films", "seed", "digest"),
    [
        (40, 0, "f0c49b95c0d598ff"),
        (40, 1, "8cb6af83d5b1e04b"),
        (240, 0, "629c5981c9e5173a"),
        (240, 1, "5a0407b14dcd6875"),
    ],
)
def test_splits_of_other_films_are_what_they_were(films, seed, digest, tmp_path):
    split, _ = chosen("folder", generated(tmp_path, films), split_seed=seed)
    rows = sorted(  # the digests are those of the version before PatientIDs were read
        (film.path.relative_to(tmp_path).as_posix(), film.part, film.kind, film.patient)
        for film in split.films
    )
    assert hashlib.sha256(repr(rows).encode()).hexdigest()[:16] == digest
