"""Curves: values, slopes and integrals against NumPy, and inside equations."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasmodels import bsde
from tests.helpers import refusals

TIMES = np.array([0.1, 0.25, 0.7, 1.0])
VALUES = np.array([0.02, 0.05, -0.01, 0.03])
T = np.array([-0.2, 0.1, 0.2, 0.25, 0.69, 0.7, 0.99, 1.0, 1.5])[:, None]


def areas(function, start, end, points=200_001):
    t = np.linspace(start, end, points)
    return np.trapezoid(function(t), t)


def stairs(t):
    index = np.clip(np.searchsorted(TIMES, t, side="right") - 1, 0, None)
    return VALUES[index]


FUNCTIONS = {"linear": lambda t: np.interp(t, TIMES, VALUES), "constant": stairs}


@pytest.mark.parametrize("kind", ["linear", "constant"])
def test_values_and_integrals(kind):
    curve, function = bsde.curve(TIMES, VALUES, kind), FUNCTIONS[kind]
    np.testing.assert_allclose(curve(T), function(T), rtol=1e-6)
    found = curve.integral(tf.constant(T[:-1]), tf.constant(T[1:]))
    expected = [areas(function, a[0], b[0]) for a, b in zip(T, T[1:])]
    # The stairs lose up to a point of the reference's grid.
    np.testing.assert_allclose(found[:, 0], expected, atol=1e-6)
    # Across everything, by one time for all.
    whole = curve.integral(tf.constant([[-0.2]], "float64"), tf.constant(T))
    np.testing.assert_allclose(whole[-1, 0], areas(function, -0.2, 1.5), atol=1e-6)


def test_slopes():
    found = bsde.curve(TIMES, VALUES).slope(tf.constant(T))[:, 0]
    pieces = np.diff(VALUES) / np.diff(TIMES)
    expected = [0, *pieces[[0, 0, 1, 1, 2, 2]], 0, 0]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert not np.any(bsde.curve(TIMES, VALUES, "constant").slope(T))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("jit_compile", [False, True])
def test_curves_in_a_graph(dtype, jit_compile):
    curve = bsde.curve(TIMES, np.stack([VALUES, 2 * VALUES], axis=1))

    @tf.function(jit_compile=jit_compile)
    def both(t):
        return curve(t), curve.integral(t, t + 0.05)

    value, area = both(tf.constant(T, dtype))
    assert value.dtype == area.dtype == dtype and value.shape == (len(T), 2)
    rounding = {"float32": 1e-6, "float64": 1e-12}[dtype]
    expected = FUNCTIONS["linear"](T[:, 0])
    np.testing.assert_allclose(value[:, 1], 2 * expected, atol=rounding)
    assert np.max(np.abs(area[:, 1] - 2 * area[:, 0])) < rounding


def test_grid_time_of_float32_is_on_its_side_of_a_jump():
    # In float32 0.7 is less than the float64 knot.
    curve = bsde.curve(TIMES, VALUES, "constant")
    assert float(np.float32(0.7)) < 0.7
    for t in (np.float32([[0.7]]), np.float64(np.float32([[0.7]]))):
        np.testing.assert_allclose(curve(t), -0.01, rtol=1e-6)


def test_one_point_is_a_constant():
    curve = bsde.curve([0.0], [0.3])
    np.testing.assert_allclose(curve(T), 0.3, rtol=1e-6)
    np.testing.assert_allclose(curve.integral(0 * T, T), 0.3 * T, rtol=1e-6, atol=1e-9)


@keras.saving.register_keras_serializable(package="tests")
class Tables(bsde.Equation):
    """dX = m(t) dt + s(t) dW, f = -r(t) u, g = x: u = e^(-int r) (x + int m)."""

    def __init__(self, m, s, r, dim=1):
        super().__init__(dim, 1.0, 0.5)
        self.m, self.s, self.r = m, s, r

    def drift(self, t, x):
        return self.m(t) + 0 * x

    def diffusion_prod(self, t, x, dw):
        return self.s(t) * dw

    def driver(self, t, x, u, z):
        return -self.r(t) * u

    def terminal(self, x):
        return x

    def exact_solution(self, t, x):
        end = 0 * t + self.terminal_time
        discount = tf.exp(-self.r.integral(t, end))
        return discount * (x + self.m.integral(t, end))


def tables():
    return Tables(
        bsde.curve(TIMES, VALUES),
        bsde.curve([0.0, 1.0], [0.2, 0.4]),
        bsde.curve(TIMES, VALUES[::-1]),
    )


def test_equation_of_curves():
    equation = tables()
    assert bsde.check_equation(equation, num_points=6)["largest_residual"] < 1e-12
    rate = areas(lambda t: np.interp(t, TIMES, VALUES[::-1]), 0.0, 1.0)
    drift = areas(FUNCTIONS["linear"], 0.0, 1.0)
    expected = np.exp(-rate) * (0.5 + drift)
    assert equation.reference().value == pytest.approx(expected, rel=1e-9)


def test_equation_of_curves_comes_back_from_its_config():
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(tables())))
    again = keras.saving.deserialize_keras_object(config)
    assert isinstance(again.s, bsde.Curve)
    np.testing.assert_array_equal(again.m(T), tables().m(T))
    assert again.get_config() == tables().get_config()
    assert "Tables(" in repr(again)


test_refusals = refusals(
    [
        (lambda: bsde.curve([0.0, 1.0], [1.0]), "2 numbers, one per time"),
        (lambda: bsde.curve([0.0, 0.0], [1.0, 2.0]), "strictly increasing"),
        (lambda: bsde.curve([0.0, 1.0], [1.0, 2.0], "liner"), "Did you mean 'linear'"),
        (lambda: bsde.curve([0.0], [0.3])(np.zeros((3,))), "shape (..., 1)"),
    ]
)
