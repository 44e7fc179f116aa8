"""The benchmark runs, and the README shows the table that it wrote."""

import json
import pathlib
import statistics

import pytest

from kerasmodels import losses
from tests.test_experiments import load

ROOT = pathlib.Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
accuracy = load(ROOT / "benchmarks" / "accuracy.py")
absent_classes = load(ROOT / "benchmarks" / "absent_classes.py")


def test_accuracy_runs(tmp_path):
    results = accuracy.main(["--quick", "--equations", "heat", "--out", str(tmp_path)])
    assert json.loads((tmp_path / "accuracy.json").read_text()) == results
    assert "| heat | 2 |" in (tmp_path / "accuracy.md").read_text()


def test_absent_classes_runs(tmp_path, monkeypatch):
    setting = absent_classes.SETTINGS["8x8"]
    monkeypatch.setattr(absent_classes, "SETTINGS", {"8x8": setting})
    results = absent_classes.main(["--quick", "--out", str(tmp_path)])
    assert json.loads((tmp_path / "absent_classes.json").read_text()) == results
    assert "| image |" in (tmp_path / "absent_classes.md").read_text()


@pytest.mark.parametrize(
    "benchmark, page",
    [(accuracy, "README.md"), (absent_classes, "docs/generalized_dice.md")],
)
def test_page_and_committed_table_come_from_the_committed_numbers(benchmark, page):
    stem = pathlib.Path(benchmark.__file__).stem
    table = benchmark.table(json.loads((RESULTS / f"{stem}.json").read_text()))
    assert table == (RESULTS / f"{stem}.md").read_text()
    assert table.strip() in (ROOT / page).read_text()


def test_the_default_rule_for_absent_classes_is_good_at_every_size():
    results = json.loads((RESULTS / "absent_classes.json").read_text())
    default = losses.GeneralizedDice().absent
    assert all(value < 0.05 for value in results["leak"][default].values())
    runs = {
        rule: [run["foreground_accuracy"] for run in runs]
        for rule, runs in results["training"]["8x8"].items()
    }
    assert len(runs[default]) == 5
    assert statistics.median(runs[default]) >= statistics.median(runs["fixed 1e-6"])
    # Computed anew, not only read.
    assert absent_classes.leak(256, default) == results["leak"][default]["256"]
