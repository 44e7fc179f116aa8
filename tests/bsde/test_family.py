"""Families: coefficients against those of the equations that they hold."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from kerasmodels import bsde

POINTS = 5


@keras.saving.register_keras_serializable(package="test_family")
class Option(bsde.CorrelatedGeometricBrownian):
    """A call on the mean of assets, with a rate that is a curve's where t counts."""

    def __init__(
        self, dim=2, terminal_time=1.0, x0=100.0, rate=0.03, volatility=0.2, strike=95.0
    ):
        super().__init__(dim, terminal_time, x0, rate, volatility)
        self.rate, self.strike = rate, strike

    def drift(self, t, x):
        return (self.rate + 0.01 * t) * x

    def driver(self, t, x, u, z):
        return -self.rate * u + 0.1 * t * ops.sum(z, axis=-1, keepdims=True)

    def terminal(self, x):
        return ops.relu(ops.mean(x, axis=-1, keepdims=True) - self.strike)

    step = bsde.Equation.step


@keras.saving.register_keras_serializable(package="test_family")
class Stored(bsde.Heat):
    """A strike that the constructor makes something of."""

    def __init__(self, dim=2, strike=1.0):
        super().__init__(dim)
        self.strike = strike
        self._level = 2 * strike

    def terminal(self, x):
        return ops.sum(x, axis=-1, keepdims=True) - self._level


@keras.saving.register_keras_serializable(package="test_family")
class ByMath(bsde.Heat):
    """A level that is read by `math`, which takes no tensors."""

    def __init__(self, dim=2, level=1.0):
        super().__init__(dim)
        self.level = level

    def terminal(self, x):
        return ops.sum(x, axis=-1, keepdims=True) * math.sqrt(self.level)


@keras.saving.register_keras_serializable(package="test_family")
class Unread(bsde.Heat):
    """An argument that no coefficient reads."""

    def __init__(self, dim=2, label=1.0):
        super().__init__(dim)
        self.label = label


RANGES = {
    "strike": (80.0, 120.0),
    "volatility": (0.1, 0.4),
    "rate": (0.0, 0.1),
    "terminal_time": (0.5, 2.0),
}


def family(**options):
    return bsde.Family(Option(**options), bsde.BoxStart(70.0, 130.0), RANGES)


def inputs(equation, seed=0):
    rng = np.random.default_rng(seed)
    t = rng.uniform(0.1, 0.6, (POINTS, 1))
    u, z, dw = rng.normal(size=(POINTS, 1)), *rng.normal(size=(2, POINTS, 2))
    return [tf.constant(value) for value in (t, u, z, dw)]


def test_coefficients_are_those_of_each_member():
    equation = family()
    x = equation.sample_start((0, 0), POINTS, "float64")
    t, u, z, dw = inputs(equation)
    dt = tf.constant([[0.1]], "float64")
    found = {
        "drift": equation.drift(t, x),
        "noise": equation.diffusion_prod(t, x, dw),
        "driver": equation.driver(t, x, u, z),
        "terminal": equation.terminal(x),
        "step": equation.step(t, dt, x, dw),
    }
    for name in ("drift", "noise"):
        np.testing.assert_array_equal(found[name][:, 2:], np.zeros((POINTS, 4)))
    np.testing.assert_array_equal(found["step"][:, 2:], x[:, 2:])
    for k, row in enumerate(np.asarray(x)):
        strike, volatility, rate, terminal_time = row[2:]
        member = Option(2, terminal_time, row[:2], rate, volatility, strike)
        # The family's own terminal time is 1.
        root = terminal_time**0.5
        at = [v[k : k + 1] for v in (t, x[:, :2], u, z, dw)]
        time, own, u_k, z_k, dw_k = at
        expected = {
            "drift": terminal_time * member.drift(terminal_time * time, own),
            "noise": root * member.diffusion_prod(terminal_time * time, own, dw_k),
            "driver": terminal_time
            * member.driver(terminal_time * time, own, u_k, z_k / root),
            "terminal": member.terminal(own),
            "step": member.step(terminal_time * time, terminal_time * dt, own, root * dw_k),
        }
        for name, value in expected.items():
            width = value.shape[1]
            np.testing.assert_allclose(found[name][k : k + 1, :width], value, rtol=1e-12)
        again = equation.member(row)
        np.testing.assert_allclose(again.terminal(own), expected["terminal"], rtol=1e-12)
        assert again.terminal_time == pytest.approx(terminal_time)


def test_x0_is_that_of_the_equation_with_its_own_parameters():
    equation = family()
    expected = [100.0, 100.0, 95.0, 0.2, 0.03, 1.0]
    np.testing.assert_allclose(equation.x0, expected, rtol=1e-15)
    assert (equation.dim, equation.noise_dim, equation.num_parameters) == (6, 2, 4)


def test_starts_and_parameters_are_uniform_and_independent():
    x = np.asarray(family().sample_start((1, 2), 20_000, "float64"))
    low, high = [70.0, 70.0, 80.0, 0.1, 0.0, 0.5], [130.0, 130.0, 120.0, 0.4, 0.1, 2.0]
    share = (x - low) / (np.array(high) - low)
    # A uniform mean has the standard error 0.002 here.
    np.testing.assert_allclose(np.mean(share, axis=0), 0.5, atol=0.01)
    np.testing.assert_allclose(np.std(share, axis=0), 12**-0.5, atol=0.01)
    correlation = np.corrcoef(share.T) - np.eye(6)
    assert np.max(np.abs(correlation)) < 0.03


def test_a_parameter_may_be_one_number_for_each_coordinate():
    equation = Option(volatility=[0.2, 0.3])
    wide = bsde.Family(equation, parameters={"volatility": ([0.1, 0.2], [0.3, 0.4])})
    assert wide.num_parameters == 2
    x = tf.constant([[100.0, 90.0, 0.15, 0.35]], "float64")
    dw = tf.constant([[1.0, 2.0]], "float64")
    noise = wide.diffusion_prod(0 * x[:, :1], x, dw)
    np.testing.assert_allclose(noise, [[15.0, 63.0, 0.0, 0.0]], rtol=1e-12)
    by_name = wide.by_name(np.array([[1.0, 2.0, 3.0, 4.0]]))
    np.testing.assert_array_equal(by_name["volatility"], [[3.0, 4.0]])


@pytest.mark.parametrize(
    "equation, name, ends, word",
    [
        (Stored(), "strike", (0.5, 2.0), "does not change with `self.strike`"),
        (ByMath(), "level", (0.5, 2.0), "it raises"),
        (Unread(), "label", (0.5, 2.0), "no coefficient changes"),
        (Option(), "strike", (100.0, 120.0), "the equation's own"),
        (Option(), "strike", (95.0, 95.0), "the equation's own"),
        (Option(), "strike", 3.0, "pair"),
        (Option(), "strik", (80.0, 120.0), "Did you mean 'strike'"),
        (Option(), "dim", (1, 3), "one of"),
        (Option(), "volatility", (-0.1, 0.4), "range that `Option` takes"),
    ],
)
def test_parameters_that_cannot_vary_are_refused_in_words(equation, name, ends, word):
    with pytest.raises(ValueError, match=word):
        bsde.Family(equation, parameters={name: ends})


def test_a_family_needs_something_that_varies():
    with pytest.raises(ValueError, match="start"):
        bsde.Family(bsde.Heat(2))
    with pytest.raises(ValueError, match="whose region holds x0"):
        bsde.Family(bsde.Heat(2), bsde.BoxStart(1.0, 2.0))
    with pytest.raises(ValueError, match="both the start and all parameters"):
        bsde.Family(family(), bsde.BoxStart(70.0, 130.0))


def test_points_are_broadcast_and_checked():
    equation = family()
    points = equation.points("test", [[80.0, 90.0], [100.0, 110.0]], {"strike": 100.0})
    assert points.shape == (2, 6)
    np.testing.assert_array_equal(points[:, 2], [100.0, 100.0])
    np.testing.assert_array_equal(points[0, 3:], equation.x0[3:])
    points = equation.points("test", None, {"rate": [0.01, 0.02, 0.03]})
    np.testing.assert_array_equal(points[:, 4], [0.01, 0.02, 0.03])
    np.testing.assert_array_equal(points[:, 0], [100.0] * 3)
    for x0, parameters, word in (
        ([140.0, 100.0], {}, "in the region of the solution"),
        (None, {"strike": 130.0}, "between 80.0 and 120.0"),
        (None, {"strikes": 100.0}, "Did you mean 'strike'"),
        ([[80.0, 90.0]] * 2, {"rate": [0.01] * 3}, "one for each point"),
        ([80.0, 90.0, 100.0], {}, "shape"),
    ):
        with pytest.raises(ValueError, match=word):
            equation.points("test", x0, parameters)


def test_a_family_of_starts_has_the_exact_solution_of_its_equation():
    wide = bsde.Family(bsde.HJB(3), bsde.LineStart(-1.0, 1.0))
    x = wide.sample_start((0, 0), 4, "float64")
    t = tf.zeros((4, 1), "float64")
    exact = bsde.HJB(3).exact_solution(t, x)
    np.testing.assert_array_equal(wide.exact_solution(t, x), exact)
    assert wide.reference() == bsde.HJB(3).reference()
    assert family().exact_solution(t, x) is None


@pytest.mark.parametrize("method", ["deep_bsde", "monte_carlo"])
def test_methods_of_one_start_refuse_a_family(method):
    wide = bsde.Family(bsde.Heat(2), bsde.BoxStart(-1.0, 1.0))
    with pytest.raises(ValueError, match="its start varies"):
        bsde.solve(wide, method)


def test_a_family_is_saved_with_its_equation_and_start():
    equation = family()
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(equation)
    )
    assert again.get_config() == equation.get_config()
    x = equation.sample_start((0, 0), POINTS, "float64")
    np.testing.assert_array_equal(again.terminal(x), equation.terminal(x))
    np.testing.assert_array_equal(again.sample_start((0, 0), POINTS, "float64"), x)
