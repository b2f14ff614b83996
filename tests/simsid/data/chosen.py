"""What the tests of data sets share: films as they are chosen, and files changed in place."""

from pathlib import Path

from simsid.data.film_set import FilmOptions, choose_films
from simsid.data.load import FILM_SETS


def chosen(name, root, **options):
    return choose_films(name, FILM_SETS[name], root, FilmOptions(**options))


def counts(split):
    return {
        part: (
            sum(f.part == part and not f.label for f in split.films),
            sum(f.part == part and f.label for f in split.films),
        )
        for part in ("train", "calibration", "validation", "test", "pool")
    }


def touch(path: Path, *_: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8-sig")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
