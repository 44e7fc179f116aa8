"""A sweep: one table, failures as rows, finished runs kept."""

import csv
import importlib
import json

import pytest

from kerasmodels import bsde
from tests.helpers import refusals

TINY = {"num_steps": 2, "steps": 2, "batch_size": 8, "num_paths": 64, "max_rounds": 1}
FATAL = """
import os

import keras

from tests.helpers import Hand


@keras.saving.register_keras_serializable(package="fatal")
class Fatal(Hand):
    def driver(self, t, x, u, z):
        os.kill(os.getpid(), 9)
"""


def test_failures_are_rows_and_finished_runs_are_kept(tmp_path, monkeypatch):
    # The terminal values of the second are infinite.
    equations = {"good": bsde.HJB(2), "bad": bsde.Heat(2, x0=1e30)}
    found = bsde.sweep(equations, [3], tmp_path, jobs=0, verbose=0, **TINY)
    assert [(row["equation"], row["seed"]) for row in found] == [("good", 3), ("bad", 3)]
    assert found[0]["error"] is None and found[0]["u0"] > 0 and found[0]["half_width"] > 0
    assert "NaN or infinite" in found[1]["error"] and found[1]["u0"] is None
    with open(tmp_path / "results.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["equation"] for row in table] == ["good", "bad"]
    assert float(table[0]["u0"]) == found[0]["u0"]
    folder = tmp_path / "good" / "seed-3"
    result = json.loads((folder / "result.json").read_text())
    assert result["seed"] == 3 and result["steps"] == 2
    assert not (tmp_path / "bad" / "seed-3").exists()

    ran = []
    module = importlib.import_module("kerasmodels.bsde.fleet.sweep")
    monkeypatch.setattr(
        module, "_run_here", lambda job, place: ran.append(job["name"]) or "again"
    )
    again = bsde.sweep(equations, [3], tmp_path, jobs=0, verbose=0, **TINY)
    assert ran == ["bad"] and again[0] == found[0] and again[1]["error"] == "again"
    bsde.sweep(equations, [3], tmp_path, jobs=0, verbose=0, overwrite=True, **TINY)
    assert ran == ["bad", "good", "bad"]
    with pytest.raises(ValueError, match="had other options"):
        bsde.sweep(equations, [3], tmp_path, jobs=0, **{**TINY, "steps": 3})


def test_a_process_that_is_killed_takes_no_other_along(tmp_path, monkeypatch, capsys):
    (tmp_path / "fatal_equation.py").write_text(FATAL)
    monkeypatch.syspath_prepend(tmp_path)
    import fatal_equation

    equations = {"fatal": fatal_equation.Fatal(), "good": bsde.HJB(2)}
    found = bsde.sweep(equations, [0], tmp_path / "out", jobs=2, **TINY)
    assert found[0]["error"] == "ended by signal 9"
    assert found[1]["error"] is None
    assert "2/2" in capsys.readouterr().out


def call(equations=("hjb",), seeds=(0,), **options):
    return lambda: bsde.sweep(equations, seeds, "unused", **options)


test_refusals = refusals(
    [
        (call(["hbj"]), "Did you mean 'hjb'?"),
        (call([]), "one or more equations"),
        (call({"x": 3}), "`equations`"),
        (call(seeds=[-1]), "`seeds`"),
        (call(seeds=[1, 1]), "different seeds"),
        (call(jobs=-1), "`jobs`"),
        (call(callbacks=[object()]), "plain values"),
    ]
)
