"""The benchmark runs, and the README shows the table that it wrote."""

import json
import pathlib

from tests.test_experiments import load

ROOT = pathlib.Path(__file__).parents[1]
accuracy = load(ROOT / "benchmarks" / "accuracy.py")


def test_accuracy_runs(tmp_path):
    results = accuracy.main(["--quick", "--equations", "heat", "--out", str(tmp_path)])
    assert json.loads((tmp_path / "accuracy.json").read_text()) == results
    assert "| heat | 2 |" in (tmp_path / "accuracy.md").read_text()


def test_readme_and_committed_table_come_from_the_committed_numbers():
    folder = ROOT / "benchmarks" / "results"
    table = accuracy.table(json.loads((folder / "accuracy.json").read_text()))
    assert table == (folder / "accuracy.md").read_text()
    assert table.strip() in (ROOT / "README.md").read_text()
