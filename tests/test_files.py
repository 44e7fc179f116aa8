"""Files are whole or absent."""

import json
import os
import pathlib

import pytest

from kerasmodels._support import files


def test_failure_leaves_the_old_file_and_no_rubbish(tmp_path):
    path = tmp_path / "result.json"
    files.write_json(path, {"u0": 1.0})
    with pytest.raises(RuntimeError), files.replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError("killed")
    assert json.loads(path.read_text()) == {"u0": 1.0}
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]


def test_text_that_cannot_be_written_leaves_the_old_file(tmp_path):
    path = tmp_path / "result.json"
    files.write_text(path, "old")
    # Half of a pair has no place in UTF-8.
    with pytest.raises(UnicodeEncodeError):
        files.write_text(path, "new \ud800")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]


def test_folder_replaces_folder(tmp_path):
    for name in ("old", "new"):
        with files.replacing(tmp_path / "export", mark="mark") as temporary:
            temporary.mkdir()
            (temporary / "mark").touch()
            (temporary / name).touch()
    names = {p.name for p in pathlib.Path(tmp_path / "export").iterdir()}
    assert names == {"mark", "new"}
    assert len(list(tmp_path.iterdir())) == 1


def test_folder_of_other_files_is_left_alone(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").touch()
    for mark in (None, "mark"):
        with pytest.raises(FileExistsError), files.replacing(tmp_path / "out", mark):
            raise AssertionError("not reached")
    assert (tmp_path / "out" / "thesis.tex").exists()


def test_json_is_strict(tmp_path):
    with pytest.raises(ValueError):
        files.write_json(tmp_path / "r.json", {"u0": float("nan")})
    assert not (tmp_path / "r.json").exists()


BAD_JSON = {
    "half": b'{"u0": 1.',
    "empty": b"",
    "not a number": b'{"u0": NaN}',
    "infinite": b"[-Infinity]",
    "too large for a float": b"[1e400]",
    "5000 digits": b"9" * 5000,
    "deep": b"[" * 10**6,
    "twice": b'{"u0": 1, "u0": 2}',
    "Latin": b'"\xe9"',
    "binary": bytes(range(256)),
    "long": b" " * (2**25 + 1),
}


@pytest.mark.parametrize("name", BAD_JSON)
def test_spoilt_json_is_refused(name, tmp_path):
    path = tmp_path / "r.json"
    path.write_bytes(BAD_JSON[name])
    with pytest.raises(ValueError, match="`read_json` expects `path` to be .*Received: "):
        files.read_json(path)


def test_json_that_is_not_there_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name, found in [("pipe", "a pipe"), ("none", "no such file"), (".", "a folder")]:
        with pytest.raises(ValueError, match=found):
            files.read_json(tmp_path / name)


def test_json_comes_back_as_it_was_written(tmp_path):
    value = {"u0": 4.5901, "seed": 2**62, "history": [[1, -0.5e-300], None, "\u00e9"]}
    files.write_json(tmp_path / "r.json", value)
    assert files.read_json(tmp_path / "r.json") == value
