"""Files are whole or absent."""

import json
import pathlib

import pytest

from kerasmodels import _files


def test_failure_leaves_the_old_file_and_no_rubbish(tmp_path):
    path = tmp_path / "result.json"
    _files.write_json(path, {"u0": 1.0})
    with pytest.raises(RuntimeError), _files.replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError("killed")
    assert json.loads(path.read_text()) == {"u0": 1.0}
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]


def test_folder_replaces_folder(tmp_path):
    for name in ("old", "new"):
        with _files.replacing(tmp_path / "export", mark="mark") as temporary:
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
        with pytest.raises(FileExistsError), _files.replacing(tmp_path / "out", mark):
            raise AssertionError("not reached")
    assert (tmp_path / "out" / "thesis.tex").exists()


def test_json_is_strict(tmp_path):
    with pytest.raises(ValueError):
        _files.write_json(tmp_path / "r.json", {"u0": float("nan")})
    assert not (tmp_path / "r.json").exists()
