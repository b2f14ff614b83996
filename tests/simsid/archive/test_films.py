"""Films by lists, from tar shards and from ``datasets`` folders are the same films."""

from __future__ import annotations

import io
import tarfile

import pytest

from simsid.archive.films import DatasetFilm, TarFilm, archive_films, is_archive
from simsid.data.file_table import listed_films
from simsid.errors import DataError, ImageError


def write_tar(path, files, mode="w"):
    with tarfile.open(path, mode) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def contents(folder):
    return [file.read_bytes() for file in sorted(folder.iterdir())]


def test_a_folder_and_a_list_give_the_same_films_and_the_list_its_ids(films, tmp_path):
    names = sorted(file.name for file in films.iterdir())
    (films / "l.csv").write_text(
        "id,file\n" + "".join(f"A{i},{name}\n" for i, name in enumerate(names)), encoding="utf-8"
    )
    listed = list(archive_films([], films / "l.csv"))
    (films / "l.csv").unlink()
    found = list(archive_films([str(films)], None))
    assert [film.name for film in listed] == [film.name for film in found]
    assert [film.read() for film in listed] == [film.read() for film in found] == contents(films)
    assert [film.id for film in listed[:2]] == ["A0", "A1"]
    assert {film.id for film in found} == {""}


def test_a_text_file_names_a_film_in_each_line(tmp_path):
    (tmp_path / "l.txt").write_text("a.png\n\n b c.png \n/x/d.png\n", encoding="utf-8")
    paths = [film.path for film in listed_films(tmp_path / "l.txt")]
    assert [str(path) for path in paths[-1:]] == ["/x/d.png"]
    assert paths[:-1] == [tmp_path / "a.png", tmp_path / "b c.png"]


@pytest.mark.parametrize("mark", ["\t", ","])
def test_a_text_file_with_a_header_is_a_table(mark, tmp_path):
    rows = [("id", "file"), ("7", "a.png"), ("8", "b.png")]
    (tmp_path / "l.txt").write_text(
        "".join(f"{mark.join(row)}\n" for row in rows), encoding="utf-8"
    )
    found = [(film.path, film.id) for film in listed_films(tmp_path / "l.txt")]
    assert found == [(tmp_path / "a.png", "7"), (tmp_path / "b.png", "8")]


def test_a_list_that_names_a_film_twice_gives_it_twice(tmp_path):
    (tmp_path / "l.csv").write_text("file;id\na.png;1\na.png;2\n", encoding="utf-8")
    assert [film.id for film in archive_films([], tmp_path / "l.csv")] == ["1", "2"]


def test_a_film_that_several_paths_name_is_given_once(films, tmp_path):
    names = sorted(str(file) for file in films.iterdir())
    (tmp_path / "link").symlink_to(films)
    paths = [names[2], str(films / "*.png"), str(films), str(tmp_path / "link"), names[2]]
    found = [film.name for film in archive_films(paths, None)]
    assert found == [names[2], *names[:2], *names[3:]]
    write_tar(tmp_path / "a-0.tar", {"x.png": b"1"})
    write_tar(tmp_path / "a-1.tar", {"x.png": b"2"})
    tars = [str(tmp_path / "a-1.tar"), str(tmp_path / "a-*.tar"), str(tmp_path / "a-0.tar")]
    assert [film.read() for film in archive_films(tars, None)] == [b"2", b"1"]


def test_ids_of_a_parquet_list_are_texts(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = arrow.table({"id": [7, None], "file": ["a.png", "b.png"]})
    parquet.write_table(table, tmp_path / "l.parquet")
    assert [film.id for film in listed_films(tmp_path / "l.parquet")] == ["7", ""]


@pytest.mark.parametrize("pattern", ["shards/a-00000.tar", "shards/a-*.tar", "s*s/a-*.tar"])
def test_tar_shards_give_their_images_in_order_with_their_keys(pattern, films, tmp_path):
    files = sorted(films.iterdir())
    (tmp_path / "shards").mkdir()
    for number, part in enumerate((files[:10], files[10:])):
        held = {f"./x/{file.name}": file.read_bytes() for file in part}
        held |= {f"./x/{file.stem}.cls": b"1" for file in part}
        write_tar(tmp_path / f"shards/a-{number:05d}.tar", held)
    found = list(archive_films([str(tmp_path / pattern)], None))
    count = 10 if "00000" in pattern else len(files)
    assert [film.read() for film in found] == contents(films)[:count]
    assert [film.id for film in found] == [f"x/{file.stem}" for file in files[:count]]
    assert found[0].name == f"{tmp_path.as_posix()}/shards/a-00000.tar/x/{files[0].name}"


def test_shards_that_webdataset_writes_are_read(films, tmp_path):
    webdataset = pytest.importorskip("webdataset")
    with webdataset.TarWriter(str(tmp_path / "w.tar")) as writer:
        for file in sorted(films.iterdir()):
            writer.write({"__key__": file.stem, "png": file.read_bytes(), "json": {"age": 7}})
    found = list(archive_films([str(tmp_path / "w.tar")], None))
    assert [film.read() for film in found] == contents(films)
    assert [film.id for film in found] == [file.stem for file in sorted(films.iterdir())]


def test_a_tar_that_ends_too_early_costs_its_film_alone(tmp_path):
    (tmp_path / "t.tar").write_bytes(b"123")
    with pytest.raises(ImageError, match="ends too early") as error:
        TarFilm("t.tar/a.png", str(tmp_path / "t.tar"), "", start=1, size=9).read()
    assert error.value.code == "truncated"


def test_a_damaged_header_does_not_end_a_tar_in_silence(films, tmp_path):
    files = sorted(films.iterdir())[:6]
    write_tar(tmp_path / "d.tar", {file.name: file.read_bytes() for file in files})
    with tarfile.open(tmp_path / "d.tar") as tar:
        place = tar.getmembers()[3].offset
    content = bytearray((tmp_path / "d.tar").read_bytes())
    content[place] ^= 0xFF
    (tmp_path / "d.tar").write_bytes(content)
    found = []
    with pytest.raises(DataError, match=f"damaged at byte {place}"):
        found.extend(archive_films([str(tmp_path / "d.tar")], None))
    (tmp_path / "d.tar").write_bytes(content[:place])  # without an end, as some programs write it
    assert len(list(archive_films([str(tmp_path / "d.tar")], None))) == 3


def test_a_compressed_tar_is_refused_with_the_remedy(tmp_path):
    write_tar(tmp_path / "c.tar", {"a.png": b"1"}, "w:gz")
    with pytest.raises(DataError, match="unpack a compressed one first"):
        list(archive_films([str(tmp_path / "c.tar")], None))
    with pytest.raises(DataError, match="no such tar"):
        list(archive_films([str(tmp_path / "gone.tar")], None))


@pytest.fixture(scope="module")
def datasets():
    return pytest.importorskip("datasets")


def test_rows_of_a_datasets_folder_are_films_split_by_split(datasets, films, tmp_path):
    files = sorted(films.iterdir())

    def made(part):
        images = [{"bytes": file.read_bytes(), "path": file.name} for file in part]
        columns = {"image": images, "id": [f"n{file.stem}" for file in part]}
        kinds = {"image": datasets.Image(), "id": datasets.Value("string")}
        return datasets.Dataset.from_dict(columns, features=datasets.Features(kinds))

    whole = datasets.DatasetDict({"a": made(files[:5]), "b": made(files[5:])})
    whole.save_to_disk(str(tmp_path / "set"))
    assert is_archive(str(tmp_path / "set")) and not is_archive(str(films))
    found = list(archive_films([str(tmp_path / "set")], None))
    assert [film.read() for film in found] == contents(films)
    assert found[5].name == f"{tmp_path.as_posix()}/set/b/0"
    assert found[5].id == f"n{files[5].stem}"


def test_a_datasets_folder_without_images_is_told(datasets, tmp_path):
    datasets.Dataset.from_dict({"a": [1]}).save_to_disk(str(tmp_path / "set"))
    with pytest.raises(DataError, match="0 columns of images"):
        list(archive_films([str(tmp_path / "set")], None))


def test_a_row_that_points_at_a_file_elsewhere_is_not_followed(films, monkeypatch):
    row = {"image": {"bytes": None, "path": str(films / "00.png")}}
    monkeypatch.setattr("simsid.archive.films._opened", lambda *_: [row])
    with pytest.raises(ImageError) as error:
        DatasetFilm("set/0", "set", "", column="image", row=0).read()
    assert error.value.code == "empty"
