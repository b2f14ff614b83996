"""How far a download has come is told, in bytes, and nothing is drawn."""

from hub.cache import FILES
from hub.names import parse_name
from hub.pull import pull
from hub.push import collect, push


def test_a_download_tells_its_bytes_in_small_steps(server, folder, capfd):
    items, described = collect(folder)
    push(items, described, parse_name("me/digits"))
    capfd.readouterr()
    told = []
    pulled = pull(parse_name("me/digits"), progress=lambda come, total: told.append((come, total)))
    total = sum((pulled.folder / file).stat().st_size for file in FILES)
    come = [bytes_ for bytes_, _ in told]
    assert {most for _, most in told} == {total}
    assert come == sorted(come) and come[-1] == total and len(set(come)) > 10
    assert "%" not in capfd.readouterr().err


def test_a_model_in_the_cache_has_no_progress_to_tell(server, folder):
    items, described = collect(folder)
    push(items, described, parse_name("me/digits"))
    pull(parse_name("me/digits"))
    told = []
    pull(parse_name("me/digits"), local_first=True, progress=lambda *bytes_: told.append(bytes_))
    assert told == []
