"""Noise of another size than the state: shapes, and values known in closed form."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from kerasmodels import bsde
from kerasmodels.bsde.control import make_control
from kerasmodels.bsde.recursion.driven import controlled_paths
from kerasmodels.bsde.verify.check_solution import pde_terms
from tests.helpers import refusals


@keras.saving.register_keras_serializable(package="tests")
class Factors(bsde.Equation):
    """dX = S dW, f = c . z, g = |x|^2: u = |x + S c (T - t)|^2 + tr(S S^T) (T - t)."""

    def __init__(self, dim=2, num_factors=5, cost=0.0, terminal_time=2.0):
        super().__init__(dim, terminal_time, np.linspace(0.5, 1.5, dim))
        self.num_factors = num_factors
        self.cost = cost
        self.noise_dim = num_factors

    @property
    def matrix(self):
        shape = (self.dim, self.num_factors)
        return np.random.default_rng(self.num_factors).normal(size=shape)

    @property
    def direction(self):
        return self.cost * np.linspace(-1.0, 1.0, self.num_factors)

    def diffusion_prod(self, t, x, dw):
        return ops.matmul(dw, ops.convert_to_tensor(self.matrix.T, dw.dtype))

    def driver(self, t, x, u, z):
        direction = ops.convert_to_tensor(self.direction, z.dtype)
        return ops.sum(z * direction, axis=-1, keepdims=True)

    def terminal(self, x):
        return bsde.squared_norm(x)

    def exact_solution(self, t, x):
        shift = ops.convert_to_tensor(self.matrix @ self.direction, x.dtype)
        left = self.terminal_time - t
        return bsde.squared_norm(x + shift * left) + np.sum(self.matrix**2) * left


@keras.saving.register_keras_serializable(package="tests")
class RunningMean(bsde.Equation):
    """dS = v S dW and A' = S: the mean of S over time has no noise of its own."""

    noise_dim = 1

    def __init__(self, volatility=0.3, terminal_time=1.0, x0=(2.0, 0.0)):
        super().__init__(2, terminal_time, x0)
        self.volatility = volatility

    def drift(self, t, x):
        return ops.concatenate([0 * x[:, :1], x[:, :1]], axis=-1)

    def diffusion_prod(self, t, x, dw):
        return ops.concatenate([self.volatility * x[:, :1] * dw, 0 * x[:, :1]], axis=-1)

    def driver(self, t, x, u, z):
        return 0 * u

    def terminal(self, x):
        return x[:, 1:] / self.terminal_time

    def exact_solution(self, t, x):
        return (x[:, 1:] + x[:, :1] * (self.terminal_time - t)) / self.terminal_time


SIZES = [(2, 5), (5, 2), (3, 1)]


@pytest.mark.parametrize("dim, noise_dim", SIZES)
def test_recursion_of_the_exact_control(dim, noise_dim):
    equation = Factors(dim, noise_dim)
    matrix, grid = equation.matrix, np.array([0.0, 0.3, 1.1, 2.0])
    # z0 = S^T 2 x0, and u0 as on paper.
    z0 = 2 * matrix.T @ equation.x0
    u0 = equation.x0 @ equation.x0 + 2.0 * np.sum(matrix**2)
    control = bsde.ExactControl(equation, dtype="float64")
    model = bsde.GlobalModel(equation, control, grid=grid, u0=u0, z0=z0, dtype="float64")
    x, dw = bsde.sample_paths(equation, 4, grid=grid, seed=0, dtype="float64")
    assert x.shape == (4, 4, dim) and dw.shape == (4, 3, noise_dim)
    np.testing.assert_allclose(x[:, -1], equation.x0 + np.sum(dw, 1) @ matrix.T, rtol=1e-12)
    u, z = model.trajectory((x, dw, grid))
    np.testing.assert_allclose(z, 2 * x[:, :-1].numpy() @ matrix, rtol=1e-12)
    # u_N has trace(S S^T) T where g(x_N) has the squares of the steps.
    squares = np.sum((dw.numpy() @ matrix.T) ** 2, axis=(1, 2))
    gap = np.sum(matrix**2) * 2.0 - squares
    found = (u[:, -1] - equation.terminal(x[:, -1]))[:, 0]
    np.testing.assert_allclose(found, gap, rtol=1e-10, atol=1e-10)
    assert np.min(np.abs(gap)) > 0.01


def test_noise_of_the_grid_along_one_factor_is_taken_out_whole():
    equation = Factors(3, 1)
    u0, z0 = equation.reference().value, 2 * equation.matrix.T @ equation.x0
    model = bsde.GlobalModel(
        equation,
        bsde.ExactControl(equation, dtype="float64"),
        num_steps=4,
        iterated_integrals=True,
        u0=u0,
        z0=z0,
        dtype="float64",
    )
    x, dw = bsde.sample_paths(equation, 5, num_steps=4, seed=1, dtype="float64")
    # z is linear in the noise, so (A dW^2 - A dt) / 2 is all that z . dW leaves.
    np.testing.assert_allclose(
        model((x, dw, model.grid)), equation.terminal(x[:, -1]), rtol=1e-10
    )


@pytest.mark.parametrize(
    "equation", [Factors(2, 5, 0.7), Factors(5, 2, 0.7), RunningMean()]
)
def test_terms_of_the_pde_cancel(equation):
    x, _ = bsde.sample_paths(equation, 3, num_steps=2, seed=0, dtype="float64")
    t = tf.fill((3, 1), tf.constant(0.4, "float64"))
    terms = pde_terms(equation, t, x[:, 1])
    total = sum(terms[name] for name in ("u_t", "diffusion", "drift", "driver"))
    # Rounding of terms of size one to a hundred.
    np.testing.assert_allclose(total, 0.0, atol=1e-11)
    assert np.max(np.abs(terms["u_t"])) > 0.1
    assert "driver_of_gradient" not in terms


def test_check_equation_of_a_running_mean():
    report = bsde.check_equation(RunningMean(), num_points=4)
    assert report["largest_residual"] < 1e-12


class NoisyMean(RunningMean):
    def step(self, t, dt, x, dw):
        return super().step(t, dt, x, dw) + ops.concatenate([0 * dw, dw], axis=-1)


class Undeclared(RunningMean):
    noise_dim = 2


def test_mistakes_in_the_noise_are_named():
    with pytest.raises(bsde.EquationError, match="`step` that does not follow"):
        bsde.check_equation(NoisyMean(), num_points=4)
    with pytest.raises(bsde.EquationError, match="declared by `noise_dim`"):
        bsde.check_equation(Undeclared(), num_points=4)


def test_estimate_on_driven_paths_of_factors():
    # A linear driver is estimated without bias whatever was trained, here nothing.
    equation = Factors(5, 2, 0.4, terminal_time=0.5)
    model = bsde.GlobalModel(equation, "shared", num_steps=2, terminal_skip=True)
    estimate = bsde.estimate_u0(model, num_paths=2**12)
    shift = equation.x0 + equation.matrix @ equation.direction * 0.5
    value = shift @ shift + 0.5 * np.sum(equation.matrix**2)
    assert abs(estimate.u0 - value) < estimate.half_width < 0.02 * value
    # b = c on every path: int |b|^2 dt.
    assert estimate.drift_size == pytest.approx(0.5 * 2 * 0.4**2, rel=1e-5)


def test_driven_paths_of_factors():
    equation = Factors(2, 5, 0.3)
    model = bsde.GlobalModel(
        equation, "stacked", num_steps=3, u0=0.0, z0=np.zeros(5), seed=1, dtype="float64"
    )
    noise = np.random.default_rng(0).normal(size=(4, 3, 5))
    t = bsde.tile_times(model.grid, 4, "float64")
    x, dw, slope = controlled_paths(model, t, tf.constant(noise))
    dt = np.diff(model.grid)[:, None]
    np.testing.assert_allclose(dw, noise + equation.direction * dt, rtol=1e-12)
    moved = equation.x0 + np.cumsum(dw, 1) @ equation.matrix.T
    np.testing.assert_allclose(x[:, 1:], moved, rtol=1e-12)
    np.testing.assert_allclose(slope, 1.0, rtol=1e-12)


@pytest.mark.parametrize("control", ["shared", "stacked", "per-step"])
def test_networks_of_z_have_the_size_of_the_noise(control):
    control = make_control(control, [0.3, 0.6], 2, noise_dim=3, seed=1)
    again = type(control).from_config(control.get_config())
    again.set_weights(control.get_weights())
    x = np.random.default_rng(0).normal(size=(4, 2, 2)).astype("float32")
    t = np.broadcast_to(np.float32([0.3, 0.6])[:, None], (4, 2, 1))
    z = control(t, x)
    assert z.shape == (4, 2, 3)
    np.testing.assert_array_equal(again(t, x), z)


def test_model_of_factors_comes_back_from_its_file(tmp_path):
    model = bsde.GlobalModel(Factors(2, 3), num_steps=3, terminal_skip=True, seed=1)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    x, dw = bsde.sample_paths(model.equation, 4, num_steps=3, seed=0)
    np.testing.assert_array_equal(again((x, dw, model.grid)), model((x, dw, model.grid)))
    assert again.equation.noise_dim == 3 and again.z0.shape == (3,)
    assert again.z(np.float32([[0.9]]), np.ones((1, 2), "float32")).shape == (1, 3)


class Linear(Factors):
    def terminal(self, x):
        return ops.sum(x, axis=-1, keepdims=True)

    def exact_solution(self, t, x):
        return self.terminal(x)


@pytest.mark.parametrize("labels", ["exact", "pathwise", "malliavin"])
def test_labels_of_a_linear_terminal_condition(labels):
    equation = Linear(2, 3)
    paths = 4 if labels != "malliavin" else 4000
    x, z = bsde.z_samples(equation, paths, num_steps=3, labels=labels, dtype="float64")
    assert x.shape == (paths, 2, 2) and z.shape == (paths, 2, 3)
    expected = np.sum(equation.matrix, axis=0)
    if labels == "malliavin":
        # Their mean, within five standard errors.
        error = 5 * np.std(z, axis=0) / paths**0.5
        assert np.all(np.abs(np.mean(z, axis=0) - expected) < error)
        return
    np.testing.assert_allclose(z, np.broadcast_to(expected, z.shape), rtol=1e-12)


def test_is_exchangeable_needs_noise_per_coordinate():
    class Common(bsde.Heat):
        noise_dim = 1

        def diffusion_prod(self, t, x, dw):
            return dw + 0 * x

    # The coordinates can be exchanged, but z cannot be reordered with them.
    assert bsde.is_exchangeable(Common(3)) is False
    assert bsde.is_exchangeable(Factors(1, 2)) is False


def test_noise_dim_is_declared_in_three_ways():
    class AsProperty(RunningMean):
        @property
        def noise_dim(self):
            return 1

    assert bsde.Heat(3).noise_dim == 3
    assert RunningMean().noise_dim == AsProperty().noise_dim == 1
    assert Factors(2, 7).noise_dim == 7


def with_noise(value):
    return type("Declared", (RunningMean,), {"noise_dim": value})


test_refusals = refusals(
    [
        (lambda: with_noise(0)(), "noise_dim"),
        (lambda: with_noise(2.5)(), "noise_dim"),
        (lambda: Factors(2, -1), "noise_dim"),
        (lambda: Factors(2, 10**15), "noise_dim"),
        (
            lambda: bsde.check_equation(with_noise(property(lambda self: "two"))()),
            "noise_dim",
        ),
        (
            lambda: bsde.GlobalModel(Factors(2, 3), "exchangeable", num_steps=3),
            "noise of another size",
        ),
        (
            lambda: bsde.GlobalModel(
                Factors(2, 3), bsde.ExchangeableControl(2, [1.0]), num_steps=3
            ),
            "z has size 2",
        ),
        (
            lambda: bsde.GlobalModel(Factors(2, 3), bsde.StackedControl(2, 2), num_steps=3),
            "z has size 2",
        ),
        (
            lambda: bsde.GlobalModel(Factors(2, 3), num_steps=3, z0=[0.0, 0.0]),
            "z0",
        ),
        (
            lambda: bsde.GlobalModel(RunningMean(), num_steps=3, u0=0.0, z0=[0.0])(
                (np.ones((4, 4, 2)), np.ones((4, 3, 2)), np.linspace(0, 1, 4))
            ),
            "dw of shape (batch, 3, 1)",
        ),
        (
            lambda: bsde.fit_subnets(np.ones((4, 2, 3)), np.ones((4, 3, 1))),
            "(num_paths, num_times, noise_dim)",
        ),
    ]
)
