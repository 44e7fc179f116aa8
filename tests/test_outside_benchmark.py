"""The benchmark of equations that are not built in: rows, words, and what is kept."""

import json
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "benchmarks"))

import outside  # noqa: E402
import report  # noqa: E402

NAMES = list(outside.PROBLEMS)
VALUE = outside.PROBLEMS["stiff source"].equation.reference().value


def answer(seed, off, half_width=2e-3):
    """A run whose value is off by so many half-widths, both relative to 3.06."""
    u0 = VALUE + off * half_width * VALUE
    low, high = u0 - half_width * VALUE, u0 + half_width * VALUE
    return {
        "seed": seed,
        "u0": u0,
        "u0_interval": [low, high],
        "reference_u0": VALUE,
        "reference_tolerance": 0.0,
        "seconds": 10.0 + seed,
    }


def test_row_counts_what_held_was_refused_and_failed():
    runs = [answer(0, 0.5), answer(1, -0.9), answer(2, 1.5)]
    runs += [{"seed": 3, "refused": "no"}, {"seed": 4, "failed": "crash"}]
    cells = outside.row(runs)
    counts = {k: cells[k] for k in ("held", "refused", "failed", "runs", "met")}
    assert counts == {"held": 2, "refused": 1, "failed": 1, "runs": 5, "met": False}
    assert cells["half_width"] == pytest.approx(2e-3, rel=0.01)
    assert cells["in_half_widths"] == pytest.approx(0.9)
    assert cells["seconds"] == 11.0


@pytest.mark.parametrize(
    "runs, met",
    [
        ([answer(k, 0.5) for k in range(18)] + [answer(k, 2.0) for k in (18, 19)], True),
        (
            [answer(k, 0.5) for k in range(17)] + [answer(k, 2.0) for k in (17, 18, 19)],
            False,
        ),
        ([answer(k, 0.5, half_width=6e-3) for k in range(20)], False),
        ([{"seed": 0, "refused": "no"}], True),
        ([{"seed": 0, "failed": "no"}], False),
        ([answer(0, float("nan"))], False),
    ],
)
def test_aims_of_a_row(runs, met):
    assert outside.row(runs)["met"] is met


def results_of(runs):
    return {"runs": {"stiff source": runs}, "measured": {}}


def test_table_has_the_numbers_and_the_words():
    runs = [answer(0, 0.5), {"seed": 1, "refused": "FloatingPointError: too\nstiff"}]
    text = outside.table(results_of(runs))
    row = f"| stiff source | {outside.PROBLEMS['stiff source'].kind} | 3 | 3.06 | 1 of 2 |"
    assert f"{row} 1 | 0.20% | 0.50 | 10 | yes |" in text
    assert "- stiff source, refused 1 times: FloatingPointError: too stiff" in text
    assert "| 1 of 2 | 1 | 0.20% | 10 |" in outside.short_table(results_of(runs))


def test_readme_and_page_show_a_table_only_where_there_are_numbers(monkeypatch):
    # The other tables take seconds.
    for name in ("table", "short_table"):
        monkeypatch.setattr(report.accuracy, name, lambda *_: "other numbers")
    (section,) = (row for row in report.SECTIONS if row[-1] is outside)
    monkeypatch.setattr(report, "SECTIONS", [section])
    monkeypatch.setattr(report, "measured", lambda benchmark: False)
    before = report.readme()
    assert "<!-- outside -->\n<!-- end -->\n" in before
    assert "that are not built in" not in before.split("<!-- outside -->")[1]
    assert "that are not built in" not in report.page()
    monkeypatch.setattr(report, "measured", lambda benchmark: benchmark is outside)
    results = {outside: results_of([answer(0, 0.5)])}
    monkeypatch.setattr(report, "results_of", lambda benchmark: results.get(benchmark))
    after = report.readme()
    start, table = after.split("<!-- outside -->")
    assert start == before.split("<!-- outside -->")[0] and "other numbers" in start
    assert "### Equations that are not built in" in table and "| stiff source |" in table
    assert "## Equations that are not built in" in report.page()
    assert "| stiff source |" in report.page()


def test_committed_table_is_on_its_pages():
    """Or on none of them, as long as nothing was measured."""
    root = report.ROOT
    readme = (root / "README.md").read_text()
    told = readme.split("<!-- outside -->\n")[1].split("<!-- end -->")[0]
    if report.measured(outside):
        results = report.results_of(outside)
        assert outside.short_table(results) in told
        assert outside.table(results).strip() in (root / "docs/benchmarks.md").read_text()
        assert set(results["runs"]) == set(outside.PROBLEMS)
    else:
        assert told == ""


@pytest.fixture
def solved(monkeypatch):
    """The runs that `main` asks for, answered at once."""
    asked = []

    def run(name, seed, quick):
        asked.append((name, seed, quick))
        return answer(seed, 0.5)

    monkeypatch.setattr(outside, "run", run)
    # A thread, as a process would not have the replacement.
    processes = outside.pool.processes
    monkeypatch.setattr(
        outside.pool, "processes", lambda jobs, quick, each: processes(1, True)
    )
    return asked


def test_run_that_was_stopped_goes_on(tmp_path, solved):
    arguments = ["--out", str(tmp_path), "--only", *NAMES[:2], "--seeds"]
    outside.main([*arguments, "2"])
    # Seed by seed, so that every problem has a row early.
    assert solved == [(n, s, False) for s in range(2) for n in NAMES[:2]]
    solved.clear()
    results = outside.main([*arguments, "3"])
    assert solved == [(n, 2, False) for n in NAMES[:2]]
    assert [run["seed"] for run in results["runs"][NAMES[0]]] == [0, 1, 2]
    assert json.loads((tmp_path / "outside.json").read_text()) == results
    assert f"| {NAMES[0]} |" in (tmp_path / "outside.md").read_text()


@pytest.mark.parametrize(
    "changed, kept",
    [
        ("kerasmodels/bsde/estimate/estimator.py", False),
        ("benchmarks/outside_problems/kinks.py", False),
        ("benchmarks/outside.py", True),
    ],
)
def test_runs_of_other_code_are_measured_anew(tmp_path, solved, changed, kept):
    outside.main(["--out", str(tmp_path), "--only", *NAMES[:2], "--seeds", "1"])
    path = tmp_path / "outside.json"
    text = path.read_text()
    ((name, entry),) = json.loads(text)["measured"].items()
    # An entry is named by its contents.
    results = json.loads(text.replace(f'"{name}"', '"older"'))
    assert changed in entry["code"]
    results["measured"]["older"]["code"][changed] = "other"
    path.write_text(json.dumps(results))
    solved.clear()
    results = outside.main(["--out", str(tmp_path), "--only", NAMES[0], "--seeds", "1"])
    assert solved == ([] if kept else [(NAMES[0], 0, False)])
    # The other problem keeps its old run until it is measured.
    assert len(results["runs"][NAMES[1]]) == 1
    assert len(results["measured"]) == (1 if kept else 2)


def test_quick_run_takes_one_seed_and_leaves_the_numbers_alone(tmp_path, solved):
    outside.main(["--quick", "--out", str(tmp_path), "--only", NAMES[3]])
    assert solved == [(NAMES[3], 0, True)]


@pytest.mark.parametrize(
    "error, kind",
    [
        (FloatingPointError("stiff"), "refused"),
        (outside.bsde.EquationError("coupled"), "refused"),
        (TypeError("a fault of the package"), "failed"),
        (ValueError("another one"), "failed"),
    ],
)
def test_only_words_of_the_package_count_as_a_refusal(monkeypatch, error, kind):
    def stop(*arguments, **options):
        raise error

    monkeypatch.setattr(outside.bsde, "solve", stop)
    found = outside.run(NAMES[0], 3, quick=True)
    assert found == {"seed": 3, kind: f"{type(error).__name__}: {error}"}


@pytest.mark.slow
def test_benchmark_runs(tmp_path):
    results = outside.main(["--quick", "--only", "stiff source", "--out", str(tmp_path)])
    (run,) = results["runs"]["stiff source"]
    assert "failed" not in run
