"""The noise of the time grid: its mean, where it is exact, and what it is worth."""

import numpy as np
import pytest
import tensorflow as tf

from kerasmodels import bsde
from kerasmodels.bsde.recursion.iterated_integrals import iterated_integrals_of_z, probes

# The heat equation has sigma = 1, so that A = dz/dx.
BATCH, DT = 7, 0.04


def noise_of(z, equation, x, dw, seed=0):
    """`iterated_integrals_of_z` of one step from x for a function z(x)."""
    rng = np.random.default_rng(seed)
    shape = x.shape
    t, dt = (tf.fill((len(x), 1), tf.constant(v, "float64")) for v in (0.1, DT))
    other = DT**0.5 * rng.normal(size=shape)
    states, along = probes(equation, t, dt, tf.constant(x), z(tf.constant(x)), other)
    return iterated_integrals_of_z(dt, along, z(states), tf.constant(dw)).numpy()


def iterated(a, dw):
    """sum_ij A_ij int W_j dW_i = (dW^T A dW - dt trace A) / 2 for a symmetric A."""
    return (np.einsum("bi,ij,bj->b", dw, a, dw) - DT * np.trace(a))[:, None] / 2


@pytest.fixture
def draws():
    rng = np.random.default_rng(3)
    x, dw = (scale * rng.normal(size=(BATCH, 5)) for scale in (1.0, DT**0.5))
    return x, dw


def test_exact_for_a_function_of_one_projection(draws):
    x, dw = draws
    w = np.array([[1.0, -2.0, 0.5, 3.0, 1.5]])
    equation = bsde.Heat(5)
    found = noise_of(lambda x: (0.3 + x @ w.T) * w, equation, x, dw)
    # Linear z: the differences are exact up to rounding.
    np.testing.assert_allclose(found, iterated(w.T @ w, dw), rtol=1e-9, atol=1e-12)


def test_exact_for_a_diagonal_derivative_along_an_axis(draws):
    _, dw = draws
    x = np.tile([[0.0, 2.0, 0.0, 0.0, 0.0]], (BATCH, 1))
    diagonal = np.array([1.0, -2.0, 0.5, 3.0, 1.5])
    found = noise_of(lambda x: x * diagonal, bsde.Heat(5), x, dw)
    np.testing.assert_allclose(
        found, iterated(np.diag(diagonal), dw), rtol=1e-9, atol=1e-12
    )


def test_exact_for_the_row_along_an_axis_beside_a_diagonal(draws):
    _, dw = draws
    a = np.diag([1.0, -2.0, 0.5, 3.0, 1.5])
    row = np.array([0.7, 0.0, -1.2, 0.4, 2.0])
    a[1] += row
    a[:, 1] += row
    found = noise_of(lambda x: 2 * np.eye(5)[1] + x @ a, bsde.Heat(5), 0 * dw, dw)
    np.testing.assert_allclose(found, iterated(a, dw), rtol=1e-9, atol=1e-12)


def test_takes_most_of_a_radial_function(draws):
    rng = np.random.default_rng(4)
    x, dw = (scale * rng.normal(size=(4_000, 50)) for scale in (1.0, DT**0.5))
    found = noise_of(lambda x: 2 * x, bsde.Heat(50), x, dw)
    rest = iterated(2 * np.eye(50), dw) - found
    # One direction in fifty is not told apart from the rest: 1 / 50 of the variance.
    assert np.var(rest) < 0.1 * np.var(found)


def test_mean_is_zero_whatever_z_is():
    rng = np.random.default_rng(5)
    num_paths = 200_000
    x = np.tile(rng.normal(size=(1, 3)), (num_paths, 1))
    dw = DT**0.5 * rng.normal(size=x.shape)
    a = tf.constant(rng.normal(size=(3, 3)))
    found = noise_of(lambda x: tf.sin(3 * x @ a) + x**2, bsde.Heat(3), x, dw)
    assert np.std(found) > 0.01
    # Four standard errors.
    assert abs(np.mean(found)) < 4 * np.std(found) / num_paths**0.5


def test_states_where_z_is_not_defined_add_nothing(draws):
    x, dw = draws

    def z(x):
        return x if len(x) == BATCH else x * np.nan

    assert np.all(noise_of(z, bsde.Heat(5), x, dw) == 0)


def exact_model(num_steps, **options):
    equation = bsde.ReactionDiffusion(10)
    z0 = equation.exact_z(tf.zeros((1, 1), "float64"), tf.constant(equation.x0[None]))
    return bsde.GlobalModel(
        equation,
        num_steps=num_steps,
        control=bsde.ExactControl(equation, dtype="float64"),
        rule="trapezoid",
        u0=equation.reference().value,
        z0=z0.numpy()[0],
        dtype="float64",
        **options,
    )


def mismatch_std(num_steps, iterated_integrals):
    model = exact_model(num_steps, iterated_integrals=iterated_integrals)
    x, dw = bsde.sample_paths(
        model.equation, 2_000, num_steps=num_steps, seed=2, dtype="float64"
    )
    return np.std(model((x, dw, model.grid)) - model.equation.terminal(x[:, -1]))


def test_mismatch_with_exact_z_falls_with_the_step_and_not_with_its_root():
    coarse, fine = mismatch_std(16, True), mismatch_std(32, True)
    # 2 and 1.41 in the limit.
    assert 1.8 < coarse / fine < 2.3
    assert 1.25 < mismatch_std(16, False) / mismatch_std(32, False) < 1.6
    assert coarse < 0.3 * mismatch_std(16, False)


@pytest.mark.parametrize("num_steps", [1, 4])
def test_a_path_does_not_depend_on_the_others_of_its_batch(num_steps):
    model = bsde.GlobalModel(
        bsde.HJB(3),
        num_steps=num_steps,
        control="stacked",
        iterated_integrals=True,
        dtype="float64",
    )
    x, dw = bsde.sample_paths(
        model.equation, 6, num_steps=num_steps, seed=1, dtype="float64"
    )
    together = model((x, dw, model.grid)).numpy()
    alone = [model((x[k : k + 1], dw[k : k + 1], model.grid)).numpy() for k in range(6)]
    np.testing.assert_allclose(together, np.concatenate(alone), rtol=1e-12)


def test_estimate_takes_it_out_where_that_helps():
    estimate = bsde.estimate_u0(exact_model(8), num_paths=2_000, chunk_size=256, seed=1)
    assert estimate.iterated_integrals
    low, high = estimate.interval
    assert low < 1.6 < high
    # 4e-4; with the noise of the grid left in, 4e-3.
    assert estimate.half_width < 1e-3
