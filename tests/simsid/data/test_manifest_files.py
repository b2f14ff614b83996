"""A manifest as any program saves it: read or refused, never passed over."""

import os

import pytest

from simsid.data.film_set import FilmOptions, choose_films
from simsid.data.load import FILM_SETS
from simsid.errors import DataError
from tests.simsid.data import trees

PATIENTS = 13


def write(root, text, name="manifest.csv", encoding="utf-8"):
    (root / name).write_bytes(text if isinstance(text, bytes) else text.encode(encoding))


def films(root, folder="train/normal", name="é{}.png"):
    return [trees.film(root / folder / name.format(index)) for index in range(2 * PATIENTS)]


def table(paths, root, mark=",", header=("file", "label", "patient"), slash="/"):
    rows = [mark.join(header)]
    for index, path in enumerate(paths):
        name = path.relative_to(root).as_posix().replace("/", slash)
        rows.append(mark.join((name, "normal", f"Müller {index % PATIENTS}")))
    return "\r\n".join(rows) + "\r\n"


def split_of(root):
    split, facts = choose_films("folder", FILM_SETS["folder"], root, FilmOptions())
    assert facts["split"] == "manifest"
    return split


def sides(split):
    places = {}
    for film in split.films:
        places.setdefault(film.patient, set()).add(film.part)
    return places


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16", "utf-16-le", "utf-16-be", "utf-32"],
)
def test_any_delimiter_and_encoding_keeps_patients_on_one_side(mark, encoding, tmp_path):
    write(tmp_path, table(films(tmp_path), tmp_path, mark), encoding=encoding)
    split = split_of(tmp_path)
    assert len(split.films) == 2 * PATIENTS
    places = sides(split)
    assert len(places) == PATIENTS
    assert all(len(parts) == 1 for parts in places.values())


@pytest.mark.parametrize(
    "header",
    [
        ("File", "Label", "Patient"),
        (" FILE ", " LABEL ", " PATIENT "),
        ('"file"', '"label"', '"patient"'),
        ("Filename", "Class", "Patient ID"),
        ("file_name", "label", "patient_id"),
        ("Image Path", "labels", "PatientID"),
        ("path", "label", "Subject"),
    ],
)
def test_capitals_spaces_and_usual_names_of_columns_are_understood(header, tmp_path):
    write(tmp_path, table(films(tmp_path), tmp_path, ";", header))
    assert len(sides(split_of(tmp_path))) == PATIENTS


@pytest.mark.parametrize("slash", ["/", "\\"])
@pytest.mark.parametrize("name", ["manifest.csv", "Manifest.CSV", "MANIFEST.csv", "manifest.tsv"])
def test_kinds_of_slashes_and_names_of_the_table(slash, name, tmp_path):
    write(tmp_path, table(films(tmp_path), tmp_path, "\t", slash=slash), name)
    assert len(sides(split_of(tmp_path))) == PATIENTS


def test_accents_written_in_another_way_and_marks_of_excel_are_understood(tmp_path):
    text = table(films(tmp_path, name="e\u0301{}.png"), tmp_path, ";").replace("e\u0301", "é")
    write(tmp_path, "sep=;\r\n" + text + ";;\r\n\r\n")
    assert len(sides(split_of(tmp_path))) == PATIENTS


def test_one_patient_in_other_capitals_or_spaces_is_one_patient(tmp_path):
    text = table(films(tmp_path), tmp_path)
    write(tmp_path, text.replace("Müller 1\r", "MÜLLER  1\r", 1))
    assert len(sides(split_of(tmp_path))) == PATIENTS


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_lines_may_end_as_on_any_system(end, tmp_path):
    write(tmp_path, table(films(tmp_path), tmp_path).replace("\r\n", end))
    assert len(sides(split_of(tmp_path))) == PATIENTS


def test_names_on_disk_may_be_in_latin_letters(tmp_path):
    (tmp_path / "train/normal").mkdir(parents=True)
    for path in films(tmp_path / "made", "."):
        name = os.fsdecode(path.name.encode("latin-1"))
        path.rename(tmp_path / "train/normal" / name)
    rows = [f"train/normal/é{index}.png,normal,p{index % 13}" for index in range(2 * PATIENTS)]
    write(tmp_path, "\n".join(["file,label,patient", *rows]), encoding="latin-1")
    assert len(sides(split_of(tmp_path))) == PATIENTS


def test_quoted_fields_may_hold_the_delimiter(tmp_path):
    paths = films(tmp_path, name="a, {}.png")
    rows = [
        f'"{path.relative_to(tmp_path)}","normal","Doe, {i % 13}"' for i, path in enumerate(paths)
    ]
    write(tmp_path, "\n".join(["file,label,patient", *rows]))
    assert len(sides(split_of(tmp_path))) == PATIENTS


def test_labels_may_be_the_kits_numbers(tmp_path):
    write(tmp_path, table(films(tmp_path), tmp_path).replace(",normal,", ",0,"))
    assert not any(film.label for film in split_of(tmp_path).films)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", r"lacks the column 'file'; it has none: it is empty"),
        ("a,b\n1,2\n", r"lacks the column 'file'; it has a, b"),
        ("file label patient\na.png normal p\n", "lacks the column 'file'"),
        ("file,patient\na.png,p\n", "lacks the column 'label'"),
        ("file,label\n", "a header and no rows"),
        ("file,label,PatNr\na.png,normal,7\n", "no column 'patient' but one 'patnr'"),
        ("file,filename,label\na.png,b.png,normal\n", "several columns for 'file'"),
        ("file,label\na, b.png,normal,x\n", "row 2 has more fields than the header"),
        ("file,label\n,normal\n", "a row without a file"),
        ("file,label\na.png,ill\n", "label of a.png is 'ill'"),
        ("file,label,split\na.png,normal,later\n", "split of a.png is 'later'"),
        ("file,label,patient\na.png,normal,p\na.png,abnormal,p\n", "names a.png twice"),
        ("file,label,patient\na.png,normal,p\na.png,normal,q\n", "names a.png twice"),
        (b"\x00\x01\x02" * 50, "not a readable csv file"),
        (b"\xff\xfe\x00", "not a readable csv file"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_understood_is_refused_by_name(text, says, tmp_path):
    films(tmp_path)
    trees.film(tmp_path / "a.png")
    write(tmp_path, text)
    with pytest.raises(DataError, match=says) as caught:
        split_of(tmp_path)
    assert "manifest.csv" in str(caught.value)


@pytest.mark.parametrize("name", ["manifest.xlsx", "manifest.csv.gz", "Manifest.ods"])
def test_a_spreadsheet_is_refused_with_a_remedy(name, tmp_path):
    films(tmp_path)
    write(tmp_path, b"PK", name)
    with pytest.raises(DataError, match=r"is not read: save it as manifest\.csv"):
        split_of(tmp_path)


def test_two_manifests_are_refused(tmp_path):
    for name in ("manifest.csv", "manifest.tsv"):
        write(tmp_path, table(films(tmp_path), tmp_path), name)
    with pytest.raises(DataError, match="leave one"):
        split_of(tmp_path)


def test_without_a_column_of_patients_that_is_told(tmp_path):
    write(tmp_path, table(films(tmp_path), tmp_path).replace("patient", "remark"))
    notes = " ".join(split_of(tmp_path).notes)
    assert "patients are not told: every film counts as a patient of its own" in notes


def test_films_that_the_manifest_does_not_name_are_told(tmp_path):
    write(tmp_path, table(films(tmp_path), tmp_path))
    trees.film(tmp_path / "train/normal/more.png")
    assert "images not used: 1 in train/" in split_of(tmp_path).notes[0]
