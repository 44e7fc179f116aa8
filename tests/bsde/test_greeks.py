"""Derivatives of u(0, x0) by the start and by parameters, against closed forms."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from kerasmodels import bsde
from kerasmodels.bsde.estimate.derivatives import Differentiator
from kerasmodels.bsde.estimate.interval import QUANTILE
from tests.bsde.test_values import SMALL, Call, black_scholes

OWN = {"rate": 0.05, "volatility": 0.2, "strike": 95.0, "terminal_time": 1.0}


@keras.saving.register_keras_serializable(package="test_greeks")
class Digital(Call):
    """Pays one above the strike: its price is the derivative of no path."""

    def terminal(self, x):
        return ops.cast(x > self.strike, x.dtype)


@keras.saving.register_keras_serializable(package="test_greeks")
class Scaled(bsde.Heat):
    """u = a^2 (|x|^2 + d (T - t)), with a as a parameter."""

    def __init__(self, dim=3, terminal_time=0.5, x0=1.0, size=2.0):
        super().__init__(dim, terminal_time, x0)
        self.size = size

    def terminal(self, x):
        return self.size**2 * super().terminal(x)

    def exact_solution(self, t, x):
        return self.size**2 * super().exact_solution(t, x)


@pytest.fixture(scope="module")
def call():
    return bsde.solve(Call(), "regression", tolerance=1e-2, **SMALL)


def difference(name, h=1e-5):
    def price(value):
        x = value if name == "x" else 100.0
        return black_scholes(x, **{**OWN, **({} if name == "x" else {name: value})})

    own = 100.0 if name == "x" else OWN[name]
    return (price(own + h) - price(own - h)) / (2 * h)


def test_greeks_of_a_call_are_those_of_black_and_scholes(call):
    found = call.greeks("volatility", "rate", "strike", "terminal_time", num_paths=8000)
    assert list(found) == ["x", "volatility", "rate", "strike", "terminal_time"]
    for name, greek in found.items():
        value, exact = float(np.squeeze(greek.value)), difference(name)
        # Twice the half-width, because it is one seed.
        assert abs(value - exact) < 2 * np.squeeze(greek.half_width), name
        assert np.squeeze(greek.half_width) < 0.1 * abs(exact), name
        low, high = greek.interval
        assert low < value < high
        assert greek.half_width >= QUANTILE * greek.standard_error


def test_one_derivative_alone_is_that_among_many(call):
    together = call.greeks("rate", num_paths=1000)
    delta = call.gradient(num_paths=1000)
    rho = call.sensitivity("rate", num_paths=1000)
    assert rho.value == together["rate"].value
    np.testing.assert_allclose(delta.value, together["x"].value, rtol=1e-9)
    # The same seed, and the solution is left as it was.
    np.testing.assert_array_equal(call.gradient(num_paths=1000).value, delta.value)
    assert float(call.approximation.u0) == pytest.approx(call.u0, rel=1e-15)


def test_a_quadratic_has_the_exact_gradient():
    equation = Scaled()
    solution = bsde.solve(equation, "monte_carlo", num_paths=2000)
    found = solution.greeks("size", num_paths=4000)
    # Without z each path has the derivative 2 a^2 X_T, and pairs cancel the noise.
    np.testing.assert_allclose(found["x"].value, 8.0 * np.ones(3), rtol=1e-5)
    assert np.all(found["x"].half_width < 1e-4)
    # 2 a (|x|^2 + d T).
    size, exact = found["size"], 4.0 * (3.0 + 1.5)
    assert abs(size.value - exact) < 2 * size.half_width < 0.2 * exact


@pytest.mark.slow
def test_gradient_of_a_nonlinear_equation_over_a_region():
    family = bsde.Family(bsde.HJB(10, x0=1.0), bsde.LineStart(0.0, 2.0))
    solution = bsde.solve(family, "regression", **SMALL)
    x0 = np.full(10, 0.5)
    found = solution.gradient(x0, num_paths=4000)
    t, x = tf.zeros((1, 1), "float64"), tf.constant(x0[None])
    exact = np.asarray(bsde.HJB(10).exact_z(t, x))[0] / 2**0.5
    assert np.all(np.abs(found.value - exact) < 2 * found.half_width)
    assert np.all(found.half_width < 0.05 * exact)
    with pytest.raises(ValueError, match="straight line"):
        solution.gradient(np.full(10, 3.0))
    with pytest.raises(ValueError, match="one point"):
        solution.gradient(np.ones((2, 10)))


def test_a_jump_of_the_terminal_condition_is_refused():
    solution = bsde.solve(Digital(), "regression", tolerance=1e-2, **SMALL)
    with pytest.raises(bsde.JumpError, match="jumps"):
        solution.gradient(num_paths=2000)


def test_errors_of_z_widen_the_interval(call):
    differentiator = Differentiator(call.approximation, 0)

    def half_width(z_std, correction=0.3, imperfect_z=0.5):
        numbers = {"z_std": z_std, "correction": correction, "imperfect_z": imperfect_z}
        estimate = bsde.Estimate(**{**vars(call.estimate), **numbers})
        return differentiator(estimate, 500).half_width

    plain = half_width(0.0)
    # 2 (0.3 + 0.5) / 2^2 times 2 times the deviation of the paths' derivatives.
    wider = half_width(2.0) - plain
    assert np.all(wider > 0.1 * plain)
    # Twice the second order, twice the part; twice the deviation of R, half of it.
    np.testing.assert_allclose(half_width(2.0, -0.6, 1.0) - plain, 2 * wider, rtol=1e-9)
    np.testing.assert_allclose(half_width(4.0) - plain, wider / 2, rtol=1e-9)


def test_arguments_are_named(call):
    for arguments, word in (
        (("strik",), "Did you mean 'strike'"),
        (("dim",), "one of"),
    ):
        with pytest.raises(ValueError, match=word):
            call.greeks(*arguments)
    with pytest.raises(ValueError, match="single x0"):
        call.gradient([100.0])
    with pytest.raises(ValueError, match="single x0"):
        call.gradient(strike=90.0)
    with pytest.raises(ValueError, match="num_paths"):
        call.gradient(num_paths=0)
