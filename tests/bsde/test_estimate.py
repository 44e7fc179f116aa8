"""The estimate: what it corrects exactly, what its interval holds, what it refuses."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasmodels import bsde
from kerasmodels.bsde.approximation import Approximation
from kerasmodels.bsde.control.process import as_control
from kerasmodels.bsde.estimate.estimator import Estimator
from kerasmodels.bsde.estimate.path_sampler import COLUMNS
from kerasmodels.bsde.recursion.driven import control_drift, controlled_paths
from tests.helpers import Hand, refusals


@keras.saving.register_keras_serializable(package="tests")
class Scaled(keras.layers.Layer):
    """The exact control times a factor, plus a shift: wrong by a known amount."""

    num_times = None
    standardized = True

    def __init__(self, equation, factor=1.0, shift=0.0):
        super().__init__(dtype="float64")
        self.exact = bsde.ExactControl(equation, dtype="float64")
        self.factor, self.shift = factor, shift
        self.built = True

    def call(self, t, x, training=False):
        return self.factor * self.exact(t, x) + self.shift


def wrong_model(equation, factor=1.0, shift=0.0, u0=None, num_steps=8):
    """Exact u0, z0 and z, made wrong as asked."""
    t0, x0 = tf.zeros((1, 1), "float64"), tf.constant(equation.x0[None, :])
    exact_z0 = np.nan_to_num(equation.exact_z(t0, x0).numpy()[0])
    return bsde.GlobalModel(
        equation,
        num_steps=num_steps,
        control=Scaled(equation, factor, shift),
        u0=equation.reference().value if u0 is None else u0,
        z0=factor * exact_z0 + shift,
        dtype="float64",
    )


def error(estimate, equation):
    return estimate.u0 - equation.reference().value


def test_linear_equation_is_exact_whatever_was_trained():
    # The driver is linear in u and z, so the Newton step has no remainder. Nothing is
    # trained, u0 is a fifth off, z has half its size.
    equation = bsde.BlackScholesBarenblatt(2)
    exact = equation.reference().value
    estimate = bsde.estimate_u0(wrong_model(equation, 0.5, u0=0.8 * exact), 40_000)
    assert abs(error(estimate, equation)) < 4 * estimate.standard_error
    assert estimate.standard_error < 0.005 * exact
    assert abs(estimate.correction) < 1e-9
    # Without the drift the wrong z enters in first order.
    estimate = bsde.estimate_u0(
        wrong_model(equation, 0.5, u0=0.8 * exact), 40_000, importance_sampling=False
    )
    assert abs(error(estimate, equation)) > 4 * estimate.standard_error
    # The interval counts it.
    assert abs(error(estimate, equation)) < estimate.half_width


def test_quadratic_driver_is_corrected_in_second_order():
    # z is wrong by 0.15 in each of 2 coordinates: lambda |delta|^2 T / 2 = 0.0225.
    equation = bsde.HJB(2)
    estimate = bsde.estimate_u0(wrong_model(equation, shift=0.15), 10_000)
    assert estimate.z_std == pytest.approx(0.15 * 2**0.5, rel=0.15)
    assert estimate.correction == pytest.approx(-0.0225, rel=0.3)
    assert abs(error(estimate, equation) - estimate.correction) > 0.015
    assert abs(error(estimate, equation)) < 0.008
    low, high = estimate.interval
    assert low < equation.reference().value < high


def test_error_of_u_along_the_path_is_corrected_where_the_driver_bends():
    # f = min(1, (u - v)^2): z is wrong by 0.15 in each of 4 coordinates, so u - v has
    # variance 0.09 t, of which the driver makes 0.045 until T = 1.
    equation = bsde.ReactionDiffusion(4)
    estimate = bsde.estimate_u0(wrong_model(equation, shift=0.15), 40_000)
    assert estimate.correction == pytest.approx(0.045, rel=0.3)
    assert abs(error(estimate, equation) - estimate.correction) > 0.03
    assert abs(error(estimate, equation)) < estimate.imperfect_z


@pytest.mark.slow
def test_parts_add_up_and_more_paths_narrow_the_interval():
    model = wrong_model(bsde.QuadraticGradient(3), 0.9)
    few, many = (bsde.estimate_u0(model, n, chunk_size=500) for n in (4_000, 36_000))
    assert many.monte_carlo == pytest.approx(few.monte_carlo / 3, rel=0.15)
    assert many.half_width == many.monte_carlo + many.time_grid + many.imperfect_z
    assert many.interval[1] - many.u0 == pytest.approx(many.half_width, rel=1e-9)
    assert (few.num_paths, many.num_paths) == (4_000, 36_000)
    assert many.num_steps == 16
    result = many.to_dict()
    assert result["interval"] == list(many.interval)
    assert all(isinstance(v, (int, float, list)) for v in result.values())


@keras.saving.register_keras_serializable(package="tests")
class EulerReverting(Hand):
    """dX = -3 X dt + dW by Euler-Maruyama, f = 0, g = |x|^2."""

    scheme = "euler"

    def drift(self, t, x):
        return -3.0 * x

    def exact_solution(self, t, x):
        left = self.terminal_time - t
        square = tf.reduce_sum(x * x, axis=-1, keepdims=True)
        return tf.exp(-6 * left) * square + self.dim * (1 - tf.exp(-6 * left)) / 6


def test_interval_holds_where_the_steps_of_x_are_of_first_order():
    # E |X_N|^2 after n steps of h from |x0|^2 = 2: v <- (1 - 3 h)^2 v + 2 h.
    def by_steps(n):
        value = 2.0
        for _ in range(n):
            value = (1 - 3 / n) ** 2 * value + 2 / n
        return value

    equation = EulerReverting(2, x0=1.0)
    exact = equation.reference().value
    fine, middle, coarse = (by_steps(n) for n in (32, 16, 8))
    estimate = bsde.estimate_u0(wrong_model(equation, num_steps=16), 20_000)
    expected = (8 * fine - 6 * middle + coarse) / 3
    assert abs(estimate.u0 - expected) < 4 * estimate.standard_error
    assert estimate.interval[0] < exact < estimate.interval[1]
    assert estimate.order == 1.0
    # Two grids for an error of second order would be off by 1.7 of what they changed.
    assert abs((4 * fine - middle) / 3 - exact) > 1.6 * abs(fine - middle) / 3
    assert estimate.half_width < abs((4 * fine - middle) / 3 - exact)


def test_tolerance_ends_the_drawing_of_paths():
    model = wrong_model(bsde.BlackScholesBarenblatt(2))
    estimate = bsde.estimate_u0(model, 10**9, tolerance=0.01, chunk_size=200)
    assert estimate.half_width < 0.0101 * estimate.u0
    assert estimate.num_paths < 10_000


def test_same_seed_same_numbers_and_other_seeds_other_numbers():
    model = wrong_model(bsde.HJB(2))
    first, again, other = (
        bsde.estimate_u0(model, 800, chunk_size=100, seed=s) for s in (3, 3, 4)
    )
    assert first == again
    assert first.u0 != other.u0


def test_estimator_reads_the_weights_anew():
    model = wrong_model(bsde.Burgers(2))
    estimator = Estimator(model, chunk_size=100)
    before = estimator(800)
    model.set_u0(float(model.u0) + 0.3)
    after = estimator(800)
    # A Newton step from another place, by another mismatch, ends nearly at the same.
    assert after.mismatch_std > 1.5 * before.mismatch_std
    assert 0 < abs(after.u0 - before.u0) < 1e-3


def test_drift_is_the_slope_of_the_driver_and_is_limited():
    equation = bsde.HJB(3, control_cost=2.0)
    x = z = tf.constant(np.random.default_rng(0).normal(size=(5, 3)))
    t, dt = tf.zeros((5, 1), "float64"), tf.constant(0.01, "float64")
    driver, b = control_drift(equation, t, dt, x, t, z)
    np.testing.assert_allclose(b, -2 * z, rtol=1e-12)
    np.testing.assert_allclose(driver, equation.driver(t, x, t, z), rtol=1e-12)
    _, b = control_drift(equation, t, dt, x, t, 1e6 * z)
    # Twice sqrt(dt), as a distance over the step.
    np.testing.assert_allclose(np.linalg.norm(b * dt, axis=1), 0.2, rtol=1e-9)


class Norm(bsde.Heat):
    """f = -|z|, as a square root: its derivative at z = 0 is NaN by differentiation."""

    def driver(self, t, x, u, z):
        return -keras.ops.sqrt(bsde.squared_norm(z))


def test_drift_at_a_kink_is_zero():
    z = tf.constant([[0.0, 0.0], [3.0, 4.0]])
    x, one = tf.zeros_like(z), tf.ones((2, 1))
    driver, b = control_drift(Norm(2), one, 0.01 * one, x, one, z)
    np.testing.assert_array_equal(driver, [[0.0], [-5.0]])
    np.testing.assert_allclose(b, [[0.0, 0.0], [-0.6, -0.8]], rtol=1e-6)


def test_controlled_paths_follow_their_increments_and_drift():
    # f = -2 z . x has the slope b = -2 x: dX = -2 X dt + dW, which pulls towards 0.
    equation = Hand(dim=2, b=-2.0)
    model = bsde.GlobalModel(equation, num_steps=10, control=[Same()] * 9, dtype="float64")
    _, noise = bsde.sample_paths(equation, 6, 0, "float64", num_steps=10)
    times = bsde.tile_times(model.grid, 6, "float64")
    x, dw, slope = controlled_paths(model, times, noise)
    np.testing.assert_array_equal(slope, np.ones((6, 1)))
    expected = np.full((6, 2), 0.5)
    for n in range(10):
        step = -2 * expected * 0.1 + noise[:, n]
        np.testing.assert_allclose(dw[:, n], step, rtol=1e-12, atol=1e-14)
        expected = expected + step
        np.testing.assert_allclose(x[:, n + 1], expected, rtol=1e-12)


@keras.saving.register_keras_serializable(package="tests")
class Same(keras.layers.Layer):
    """z = x."""

    def __init__(self):
        super().__init__(dtype="float64")
        self.built = True

    def call(self, x, training=False):
        return 1 * x


def test_fit_and_evaluate_take_the_driven_paths():
    equation = bsde.HJB(3, control_cost=10.0)
    data = bsde.path_dataset(equation, 64, num_steps=5, num_batches=4)
    losses = []
    for driven in (False, True):
        model = bsde.GlobalModel(
            equation, num_steps=5, terminal_skip=True, importance_sampling=driven
        )
        model.compile("sgd", loss="mse")
        losses.append(model.evaluate(data, verbose=0))
        model.fit(data, verbose=0)
    assert losses[0] != pytest.approx(losses[1], rel=0.05)


def test_driven_paths_count_by_the_slope_of_u():
    # f = (u - c) sum z: both f_u, which is the slope's, and b depend on the path.
    equation = bsde.Burgers(2, terminal_time=1.0)
    model = bsde.GlobalModel(
        equation,
        num_steps=5,
        terminal_skip=True,
        iterated_integrals=False,
        importance_sampling=True,
        dtype="float64",
    )
    model.compile("sgd", loss="mse")
    data = bsde.path_dataset(equation, 64, num_steps=5, num_batches=1, dtype="float64")
    found = model.evaluate(data, verbose=0)
    inputs, _ = next(iter(data))
    x, dw, slope = controlled_paths(model, inputs[2], inputs[1])
    # u_N by u_0 along these paths, by a difference.
    u0, ends = float(model.u0), []
    for shift in (-1e-5, 1e-5):
        model.set_u0(u0 + shift)
        ends.append(model((x, dw, inputs[2])).numpy())
    model.set_u0(u0)
    np.testing.assert_allclose(slope, (ends[1] - ends[0]) / 2e-5, rtol=1e-7)
    mismatch = model((x, dw, inputs[2])) - equation.terminal(x[:, -1])
    assert np.std(slope) > 0.01
    # Keras computes losses in float32.
    assert found == pytest.approx(np.mean(mismatch**2 / slope), rel=1e-5)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_one_time_alone_is_that_time_of_all(batch_norm):
    stack = bsde.StackedControl(3, 2, batch_norm=batch_norm, dtype="float64")
    rng = np.random.default_rng(0)
    for weight in stack.weights:
        weight.assign(rng.uniform(0.5, 1.5, weight.shape))
    x = rng.normal(size=(4, 3, 2))
    t = np.zeros((4, 3, 1))
    for index in range(3):
        alone = stack.at_time(tf.constant(index), t[:, 0], x[:, index], None, None)
        np.testing.assert_allclose(alone, stack(t, x)[:, index], rtol=1e-12)


def test_list_of_networks_and_unknown_processes_can_be_asked_at_one_time():
    nets = [bsde.ZSubnet(2, seed=s, dtype="float64") for s in range(3)]
    per_step = bsde.PerStepControl(nets, dtype="float64")
    x = np.random.default_rng(0).normal(size=(4, 2))
    t = np.zeros((4, 1))

    class Unknown(keras.layers.Layer):
        num_times = 3

        def call(self, t, x):
            return x * np.array([1.0, 2.0, 3.0])[:, None]

    for index in range(3):
        alone = per_step.at_time(tf.constant(index), t, x, None, None)
        np.testing.assert_allclose(alone, nets[index](x), rtol=1e-12)
        unknown = as_control(Unknown(dtype="float64"))
        alone = unknown.at_time(index, t, x, None, None)
        np.testing.assert_allclose(alone, (index + 1) * x, rtol=1e-12)


@pytest.mark.parametrize(
    "control", ["stacked", pytest.param("per-step", marks=pytest.mark.slow)]
)
def test_networks_of_one_time_each_are_estimated_on_their_own_grid(control):
    # An odd number of steps, too.
    model = bsde.GlobalModel(bsde.Heat(2), num_steps=5, control=control, terminal_skip=True)
    estimate = bsde.estimate_u0(model, 20_000)
    assert abs(estimate.u0 - 2.0) < 4 * estimate.standard_error
    with pytest.raises(ValueError, match="a network belongs to each time"):
        bsde.estimate_u0(model, 100, num_steps=10)


def test_one_time_step_and_uneven_grids():
    for grid in ([0.0, 1.0], [0.0, 0.1, 0.5, 1.0]):
        model = bsde.GlobalModel(bsde.Heat(2), grid=grid, control="shared")
        estimate = bsde.estimate_u0(model, 20_000)
        assert abs(estimate.u0 - 2.0) < 4 * estimate.standard_error


def test_paths_that_blow_up_are_named():
    model = bsde.GlobalModel(Hand(dim=1, a=1e30), num_steps=4, control="shared")
    with pytest.raises(FloatingPointError, match="no longer finite"):
        bsde.estimate_u0(model, 100)


@functools.cache
def heat_model():
    return bsde.GlobalModel(bsde.Heat(2), num_steps=4, control="shared")


test_bad_arguments_are_refused = refusals(
    [
        (lambda: bsde.estimate_u0("model"), "`model`"),
        (lambda: bsde.estimate_u0(heat_model(), num_paths=0), "`num_paths`"),
        (lambda: bsde.estimate_u0(heat_model(), num_steps=7), "even"),
        (lambda: bsde.estimate_u0(heat_model(), num_steps=0), "`num_steps`"),
        (lambda: bsde.estimate_u0(heat_model(), tolerance=0.0), "`tolerance`"),
        (
            lambda: bsde.estimate_u0(heat_model(), importance_sampling="yes"),
            "`importance_sampling`",
        ),
        (lambda: bsde.estimate_u0(heat_model(), chunk_size=-1), "`chunk_size`"),
        (lambda: bsde.estimate_u0(heat_model(), seed=-1), "`seed`"),
        (lambda: bsde.GlobalModel(bsde.Heat(2), num_steps=4, rule="right"), "`rule`"),
        (
            lambda: bsde.GlobalModel(bsde.Heat(2), num_steps=4, importance_sampling=1),
            "`importance_sampling`",
        ),
        (
            lambda: bsde.GlobalModel(bsde.Heat(2), num_steps=4, scales=(1.0, 0.0)),
            "`scales`",
        ),
        (lambda: heat_model().set_u0(np.nan), "`value`"),
    ]
)


class Strong(Approximation):
    """A z so large that the drift df/dz has to be shortened everywhere."""

    equation, grid, dtype = bsde.HJB(dim=2), np.linspace(0.0, 1.0, 9), "float64"
    u0 = tf.constant(0.0, "float64")
    z0 = tf.fill((2,), tf.constant(1e3, "float64"))

    def set_u0(self, value):
        raise NotImplementedError

    def z(self, index, t, x):
        return 1e3 + 0 * x

    def save(self, folder):
        raise NotImplementedError

    load = save


def test_drift_is_shortened_alike_on_the_three_grids():
    # On the finest grid, of 16 steps, |b| sqrt(1 / 16) = 2: int |b|^2 dt = 64, and the same
    # on the coarser grids, so that their paths have one law.
    estimator = Estimator(Strong(), chunk_size=64)
    columns, _ = estimator.chunks.sample(0, *estimator._no_sizes, False)
    b_square = columns[:, COLUMNS.index("b_square")]
    np.testing.assert_allclose(b_square, 64.0, rtol=1e-12)
