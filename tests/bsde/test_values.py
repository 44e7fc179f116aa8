"""Solutions of families: u at many points, and estimates from other starts."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from scipy.stats import norm

from kerasmodels import bsde

SMALL = {"num_steps": 12, "max_rounds": 1, "dtype": "float64", "num_paths": 8000}


@keras.saving.register_keras_serializable(package="test_values")
class Call(bsde.GeometricBrownian):
    """A call on one asset, priced by Black and Scholes."""

    def __init__(self, terminal_time=1.0, x0=100.0, rate=0.05, volatility=0.2, strike=95.0):
        super().__init__(1, terminal_time, x0, rate, volatility)
        self.rate, self.strike = rate, strike

    def get_config(self):
        names = ("terminal_time", "rate", "volatility", "strike")
        return {"x0": self.x0.tolist(), **{name: getattr(self, name) for name in names}}

    def drift(self, t, x):
        return self.rate * x

    def step(self, t, dt, x, dw):
        growth = (self.rate - self.volatility**2 / 2) * dt
        return x * ops.exp(growth + self.volatility * dw)

    def driver(self, t, x, u, z):
        return -self.rate * u

    def terminal(self, x):
        return ops.relu(x - self.strike)


def black_scholes(x, rate, volatility, strike, terminal_time=1.0):
    deviation = volatility * np.sqrt(terminal_time)
    d1 = (np.log(x / strike) + rate * terminal_time) / deviation + deviation / 2
    discount = np.exp(-rate * terminal_time)
    return x * norm.cdf(d1) - strike * discount * norm.cdf(d1 - deviation)


@pytest.fixture(scope="module")
def hjb():
    family = bsde.Family(bsde.HJB(10, x0=1.0), bsde.LineStart(0.0, 2.0))
    return bsde.solve(family, "regression", **SMALL)


@pytest.fixture(scope="module")
def calls():
    ranges = {"strike": (85.0, 110.0), "volatility": (0.15, 0.3)}
    family = bsde.Family(Call(), bsde.BoxStart(85.0, 115.0), ranges)
    settings = {**SMALL, "num_paths_per_pass": 4000}
    return bsde.solve(family, "regression", tolerance=2e-2, **settings)


def exact(equation, x, t=0.0):
    x = tf.constant(x)
    return np.asarray(equation.exact_solution(t + tf.zeros_like(x[:, :1]), x))[:, 0]


def test_u_is_known_over_the_region(hjb):
    x = np.linspace(0.0, 2.0, 9)[:, None] * np.ones(10)
    values = hjb.at(x)
    reference = exact(bsde.HJB(10), x)
    relative = np.sqrt(np.mean((values.u - reference) ** 2) / np.mean(reference**2))
    assert relative < 2e-3
    # The error that is reported is of the same size.
    assert relative / 4 < values.error < 4 * relative + 1e-3
    assert values.gradient.shape == (9, 10) and not values.sensitivities
    # sigma is the square root of 2.
    np.testing.assert_allclose(values.z, 2**0.5 * values.gradient, rtol=1e-12)
    slopes = np.sum(values.gradient, axis=1)
    points = [exact(bsde.HJB(10), x + h) for h in (1e-4, -1e-4)]
    np.testing.assert_allclose(slopes, (points[0] - points[1]) / 2e-4, atol=0.05)


def test_u_is_known_at_later_times(hjb):
    x = np.ones((3, 10))
    for t in (0.0, 0.3, 1.0):
        found = hjb.at(x, t).u
        np.testing.assert_allclose(found, exact(bsde.HJB(10), x, t), rtol=5e-3)
    # One more than are evaluated at a time.
    many = hjb.at(np.ones((4097, 10)), 0.3).u
    np.testing.assert_allclose(many, found_at(hjb, 0.3), rtol=1e-12)


def found_at(solution, t):
    return solution.at(np.ones(10), t).u[0]


def test_estimates_from_other_starts_hold(hjb):
    x = np.array([[0.2], [1.0], [1.9]]) * np.ones(10)
    before = hjb.u0
    found = hjb.estimate_at(x, tolerance=1e-3)
    assert len(found) == 3
    for estimate, value in zip(found, exact(bsde.HJB(10), x)):
        low, high = estimate.interval
        assert low < value < high
        assert estimate.half_width < 2e-3 * value
    # The solution is left as it was.
    assert hjb.u0 == before == float(hjb.approximation.u0)
    np.testing.assert_array_equal(hjb.approximation.x0, np.ones(10))
    # u0 at x0 again, from the same paths as `solve` took, at its tolerance.
    (again,) = hjb.estimate_at()
    assert again.u0 == pytest.approx(before, abs=again.half_width)


@pytest.mark.slow
def test_prices_over_strikes_and_volatilities(calls):
    rng = np.random.default_rng(0)
    x, strike = rng.uniform(90.0, 110.0, (2, 50))
    volatility = rng.uniform(0.15, 0.3, 50)
    values = calls.at(x[:, None], strike=strike, volatility=volatility)
    reference = black_scholes(x, 0.05, volatility, strike)
    error = np.sqrt(np.mean((values.u - reference) ** 2) / np.mean(reference**2))
    # Of 4000 paths on 12 steps.
    assert error < 2e-2
    up = black_scholes(x, 0.05, volatility + 1e-5, strike)
    down = black_scholes(x, 0.05, volatility - 1e-5, strike)
    vega, found = (up - down) / 2e-5, values.sensitivities["volatility"]
    # Derivatives of a regression are less accurate than its values.
    assert np.sqrt(np.mean((found - vega) ** 2)) < 0.3 * np.mean(vega)
    assert values.gradient.shape == (50, 1)


@pytest.mark.slow
def test_estimates_at_other_parameters_hold(calls):
    strikes = [90.0, 105.0]
    found = calls.estimate_at(105.0, 2**12, 1e-2, strike=strikes, volatility=0.25)
    for estimate, strike in zip(found, (90.0, 105.0)):
        # Four standard errors for one seed; the share that hold is that of many seeds.
        error = abs(estimate.u0 - black_scholes(105.0, 0.05, 0.25, strike))
        assert error < 2 * estimate.half_width < 0.2


def test_points_outside_the_region_are_refused(hjb):
    for call in (hjb.at, hjb.estimate_at):
        with pytest.raises(ValueError, match="straight line from 0.0 to 2.0"):
            call(np.full(10, 2.1))
        with pytest.raises(ValueError, match="straight line"):
            call(np.arange(10.0) / 10)
    with pytest.raises(ValueError, match="where the paths of the solution go"):
        hjb.at(np.full(10, 50.0), 0.5)
    with pytest.raises(ValueError, match="between 0 and 1"):
        hjb.at(t=1.5)


def test_a_solution_at_one_point_has_u_at_later_times_alone():
    equation = bsde.HJB(10, x0=1.0)
    solution = bsde.solve(equation, "regression", **SMALL)
    assert solution.region_error is None
    x = np.ones((1, 10))
    found = solution.at(x, 0.5)
    assert found.u[0] == pytest.approx(exact(equation, x, 0.5)[0], rel=1e-2)
    assert np.isnan(found.error)
    with pytest.raises(ValueError, match="solve a `Family`"):
        solution.at(x)
    with pytest.raises(ValueError, match="instance of `Family`"):
        solution.estimate_at(x)


def test_a_method_without_u_is_named():
    solution = bsde.solve(bsde.Heat(2), "monte_carlo", num_paths=1000)
    with pytest.raises(ValueError, match='solve\\(equation, "regression"\\)'):
        solution.at(t=0.5)


def test_a_loaded_solution_gives_the_same_values(hjb, tmp_path):
    hjb.save(tmp_path)
    again = bsde.Solution.load(tmp_path)
    x = np.full((2, 10), 0.7)
    assert again.region_error == hjb.region_error
    np.testing.assert_array_equal(again.at(x).u, hjb.at(x).u)
    first, second = (s.estimate_at(x[:1], 1000, 1e-2)[0] for s in (hjb, again))
    assert first.u0 == pytest.approx(second.u0, rel=1e-9)


def test_paths_that_leave_the_region_of_the_regression_are_refused(hjb, monkeypatch):
    monkeypatch.setattr(type(hjb.approximation), "contradicted_by", lambda *_: "so it is")
    with pytest.raises(bsde.MethodFailed, match="because so it is"):
        hjb.estimate_at(np.ones(10))
    assert float(hjb.approximation.u0) == hjb.u0
