"""Computed reference values: both bounds against problems whose solution is known."""

import json
import math
import pathlib
import sys

import numpy as np
import pytest
import scipy.integrate
from scipy.special import ndtr

from kerasmodels import bsde
from tests.test_experiments import load

REFERENCES = pathlib.Path(__file__).parents[1] / "benchmarks" / "references"
# The scripts import each other, as scripts of one folder do.
sys.path.insert(0, str(REFERENCES))
default_risk = load(REFERENCES / "default_risk.py")
different_rates = load(REFERENCES / "different_rates.py")
extremes = load(REFERENCES / "extremes.py")
summary = load(REFERENCES / "summary.py")

SCRIPTS = [
    (default_risk, bsde.DefaultRisk()),
    (different_rates, bsde.DifferentRates()),
]
# Five standard errors: missed by chance once in a million.
FIVE = 5.0


def on_a_line(problem, rate, terminal, points):
    """u(0, x0) of u_t + 1/2 sigma^2 x^2 u_xx + rate(u, x u_x) = 0 for d = 1.

    Second-order differences in ln x, Runge-Kutta in time, x0 on a node, ends held fixed
    at 8 standard deviations, where they have no influence.
    """
    width = 8 * problem.volatility * problem.terminal_time**0.5
    y = np.linspace(-width, width, points)
    h = y[1] - y[0]

    def change(_, u):
        first, second = np.zeros_like(u), np.zeros_like(u)
        first[1:-1] = (u[2:] - u[:-2]) / (2 * h)
        second[1:-1] = (u[2:] - 2 * u[1:-1] + u[:-2]) / h**2
        inner = problem.volatility**2 / 2 * (second - first) + rate(u, first)
        inner[[0, -1]] = 0
        return inner

    start = terminal(problem.x0 * np.exp(y))
    span = (0, problem.terminal_time)
    solution = scipy.integrate.solve_ivp(
        change, span, start, "LSODA", rtol=1e-7, atol=1e-7, lband=1, uband=1
    )
    return solution.y[points // 2, -1]


def assert_bracketed(found, value, error, narrow):
    """lower <= value <= upper up to chance and `error`, and the gap is below `narrow`."""
    lower, upper = found
    low, low_error = summary.mean_and_error(lower)
    high, high_error = summary.mean_and_error(upper)
    assert low <= value + FIVE * low_error + error
    assert high >= value - FIVE * high_error - error
    assert low < high < low + narrow
    # And each is near, so that neither holds for free.
    assert abs(low - value) < narrow + FIVE * low_error
    assert abs(high - value) < narrow + FIVE * high_error


def test_mean_of_the_smallest_of_log_normals():
    mean = np.array([[4.0, 4.1, 3.9], [2.0, 5.0, 5.0]])
    found = extremes.expected_minimum(mean, 0.3)
    for a, value in zip(mean, found):
        expected, _ = scipy.integrate.quad(
            lambda k, a=a: np.prod(ndtr((a - k) / 0.3)) * math.exp(k), -2, 8, epsabs=1e-11
        )
        # Below -2 all of them are larger.
        assert value == pytest.approx(math.exp(-2) + expected, rel=1e-8)
    single = extremes.expected_minimum([[1.5]], 0.4)
    # e^(a + s^2 / 2); Phi(-6) of it lies beyond the window.
    assert single == pytest.approx(math.exp(1.5 + 0.08), rel=1e-7)
    assert extremes.expected_minimum([[1.5, 1.2]], 0.0) == pytest.approx(math.exp(1.2))


@pytest.mark.parametrize("equal", [False, True], ids=["different", "equal"])
def test_call_on_the_largest_of_log_normals(equal):
    mean = np.full(100, 4.6) if equal else np.array([4.5, 4.7, 4.3])
    strikes = np.array([[4.0, 4.6, 4.9, 5.2]])
    found = extremes.CallOnMaximum(mean[None], 0.14)(strikes)
    for strike, value in zip(strikes[0], found[0]):
        expected, _ = scipy.integrate.quad(
            lambda k: (1 - np.prod(ndtr((k - mean) / 0.14))) * math.exp(k),
            strike,
            mean.max() + 1.5,
            epsabs=1e-10,
            limit=300,
        )
        # The cubic spline through 97 nodes.
        assert value == pytest.approx(expected, abs=5e-5)
    intrinsic = extremes.CallOnMaximum(np.array([[1.0, 1.4]]), 0.0)(np.array([1.1, 2.0]))
    assert intrinsic[0] == pytest.approx([math.exp(1.4) - math.exp(1.1), 0.0])


def test_one_rate_gives_the_linear_price_on_every_path():
    problem = different_rates.Problem(dim=7, borrowing_rate=0.04)
    mean = np.full((1, 7), math.log(100) - 0.01)
    call = extremes.CallOnMaximum(mean, 0.2 * math.sqrt(0.5))
    low, high = (call(np.log([[strike]]) - 0.02)[0, 0] for strike in (120, 150))
    for samples in different_rates.bounds(problem, (3, 6), 20)[6]:
        np.testing.assert_allclose(samples, low - 2 * high, rtol=1e-12)


def test_different_rates_bracket_a_finite_difference_solution():
    problem = different_rates.Problem(
        dim=1, lending_rate=0.01, borrowing_rate=0.11, low_strike=95.0, high_strike=115.0
    )
    rates = problem.lending_rate, problem.borrowing_rate

    def rate(u, first):
        return np.maximum(*(r * (first - u) for r in rates))

    def terminal(x):
        return np.maximum(x - 95, 0) - 2 * np.maximum(x - 115, 0)

    coarse, value = (on_a_line(problem, rate, terminal, n) for n in (401, 801))
    # No single rate comes near to it.
    for r in rates:
        linear = on_a_line(problem, lambda u, first, r=r: r * (first - u), terminal, 401)
        assert value - linear > 0.3
    found = different_rates.bounds(problem, (10, 40), 1000)
    assert_bracketed(found[40], value, abs(value - coarse), narrow=0.06)
    # Both close in on the value.
    assert found[10][0].mean() < found[40][0].mean()
    assert found[10][1].mean() > found[40][1].mean()


def test_rates_between_the_two_do_not_raise_the_bound():
    problem = different_rates.Problem(dim=10)
    paths = different_rates.Paths(problem, 40, 30, np.random.default_rng(0))
    coarse, fine = (
        different_rates.upper_samples(problem, paths, 40, refine).mean()
        for refine in (1, 3)
    )
    assert coarse <= fine < coarse + 1e-4


@pytest.mark.parametrize(
    "change",
    [
        {"high_intensity": 0.1, "low_intensity": 0.1},
        {"high_intensity": 0.0, "low_intensity": 0.0, "rate": 0.0},
    ],
    ids=["constant", "zero"],
)
def test_constant_intensity_gives_the_linear_price_on_every_path(change):
    problem = default_risk.Problem(dim=7, **change)
    mean = np.full((1, 7), math.log(100))
    price = extremes.expected_minimum(mean, 0.2)[0]
    discount = problem.rate + (1 - problem.recovery) * problem.low_intensity
    for samples in default_risk.bounds(problem, (3, 6), 20)[6]:
        # Runge-Kutta steps of 0.02.
        np.testing.assert_allclose(samples, math.exp(-discount) * price, rtol=1e-9)


@pytest.mark.parametrize(
    "change, narrow",
    [
        # Where f is convex for all values, and where it is not for some.
        ({"x0": 60.0, "volatility": 0.1, "high_value": 120.0}, 0.01),
        ({"x0": 62.0, "volatility": 0.1}, 0.4),
    ],
    ids=["convex", "not convex"],
)
def test_default_risk_brackets_a_finite_difference_solution(change, narrow):
    problem = default_risk.Problem(dim=1, high_intensity=0.8, **change)

    def rate(u, first):
        return problem.drift_rate * first + default_risk.driver(problem, u, False)[0]

    coarse, value = (on_a_line(problem, rate, np.copy, n) for n in (101, 201))
    found = default_risk.bounds(problem, (5, 10), 300)
    error = abs(value - coarse) + summary.conclusion(found, True)["grid_error"]
    assert_bracketed(found[10], value, error, narrow)


@pytest.mark.parametrize("y", [40.0, 55.0, 69.0, 90.0])
def test_driver_is_that_of_the_equation(y):
    u = np.array([[y]])
    expected = bsde.DefaultRisk(1).driver(0 * u, u, u, u)
    problem = default_risk.Problem(dim=1)
    value, slope = default_risk.driver(problem, u, False)
    assert value == pytest.approx(np.asarray(expected), rel=1e-14)
    ahead, behind = (default_risk.driver(problem, u + e, False)[0] for e in (1e-5, -1e-5))
    assert slope == pytest.approx((ahead - behind) / 2e-5, rel=1e-6)
    convex = default_risk.driver(problem, u, True)[0]
    # 20 above the bend with a slope of 0.21 - 0.02, and below it.
    assert convex - value == pytest.approx(20 * 0.21 if y == 90 else 0.0, rel=1e-12)


def test_lines_are_below_the_flow_where_they_have_to_be():
    problem = default_risk.Problem()
    y = np.linspace(1, 85, 400)
    flow = default_risk.flow(problem, 0.05, y)[0]
    for at in (30.0, 50.0, 60.0, 69.9, 75.0, 84.0):
        line = default_risk.line_below(problem, 0.05, np.float64(at), np.float64(85.0), y)
        assert np.all(line <= flow + 1e-10)
        assert line[-1] > line[0]
    steep = default_risk.flow(problem, 0.05, y, convex=True)[0]
    assert np.all(steep >= flow - 1e-12) and np.all(np.diff(steep, 2) > -1e-10)


def test_conclusion_by_hand():
    # Means 1 and 2, then 1.5 and 1.7; standard errors of the latter 0.05 and 0.1.
    found = {
        4: (np.array([1.0, 1.0]), np.array([2.0, 2.0])),
        12: (np.array([1.45, 1.55]), np.array([1.6, 1.8])),
    }
    free = summary.conclusion(found, grid_error=False)
    low, high = 1.5 - 1.959964 * 0.05, 1.7 + 1.959964 * 0.1
    assert free["value"] == pytest.approx((low + high) / 2)
    assert free["tolerance"] == pytest.approx((high - low) / 2)
    # From 1 / 4 to 1 / 12 the lower bound gained 0.5, and half as much is left.
    assert free["extrapolated"] == pytest.approx([1.75, 1.55])
    # The middle moves by 0.1, with a standard error of 0.075.
    bound = summary.conclusion(found, grid_error=True)
    assert bound["grid_error"] == pytest.approx(0.1 + 1.959964 * 0.075)
    assert bound["tolerance"] == pytest.approx(free["tolerance"] + bound["grid_error"])


@pytest.mark.parametrize("script, equation", SCRIPTS, ids=["default", "rates"])
def test_script_runs(script, equation, tmp_path, capsys):
    result = script.main(["--quick", "--out", str(tmp_path)])
    stem = pathlib.Path(script.__file__).stem
    assert json.loads((tmp_path / f"{stem}.json").read_text()) == result
    assert (tmp_path / f"{stem}.md").read_text() in capsys.readouterr().out
    assert all(row["lower"] <= row["upper"] for row in result["rows"])
    # Fifty paths agree with what was committed.
    reference = equation.reference()
    error = result["tolerance"] + reference.tolerance
    assert abs(result["value"] - reference.value) <= error
    assert script.main(["--quick", "--out", str(tmp_path)])["rows"] == result["rows"]


@pytest.mark.parametrize("script, equation", SCRIPTS, ids=["default", "rates"])
def test_committed_value_is_the_reference_of_the_equation(script, equation):
    stem = pathlib.Path(script.__file__).stem
    result = json.loads((REFERENCES / "results" / f"{stem}.json").read_text())
    assert summary.table(result) == (REFERENCES / "results" / f"{stem}.md").read_text()
    # Of the same problem, and derived from the rows.
    config = equation.get_config()
    assert set(config["x0"]) == {result["problem"].pop("x0")}
    assert result["problem"].items() <= config.items()
    last = result["rows"][-1]
    low = last["lower"] - 1.959964 * last["lower_standard_error"]
    high = last["upper"] + 1.959964 * last["upper_standard_error"]
    assert result["value"] == pytest.approx((low + high) / 2, rel=1e-9)
    half = (high - low) / 2 + result["grid_error"]
    assert result["tolerance"] == pytest.approx(half, rel=1e-5)
    assert all(row["lower"] < row["upper"] for row in result["rows"])
    # The reference holds all of the interval, and is hardly wider, for it is rounded.
    reference = equation.reference()
    reach = abs(reference.value - result["value"]) + result["tolerance"]
    assert reach <= reference.tolerance < reach + 1e-3
