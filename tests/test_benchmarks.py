"""The benchmark runs, and the README shows the table that it wrote."""

import json
import pathlib
import statistics
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasmodels import bsde, losses
from tests import processes
from tests.test_experiments import load

ROOT = pathlib.Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
# The benchmarks import each other, as scripts of one folder do.
sys.path.insert(0, str(ROOT / "benchmarks"))
accuracy = load(ROOT / "benchmarks" / "accuracy.py")
coverage = load(ROOT / "benchmarks" / "coverage.py")
regression = load(ROOT / "benchmarks" / "regression.py")
gpu = load(ROOT / "benchmarks" / "gpu.py")
estimate = load(ROOT / "benchmarks" / "estimate.py")
first_answer = load(ROOT / "benchmarks" / "first_answer.py")
peers = load(ROOT / "benchmarks" / "peers.py")
plain = load(ROOT / "benchmarks" / "plain.py")
report = load(ROOT / "benchmarks" / "report.py")
ablation = load(ROOT / "benchmarks" / "ablation.py")
speed = load(ROOT / "benchmarks" / "speed.py")
training_case = load(ROOT / "benchmarks" / "training_case.py")
by_hand = load(ROOT / "benchmarks" / "by_hand.py")
absent_classes = load(ROOT / "benchmarks" / "absent_classes.py")
scaling = load(ROOT / "benchmarks" / "scaling.py")
soak = load(ROOT / "benchmarks" / "soak.py")
check = load(ROOT / "benchmarks" / "check.py")
REPAIR = accuracy.evidence.REPAIR


@pytest.mark.slow
def test_accuracy_runs(tmp_path):
    name = "quadratic gradient"
    results = accuracy.main(["--quick", "--problems", name, "--out", str(tmp_path)])
    assert json.loads((tmp_path / "accuracy.json").read_text()) == results
    assert len(results["runs"][name]) == 1 and results["plain"][name]["steps"] >= 1
    text = (tmp_path / "accuracy.md").read_text()
    assert f"| {name} | 2 |" in text and "more than" in text


@pytest.mark.slow
def test_plain_algorithm_learns():
    # No driver: u0 = E |X_T|^2 = 2.25, from a start in (0, 1).
    equation = bsde.Heat(1, x0=0.5, terminal_time=2.0)
    published = plain.Published((0.05,), (), (0, 1), 0.05)
    algorithm = plain.Plain(equation, 4, published, seed=1)
    result = plain.seconds_to(algorithm, 2.25, 0.2, limit=processes.HANG)
    assert result["seconds"] is not None and result["steps"] >= 100


def test_plain_recursion_is_that_of_the_package():
    equation = bsde.AllenCahn(3)
    published = plain.Published((1e-2,), (), (0.3, 0.6), 0.01)
    algorithm = plain.Plain(equation, 5, published, batch_size=4)
    algorithm.subnets = [lambda x, training: 3 * x for _ in range(4)]
    x, dw = algorithm.paths()
    model = bsde.GlobalModel(
        equation,
        num_steps=5,
        control=[Identity(dtype="float64") for _ in range(4)],
        u0=float(algorithm.u0),
        z0=algorithm.z0.numpy()[0],
        dtype="float64",
    )
    mismatch = model((x, dw, model.grid)) - equation.terminal(x[:, -1])
    algorithm.weights = algorithm.weights[:2]
    algorithm.moments = [moments[:2] for moments in algorithm.moments]
    rate, count = (tf.constant(value, "float64") for value in (0.0, 1.0))
    loss = algorithm._step(x, dw, rate, count)
    assert float(loss) == pytest.approx(float(np.mean(np.square(mismatch))), rel=1e-12)


class Identity(keras.layers.Layer):
    """z = x; the plain networks divide by d = 3."""

    def call(self, x, training=False):
        return 1 * x


@pytest.mark.slow
def test_absent_classes_runs(tmp_path, monkeypatch):
    setting = absent_classes.SETTINGS["8x8"]
    monkeypatch.setattr(absent_classes, "SETTINGS", {"8x8": setting})
    results = absent_classes.main(["--quick", "--out", str(tmp_path)])
    assert json.loads((tmp_path / "absent_classes.json").read_text()) == results
    assert "| image |" in (tmp_path / "absent_classes.md").read_text()


@pytest.mark.slow
def test_speed_runs(tmp_path, monkeypatch):
    # In this process, where starting TensorFlow anew for each row would take minutes.
    monkeypatch.setattr(
        speed, "run_case", lambda case: training_case.main(json.dumps(case))
    )
    monkeypatch.setattr(speed, "BATCHES", (4,))
    first, *_, last = speed.COMPARED
    compared = {name: speed.COMPARED[name] for name in (first, last)}
    compared["ours, same networks, float32"] = {}
    monkeypatch.setattr(speed, "COMPARED", compared)
    monkeypatch.setattr(speed, "GROWTH", {"num_steps": (2, 3)})
    monkeypatch.setattr(training_case, "BLOCKS", 1)
    results = speed.main(["--quick", "--out", str(tmp_path)])
    assert {row["who"] for row in results["compared"]} == {"ours", "plain"}
    assert all(row["ms_per_step"] > 0 for row in results["compared"] + results["growth"])
    assert "| time steps N | stacked | 3 |" in (tmp_path / "speed.md").read_text()
    assert (tmp_path / "benchmarks_growth.png").stat().st_size > 10_000


def test_exponent_is_the_slope_of_the_larger_half():
    rows = [{"dim": n, "ms_per_step": 5.0 + n**2} for n in (1, 2, 1000, 2000, 4000)]
    assert speed.exponent(rows, "dim") == pytest.approx(2.0, abs=1e-3)


def test_matrix_work_counts_every_product():
    # One inner time, d = 1, h = 11, batch 1: forward 11 + 121 + 11, weights the same,
    # inputs of the second and third layer 121 + 11; two operations each.
    case = {"dim": 1, "batch_size": 1, "num_steps": 2}
    assert speed.matrix_work(case) == 2 * (143 + 143 + 132)


@pytest.mark.slow
def test_ablation_runs(tmp_path, monkeypatch):
    chosen = {name: ablation.VARIANTS[name] for name in ("all of it", "weights averaged")}
    monkeypatch.setattr(ablation, "VARIANTS", chosen)
    results = ablation.main(["--quick", "--out", str(tmp_path)])
    assert set(results["runs"]["HJB"]) == set(chosen)
    assert "| HJB | weights averaged |" in (tmp_path / "ablation.md").read_text()


def test_gradients_by_hand_run_and_are_those_of_keras(tmp_path, monkeypatch):
    case = {"64-30-10, batch 32": by_hand.CASES["64-30-10, batch 32"]}
    monkeypatch.setattr(by_hand, "CASES", case)
    results = by_hand.main(["--quick", "--out", str(tmp_path)])
    found = results["cases"]["64-30-10, batch 32"]
    # Twenty steps of two turns: forty roundings of weights below one, eps 1.2e-7 and
    # 2.2e-16, hardly add up. The twin starts one rounding away.
    assert found["steps"] == 40 and found["float64_steps"] == 20
    assert found["apart"] < 1e-6 and 0 < found["automatic_apart"] < 1e-6
    assert found["apart_in_float64"] < 1e-14
    assert keras.config.floatx() == keras.config.dtype_policy().name == "float32"
    assert "| 64-30-10, batch 32 |" in (tmp_path / "by_hand.md").read_text()


def test_committed_pages_are_what_the_report_writes():
    for path, text in report.texts().items():
        told = f"{path} is not what is made of the committed numbers. Run: {REPAIR}"
        assert text == (ROOT / path).read_text(), told


def test_report_writes_every_page_and_table_anew(tmp_path, monkeypatch):
    expected = report.texts()
    assert {"README.md", "docs/scaling.md", "docs/generalized_dice.md"} < set(expected)
    assert {f"benchmarks/results/{path.name}" for path in RESULTS.glob("*.md")} < set(
        expected
    )
    for path, text in expected.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(
            text.replace(" | 100 | ", " | 1 | ").replace("Machine", "M")
        )
    monkeypatch.setattr(report, "ROOT", tmp_path)
    report.main()
    assert {path: (tmp_path / path).read_text() for path in expected} == expected


def test_committed_runs_hold_the_exact_values():
    runs = json.loads((RESULTS / "accuracy.json").read_text())["runs"]
    assert set(runs) == set(accuracy.PROBLEMS)
    exact = [run for name, found in runs.items() for run in accuracy.rebased(name, found)]
    assert len(exact) >= 65
    # 95 % is what an interval promises: a few misses in fifty are likely enough.
    assert statistics.mean(accuracy.holds(run) for run in exact) >= 0.88


def test_committed_error_of_the_trained_weight_is_the_one_of_the_readme():
    runs = json.loads((RESULTS / "accuracy.json").read_text())["runs"]["Allen-Cahn"]
    off = statistics.median(abs(r["trained_u0"] / r["reference_u0"] - 1) for r in runs)
    told = f"the weight alone is {100 * off:.1f} % off at the defaults"
    assert told in " ".join((ROOT / "README.md").read_text().split())


def test_committed_runs_are_held_against_the_reference_of_today():
    run = {"dim": 100, "u0": 21.2, "u0_interval": [21.18, 21.22], "reference_u0": 21.299}
    reference = bsde.DifferentRates().reference()
    (found,) = accuracy.rebased("different rates", [run])
    assert found["reference_u0"] == reference.value
    assert found["relative_error"] == pytest.approx(abs(21.2 / reference.value - 1))
    assert found["reference_tolerance"] == reference.tolerance and run["dim"] == 100
    assert not accuracy.holds(found)


def test_an_interval_holds_what_is_within_the_tolerance_of_the_reference():
    run = {"u0_interval": [1.0, 2.0], "reference_u0": 2.5}
    assert not accuracy.holds(run) and accuracy.holds({**run, "reference_tolerance": 0.5})
    assert not accuracy.holds({**run, "reference_tolerance": 0.49})
    assert accuracy.holds({**run, "reference_u0": 0.5, "reference_tolerance": 0.5})
    assert not accuracy.holds({**run, "reference_u0": 0.4, "reference_tolerance": 0.5})
    assert accuracy.holds({**run, "reference_u0": 1.5, "reference_tolerance": None})


@pytest.mark.slow
@pytest.mark.parametrize("benchmark", [coverage, regression])
def test_benchmark_of_many_seeds_runs(benchmark, tmp_path):
    name = "quadratic gradient"
    results = benchmark.main(["--quick", "--problems", name, "--out", str(tmp_path)])
    assert [run["seed"] for run in results["runs"][name]] == [0]
    stem = pathlib.Path(benchmark.__file__).stem
    assert f"| {name} |" in (tmp_path / f"{stem}.md").read_text()


def test_regression_table_counts_failures_apart():
    run = {"u0": 1.0, "u0_interval": [0.9, 1.1], "relative_error": 0.02, "seconds": 5.0}
    run |= {"reference_u0": 1.05, "reference_tolerance": 0.0}
    off = run | {"reference_u0": 1.2, "relative_error": 0.2}
    failed = {"failed": "no"}
    runs = {"one": [run, run, off, failed], "two": [failed]}
    results = {"runs": runs, "measured": {}}
    lines = regression.table(results).splitlines()
    assert lines[2] == "| one | 2 of 3 | 1 | 2.0000% | 20.0000% | 10.0000% | 5 |"
    assert lines[3] == "| two | 0 of 0 | 1 |  |  |  |  |"


@pytest.mark.slow
def test_first_answer_benchmark_runs(tmp_path):
    # The quadratic gradient has no answer on the few paths of a quick run.
    name = "HJB, lambda = 1"
    results = first_answer.main(["--quick", "--problems", name, "--out", str(tmp_path)])
    run = results["runs"][name][0]
    assert run["first"]["seconds"] > 0 and run["wanted"]["seconds"] > 0
    assert set(results["starts"]) == {"import", "help", "script"}
    assert f"| {name} |" in (tmp_path / "first_answer.md").read_text()


def test_first_answer_names_the_aims_that_are_met():
    def interval(half_width, seconds):
        found = {"u0": 1.0, "u0_interval": [1 - half_width, 1 + half_width]}
        return {**found, "seconds": seconds, "reference_u0": 1.0}

    def met(first, wanted):
        runs = [{"first": first, "wanted": wanted}] * 2
        return first_answer.row("default risk", [*runs, {"first": {}, "wanted": {}}])

    # The aims: 3 s, and 1e-3 in 8 s.
    cells = met(interval(0.5, 2.9), interval(9e-4, 7.9))
    assert cells == "5.0e-01|2 of 3|2.9|1.0e-03|9.0e-04|2 of 3|7.9|8|both".split("|")
    assert met(interval(0.5, 3.1), interval(9e-4, 7.9))[-1] == "wanted"
    assert met(interval(0.5, 2.9), interval(1.1e-3, 7.9))[-1] == "first"
    assert met(interval(0.5, 2.9), interval(9e-4, 8.1))[-1] == "first"
    assert met(interval(0.5, 3.1), interval(9e-4, 8.1))[-1] == "no"
    failed = first_answer.row(
        "default risk", 2 * [{"first": {"failed": "x"}, "wanted": {}}]
    )
    assert failed == ["x", *[""] * 7, "no"]


@pytest.mark.slow
def test_benchmark_of_the_estimate_runs(tmp_path):
    name = "CEV call"
    results = estimate.main(["--quick", "--problems", name, "--out", str(tmp_path)])
    found = results["runs"][name][0]
    assert found["with"]["standard_error"] < found["without"]["standard_error"]
    assert f"| {name} |" in (tmp_path / "estimate.md").read_text()


def test_work_of_an_estimate_is_that_of_one_standard_error():
    def kind(seconds, error, interval):
        sizes = {"seconds": seconds, "standard_error": error}
        return {**sizes, "u0": 2.0, "u0_interval": interval}

    run = {"without": kind(3.0, 0.4, [1.0, 3.0]), "with": kind(4.0, 0.1, [1.8, 2.1])}
    run |= {"reference_u0": 2.0, "reference_tolerance": 0.0}
    # 3 * 0.16 / (4 * 0.01), and errors relative to 2.
    expected = ["2.0e-01", "5.0e-02", "3.0", "4.0", "12.0", "1 of 1", "yes"]
    assert estimate.row([run]) == expected
    run["with"] = kind(4.0, 0.2, [2.1, 2.2])
    assert estimate.row([run])[-3:] == ["3.0", "0 of 1", "no"]


@pytest.mark.slow
def test_benchmark_of_peers_runs(tmp_path):
    results = peers.main(["--quick", "--out", str(tmp_path)])
    assert set(results["runs"]) == {"defaults", peers.PLAIN}
    assert all(run["u0"] > 0 for runs in results["runs"].values() for run in runs)
    assert "| defaults |" in (tmp_path / "peers.md").read_text()


def test_peer_that_cannot_be_installed_has_the_reason(tmp_path):
    python, reason = peers.installed(tmp_path, str(tmp_path / "no-python"))
    assert python is None and "no-python" in reason


def test_table_of_peers_has_medians_and_reasons():
    run = {"u0": 2.02, "half_width": 0.202, "seconds": 10.0, "peak_mib": 100.0}
    worse = {**run, "u0": 1.9, "seconds": 30.0}
    without = {"u0": 2.02, "seconds": 1.0, "peak_mib": 5.0}
    runs = {"ours": [run, run, worse], "plain": [without], "other": [{"failed": "no"}]}
    results = {"reference_u0": 2.0, "runs": runs, "measured": {}}
    lines = peers.table(results).splitlines()
    assert lines[2] == "| ours | 1.0000% | 5.0000% | 10.0000% | 10 | 100 |"
    assert lines[3] == "| plain | 1.0000% | 1.0000% | none | 1 | 5 |"
    assert lines[4] == "| other | no | | | | |"


@pytest.mark.slow
def test_gpu_benchmark_runs_without_one(tmp_path):
    results = gpu.main(["--quick", "--out", str(tmp_path)])
    assert json.loads((tmp_path / "gpu.json").read_text()) == results
    # Three precisions of two networks, and the published algorithm.
    assert len(results["steps"]) == 7 and all(
        r["ms_per_step"] > 0 for r in results["steps"]
    )
    assert [row["problem"] for row in results["solves"]] == list(gpu.SOLVED)
    assert "| published algorithm | float32 | 4 | 8 |" in (tmp_path / "gpu.md").read_text()


def test_gpu_benchmark_begins_no_row_after_its_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "product_rate", lambda name, quick: {"precision": name})
    monkeypatch.setattr(gpu, "solved", lambda name, quick: {"problem": name})
    monkeypatch.setattr(gpu, "table", lambda results: "")
    monkeypatch.setattr(gpu, "step", lambda case: pytest.fail("a row began"))
    results = gpu.main(["--quick", "--limit", "0", "--out", str(tmp_path)])
    assert len(results["products"]) == 3 and results["steps"] == []


def test_share_of_the_matrix_rate_is_that_of_its_precision():
    row = {"who": "ours", "control": "stacked", "precision": "TF32", "dim": 10}
    row |= {"num_steps": 3, "batch_size": 4, "ms_per_step": 1e-3}
    # Two inner times of 2 * 4 * (2 * 10 * 20 + 3 * 20 * 20 + 3 * 20 * 10) operations.
    assert speed.matrix_work(row) == 35200
    failed = {**row, "failed": "no memory"}
    products = [{"precision": "float32", "gflops": 1.0}]
    products += [{"precision": "TF32", "gflops": 70.4}]
    steps = [row, failed, {**row, "who": "plain"}]
    results = {"products": products, "steps": steps, "solves": [], "measured": {}}
    lines = gpu.table(results).splitlines()
    assert lines[2] == "| stacked | TF32 | 10 | 4 | 0.00 | 35 | 50% |"
    assert lines[3] == "| stacked | TF32 | 10 | 4 | no memory | | |"
    assert lines[4] == "| published algorithm | TF32 | 10 | 4 | 0.00 |  |  |"


def test_committed_intervals_hold_as_often_as_they_promise():
    runs = json.loads((RESULTS / "coverage.json").read_text())["runs"]
    assert set(runs) == set(coverage.PROBLEMS)
    for found in runs.values():
        # One miss in ten is still likely enough for 95 %.
        assert len(found) == 20
        assert sum(map(accuracy.holds, found)) >= 0.9 * len(found)


@pytest.mark.parametrize(
    "benchmark, page",
    [
        (accuracy, "docs/benchmarks.md"),
        (coverage, "docs/benchmarks.md"),
        (regression, "docs/benchmarks.md"),
        (first_answer, "docs/benchmarks.md"),
        (estimate, "docs/benchmarks.md"),
        (peers, "docs/benchmarks.md"),
        (speed, "docs/benchmarks.md"),
        (ablation, "docs/benchmarks.md"),
        (by_hand, "docs/benchmarks.md"),
        (absent_classes, "docs/generalized_dice.md"),
        (scaling, "docs/scaling.md"),
        (soak, "docs/benchmarks.md"),
    ],
)
def test_committed_table_is_on_its_page(benchmark, page):
    stem = pathlib.Path(benchmark.__file__).stem
    table = benchmark.table(json.loads((RESULTS / f"{stem}.json").read_text()))
    assert table == (RESULTS / f"{stem}.md").read_text(), f"Run: {REPAIR}"
    assert table.strip() in (ROOT / page).read_text(), f"Run: {REPAIR}"


def test_committed_memory_of_two_hundred_solves_is_flat():
    results = json.loads((RESULTS / "soak.json").read_text())
    assert len(results["memory_mib"]) == 200
    assert soak.growth(results["memory_mib"]) < soak.LARGEST_GROWTH


def test_committed_step_by_hand_takes_less_than_twice_that_of_keras():
    results = json.loads((RESULTS / "by_hand.json").read_text())
    assert set(results["cases"]) == set(by_hand.CASES)
    assert all(by_hand.ratio(case) < 2 for case in results["cases"].values())


def test_committed_times_hold_every_published_accuracy_against_its_algorithm():
    results = json.loads((RESULTS / "accuracy.json").read_text())["plain"]
    published = {
        name
        for name, (zoo_name, arguments, *_) in accuracy.PROBLEMS.items()
        if zoo_name in accuracy.plain.PUBLISHED and not arguments
    }
    assert set(results) == published
    for run in results.values():
        assert (run["seconds"] or run["limit"]) > run["ours_seconds"]


def test_committed_scores_of_the_default_rule_for_absent_classes_are_good():
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


def test_simulated_workers_are_what_can_be_worked_out_on_paper():
    # Without jitter: 3 ms and 0.25 ms per path; 2 (W - 1) messages of 2 ms and n / W bytes.
    step, link = (3.0, 0.25), (2.0, 1e-3)
    assert scaling.simulate(1, 64, step, 0.0, 8000, *link) == pytest.approx(19)
    expected = 3 + 0.25 * 16 + 6 * (2 + 2000 * 1e-3)
    assert scaling.simulate(4, 64, step, 0.0, 8000, *link) == pytest.approx(expected)
    # The slowest of many is waited for.
    assert scaling.simulate(4, 64, step, 0.5, 8000, *link) > expected + 3


@pytest.mark.parametrize("control", ["exchangeable", "shared", "stacked"])
def test_trainable_numbers_of_the_plan_are_those_of_the_models(control):
    model = scaling.make_model(control, 7)
    count = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    assert scaling.num_weights(control, 7) == count


def run_of(u0=2.0, half=1e-4, error=1e-5, seed=0):
    """A run as accuracy.json has it."""
    interval = [u0 - half, u0 + half]
    run = {"u0": u0, "u0_interval": interval, "relative_error": error, "seed": seed}
    return {**run, "seconds": 1.0}


# Five committed runs with errors of 1e-5 to 3e-5, and half-widths of 5e-5, both relative.
COMMITTED = [run_of(error=(1 + seed / 2) * 1e-5, seed=seed) for seed in range(5)]


@pytest.mark.parametrize(
    "now, expected",
    [
        (run_of(), [True, True, True]),
        # The intervals meet at the outer end; the one with the same seed counts.
        (run_of(u0=2.00019), [True, True, True]),
        (run_of(u0=2.00021), [False, True, True]),
        (run_of(u0=1.99979), [False, True, True]),
        (run_of(error=8.9e-5), [True, True, True]),
        (run_of(error=9.1e-5), [True, False, True]),
        (run_of(half=1.9e-4), [True, True, True]),
        (run_of(half=2.1e-4), [True, True, False]),
        (run_of(half=0.51e-4), [True, True, True]),
        (run_of(half=0.49e-4), [True, True, False]),
        (run_of(u0=float("nan"), error=float("nan")), [False, False, False]),
    ],
)
def test_check_of_a_run(now, expected):
    rows = check.compare_run("HJB", COMMITTED, now)
    assert [row.agrees for row in rows] == expected
    assert check.table(rows).count("DISAGREES") == expected.count(False)


def test_check_holds_a_run_against_that_of_its_seed():
    committed = [run_of(), run_of(u0=3.0, seed=7)]
    assert check.compare_run("HJB", committed, run_of(u0=3.0, seed=7))[0].agrees
    assert not check.compare_run("HJB", committed, run_of(u0=3.0, seed=0))[0].agrees


@pytest.mark.parametrize(
    "ms, agrees", [(5.0, True), (2.6, True), (2.4, False), (9.9, True), (10.1, False)]
)
def test_check_of_the_speed(ms, agrees):
    # Committed: 10 times the speed of the published algorithm.
    row = check.compare_speed(10.0, {"ms_per_step": 50.0}, {"ms_per_step": ms})
    assert row.agrees is agrees


def test_check_of_a_speed_that_could_not_be_measured():
    row = check.compare_speed(10.0, {"ms_per_step": 50.0}, {"failed": "out of memory"})
    assert not row.agrees and "out of memory" in check.table([row])


@pytest.mark.slow
def test_check_runs_in_quick_mode(monkeypatch, capsys):
    # In this process, where starting TensorFlow anew would take seconds.
    here = staticmethod(lambda case: training_case.main(json.dumps(case)))
    monkeypatch.setattr(check.speed, "run_case", here)
    monkeypatch.setattr(training_case, "BLOCKS", 1)
    rows = check.main(["--quick"])
    assert len(rows) == 4 and check.exit_code(rows) == 0
    told = capsys.readouterr().out
    assert "Committed: Machine: " in told and "0 of 4 disagree" in told


def test_check_ends_with_exit_code_one_where_numbers_disagree(monkeypatch):
    def measured(run, name, seed, quick):
        committed = report.results_of(accuracy)["runs"][name][seed]
        return {**committed, "relative_error": 1.0 if "Barenblatt" in name else 0.0}

    monkeypatch.setattr(check.accuracy, "timed", measured)
    monkeypatch.setattr(check, "measure_speed", lambda quick: [{"failed": ""}] * 2)
    rows = check.main([])
    assert [row.what for row in rows if not row.agrees] == [rows[4].what, rows[9].what]
    assert "Barenblatt: error" in rows[4].what and "speed" in rows[9].what
    assert check.exit_code(rows) == 1


def test_ratio_by_hand_is_that_of_the_times_beside_it():
    times = {"by_hand_ms": [3.0, 1.5, 9.0], "automatic_ms": [8.0, 3.0, 3.0]}
    assert by_hand.ratio(times) == 0.5
    apart = {"steps": 5000, "float64_steps": 500, "apart": 0.1, "automatic_apart": 0.2}
    case = {**times, **apart, "apart_in_float64": 1e-15}
    text = by_hand.table({"cases": {"net": case}, "measured": {}})
    assert "| net | 1.500 | 3.000 | 0.50 | 0.38 to 3.00 | 1e-01 | 2e-01 | 1e-15 |" in text
