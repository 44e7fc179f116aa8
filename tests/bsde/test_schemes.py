"""The order of each scheme, from moments that are exact but for rounding: no sampling."""

import itertools

import numpy as np
import pytest
import scipy.integrate
import tensorflow as tf
from keras import ops

from kerasmodels import bsde
from kerasmodels.bsde.schemes import SCHEMES
from tests.helpers import refusals


class Linear(bsde.Equation):
    """dX = (1 + t) A X dt + (1 - t / 2) sum_j B_j X dW_j."""

    def __init__(self, drift_matrix, noise_matrices, scheme="euler"):
        self.drift_matrix = np.asarray(drift_matrix)
        self.noise_matrices = np.asarray(noise_matrices)
        super().__init__(len(self.drift_matrix), 1.0, 1.0)
        self.noise_dim = len(self.noise_matrices)
        self.scheme = scheme

    def drift(self, t, x):
        return (1 + t) * ops.matmul(x, ops.convert_to_tensor(self.drift_matrix.T, x.dtype))

    def diffusion_prod(self, t, x, dw):
        matrices = ops.convert_to_tensor(self.noise_matrices, x.dtype)
        return (1 - t / 2) * ops.einsum("jab,kb,kj->ka", matrices, x, dw)

    def driver(self, t, x, u, z):
        return 0 * u

    def terminal(self, x):
        return bsde.squared_norm(x)

    def generator(self, t):
        """d E[X X^T] / dt as a matrix on the entries."""
        eye = np.eye(self.dim)
        drift = np.kron(self.drift_matrix, eye) + np.kron(eye, self.drift_matrix)
        noise = sum(np.kron(b, b) for b in self.noise_matrices)
        return (1 + t) * drift + (1 - t / 2) ** 2 * noise


ROTATING = [[-0.5, 0.8], [-0.3, 0.2]]
PROBLEMS = {
    # The second coordinate is 1 and stays there.
    "additive": ([[-2.0, 1.0], [0.0, 0.0]], [[[0.0, 0.7], [0.0, 0.0]]]),
    "one noise": (ROTATING, [[[0.5, 0.2], [-0.4, 0.3]]]),
    "own noise": (ROTATING, [[[0.7, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.5]]]),
    "correlated": (ROTATING, [[[0.7, 0.0], [0.0, 0.3]], [[0.0, 0.0], [0.0, 0.5]]]),
    "no two commute": (ROTATING, [[[0.5, 0.0], [0.0, -0.4]], [[0.0, 0.6], [0.3, 0.0]]]),
}
ORDERS = {
    "euler": {name: 1 for name in PROBLEMS},
    "heun": {"additive": 2, "one noise": 1},
    "platen": {"additive": 2, "one noise": 2, "own noise": 2, "correlated": 1},
    "flow": {name: 2 for name in PROBLEMS if name != "no two commute"},
}
ORDERS["flow"]["no two commute"] = 1
CASES = [(scheme, name) for scheme, names in ORDERS.items() for name in names]


def normals(count, points=8):
    """Nodes `[points^count, count]` and weights: exact for polynomials of degree 15."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(points)
    weights = weights / weights.sum()
    z = np.array(list(itertools.product(nodes, repeat=count)))
    return z, np.prod(list(itertools.product(weights, repeat=count)), axis=1)


def tensors(*values):
    return [tf.constant(value, "float64") for value in values]


def second_moments(equation, num_steps):
    """E[X_T X_T^T] of the scheme: each step is a matrix that depends on dW."""
    dim, dt = equation.dim, 1.0 / num_steps
    z, weights = normals(equation.noise_dim)
    shape = (num_steps, len(z), dim)
    # All steps, increments and start vectors are rows of one batch.
    t = np.broadcast_to(dt * np.arange(num_steps)[:, None, None], shape)
    x = np.broadcast_to(np.eye(dim), (*shape, dim))
    dw = np.broadcast_to(z[:, None] * dt**0.5, (*shape, z.shape[1]))
    rows = (v.reshape(-1, w) for v, w in ((t, 1), (x, dim), (dw, z.shape[1])))
    t, x, dw = tensors(*rows)
    end = np.asarray(equation.step(t, *tensors([[dt]]), x, dw)).reshape(*shape, dim)
    moments = np.ones(dim * dim)
    # end[n, k, i] is the image of the i-th unit vector.
    for both in np.einsum("k,nkba,nkdc->nbdac", weights, end, end):
        moments = both.reshape(dim * dim, dim * dim).T @ moments
    return moments


@pytest.mark.parametrize("scheme, name", CASES)
def test_order_of_the_second_moments(scheme, name):
    equation = Linear(*PROBLEMS[name], scheme=scheme)
    exact = scipy.integrate.solve_ivp(
        lambda t, m: equation.generator(t) @ m,
        (0.0, 1.0),
        np.ones(equation.dim**2),
        rtol=1e-11,
        atol=1e-12,
    ).y[:, -1]
    errors = [np.abs(second_moments(equation, n) - exact).max() for n in (16, 32)]
    assert errors[1] > 1e-8
    # The next order is still felt on such grids.
    assert np.log2(errors[0] / errors[1]) == pytest.approx(ORDERS[scheme][name], abs=0.3)


class Sinh(bsde.Equation):
    """X_i = sinh(arsinh x_i + W_i): dX = X / 2 dt + (1 + X^2)^(1/2) dW."""

    def __init__(self, dim=1, scheme="euler"):
        super().__init__(dim, 1.0, 0.3)
        self.scheme = scheme

    def drift(self, t, x):
        return x / 2

    def diffusion_prod(self, t, x, dw):
        return ops.sqrt(1 + x * x) * dw

    def driver(self, t, x, u, z):
        return 0 * u

    def terminal(self, x):
        return ops.sum(x, axis=-1, keepdims=True)


@pytest.mark.parametrize("scheme, order", [("euler", 2), ("platen", 3), ("flow", 3)])
def test_order_of_one_step_where_nothing_is_linear(scheme, order):
    equation, errors = Sinh(2, scheme), []
    z, weights = normals(2, points=24)
    x = np.array([[0.3, -1.1]])
    for dt in (0.02, 0.01):
        dw = dt**0.5 * z
        start, t = np.repeat(x, len(z), axis=0), np.zeros((len(z), 1))
        end = np.asarray(equation.step(*tensors(t, [[dt]], start, dw)))
        exact = np.sinh(np.arcsinh(x) + dw)
        # A function of both coordinates that is no polynomial.
        values = [np.cos(y[:, 0]) * np.exp(-y[:, 1] / 2) for y in (end, exact)]
        errors.append(abs(weights @ (values[0] - values[1])))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.3)


def test_ito_correction_of_linear_noise():
    drift, noise = PROBLEMS["no two commute"]
    equation = Linear(drift, noise)
    x = np.random.default_rng(0).normal(size=(3, 2))
    t = tf.fill((3, 1), tf.constant(0.4, "float64"))
    # 1/2 sum B_j B_j x at the time's size of the noise, 0.8.
    expected = 0.64 / 2 * sum(x @ (np.asarray(b) @ b).T for b in noise)
    found = equation.ito_correction(t, tf.constant(x))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_own_ito_correction_is_used():
    class Told(Sinh):
        def ito_correction(self, t, x):
            return x / 2

    x, dw = np.array([[0.3], [-1.0]]), np.array([[0.1], [0.2]])
    arguments = tensors(np.zeros((2, 1)), [[0.01]], x, dw)
    told, found = Told(1, "flow").step(*arguments), Sinh(1, "flow").step(*arguments)
    np.testing.assert_allclose(told, found, rtol=1e-12)
    # Of Stratonovich there is no drift, so the flow is that of sinh itself.
    np.testing.assert_allclose(found, np.sinh(np.arcsinh(x) + dw), rtol=1e-5)


def test_derivatives_of_the_flow_in_a_graph_and_in_both_float_types():
    bsde.check_equation(Sinh(2, "flow"), num_points=2)


@pytest.mark.parametrize("scheme", ["heun", "platen", "flow"])
def test_step_of_length_zero_moves_nothing(scheme):
    x = tf.constant([[0.3, -1.0]])
    zero = tf.zeros((1, 1))
    np.testing.assert_array_equal(Sinh(2, scheme).step(zero, zero, x, 0 * x), x)


class Chosen(bsde.Equation):
    """dX = a(t, x) dt + b(t, x) dW with a and b given."""

    def __init__(self, drift, sigma):
        super().__init__(2, 1.0, 0.5)
        self.a, self.b = drift, sigma

    def drift(self, t, x):
        return self.a(t, x) + 0 * x

    def diffusion_prod(self, t, x, dw):
        return self.b(t, x) * dw

    def driver(self, t, x, u, z):
        return 0 * u

    def terminal(self, x):
        return bsde.squared_norm(x)


@pytest.mark.parametrize(
    "name, drift, sigma",
    [
        ("euler", lambda t, x: 3.0, lambda t, x: 2.0),
        ("heun", lambda t, x: -x, lambda t, x: 2.0),
        ("heun", lambda t, x: t, lambda t, x: 2.0),
        ("heun", lambda t, x: 0.0, lambda t, x: 1 + t),
        ("euler", lambda t, x: -x, lambda t, x: x),
        ("euler", lambda t, x: -x, lambda t, x: ops.maximum(x, 1.0)),
    ],
)
def test_scheme_of_an_equation_that_names_none(name, drift, sigma):
    equation = Chosen(drift, sigma)
    t, dt = tensors([[0.25]], [[0.5]])
    x, dw = tensors([[0.3, -0.4]], [[0.7, 0.2]])
    found = equation.step(t, dt, x, dw)
    np.testing.assert_array_equal(found, SCHEMES[name](equation, t, dt, x, dw))
    other = SCHEMES["heun" if name == "euler" else "euler"](equation, t, dt, x, dw)
    if name == "heun":
        assert np.all(np.abs(found - other) > 1e-3)


def test_default_scheme_is_found_in_a_graph_too():
    equation = Chosen(lambda t, x: -x, lambda t, x: 2.0)
    values = tensors([[0.25]], [[0.5]], [[0.3, -0.4]], [[0.7, 0.2]])
    for compiled in (False, True):
        step = tf.function(equation.step, jit_compile=compiled)
        np.testing.assert_allclose(
            step(*values), SCHEMES["heun"](equation, *values), rtol=1e-14
        )


def step_of(scheme):
    zero = tf.zeros((1, 1))
    return lambda: Sinh(1, scheme).step(zero, zero, zero, zero)


test_refusals = refusals([(step_of("heum"), "Did you mean 'heun'"), (step_of(2), "scheme")])
