import pytest

from simsid.data.sets.layout import films_below, films_by_name, kind_of, read_table, year
from simsid.errors import DataError
from tests.simsid.data import trees


def test_tables_are_read_as_spreadsheets_leave_them(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes("\ufeffname , list,empty\r\n a ,\"['x', 'y']\"\r\n".encode())
    assert list(read_table(path, ("name", "list"))) == [
        {"name": "a", "list": "['x', 'y']", "empty": ""}
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"\xff\xfe\x00broken\x80", "not a readable csv file"), (b"", "it is empty"),
     (b"name\n", "a header and no rows"), (None, "is missing")],
)  # fmt: skip
def test_a_table_that_cannot_be_read_is_named(content, says, tmp_path):
    path = tmp_path / "t.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=says) as caught:
        list(read_table(path, ("name",)))
    assert "t.csv" in str(caught.value)


def test_hidden_files_and_other_files_are_no_films(tmp_path):
    for name in ("b.PNG", "a.png", "sub/c.dicom", "._a.png", "__MACOSX/a.png", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    found = [path.relative_to(tmp_path).as_posix() for path in films_below(tmp_path)]
    assert found == ["a.png", "b.PNG", "sub/c.dicom"]


def test_of_films_with_one_name_the_first_counts(tmp_path):
    first, _ = trees.film(tmp_path / "a/x.png"), trees.film(tmp_path / "b/x.png")
    assert films_by_name(tmp_path) == {"x.png": first}


def test_a_film_is_called_by_its_one_finding():
    assert [kind_of(found) for found in ([], [""], ["a", "a "], ["b", "a"])] == [
        "normal", "normal", "a", "multiple"
    ]  # fmt: skip


def test_years_are_read_from_dates_and_numbers():
    assert [year(text) for text in ("20140915", "1953.0", "", "None")] == [2014, 1953, None, None]
