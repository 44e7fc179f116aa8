"""Paths: moments, reproducibility, and the SDE they follow."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from kerasmodels import bsde
from tests.helpers import Hand

UNEVEN = [0.0, 0.05, 0.3, 1.0]


def test_increments_have_mean_zero_and_variance_dt():
    _, dw = bsde.sample_paths(bsde.Heat(5), 4000, grid=UNEVEN, seed=0)
    dt = np.diff(UNEVEN)
    samples = 4000 * 5
    # Four standard errors of a mean and of a variance of 20,000 normals.
    np.testing.assert_allclose(
        np.mean(dw, axis=(0, 2)) / np.sqrt(dt), 0, atol=4 / samples**0.5
    )
    np.testing.assert_allclose(
        np.var(dw, axis=(0, 2)) / dt, 1, atol=4 * (2 / samples) ** 0.5
    )


def test_paths_follow_from_their_increments():
    class Drifting(Hand):
        def drift(self, t, x):
            return t - 2 * x

        def diffusion_prod(self, t, x, dw):
            return (1 + x**2) * dw

    x, dw = bsde.sample_paths(Drifting(2), 6, grid=UNEVEN, seed=3, dtype="float64")
    expected = np.full((6, 2), 0.5)
    for n in range(3):
        drift = UNEVEN[n] - 2 * expected
        step = UNEVEN[n + 1] - UNEVEN[n]
        expected = expected + drift * step + (1 + expected**2) * dw[:, n]
        np.testing.assert_allclose(x[:, n + 1], expected, rtol=1e-13)


def test_geometric_brownian_step_is_exact_for_any_step():
    equation = bsde.BlackScholesBasket(2, rate=0.3, volatility=0.5)
    x, dw = bsde.sample_paths(equation, 5, num_steps=4, seed=0, dtype="float64")
    expected = 100 * np.exp((0.3 - 0.5**2 / 2) + 0.5 * np.sum(dw, axis=1))
    np.testing.assert_allclose(x[:, -1], expected, rtol=1e-13)


def test_same_seed_same_paths_in_python_and_graph():
    equation = bsde.Heat(3)

    def sample(step):
        return bsde.sample_paths(equation, 8, (7, step), num_steps=4)[1]

    eager = sample(tf.constant(2))
    np.testing.assert_array_equal(tf.function(sample)(tf.constant(2)), eager)
    assert not np.array_equal(eager, sample(tf.constant(3)))
    np.testing.assert_array_equal(
        bsde.sample_paths(equation, 8, 7, num_steps=4)[1], sample(tf.constant(0))
    )


def test_xla_paths_are_reproducible_and_have_the_right_variance():
    # XLA draws other numbers from the same seed, but always the same ones.
    def sample():
        return bsde.sample_paths(bsde.Heat(5), 4000, num_steps=2, seed=1)[1]

    first, second = (tf.function(sample, jit_compile=True)() for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert np.var(first) == pytest.approx(0.5, rel=4 * (2 / 40_000) ** 0.5)


def test_data_set_restarts_at_any_step_and_matches_sample_paths():
    equation = bsde.HJB(2)
    whole = list(bsde.path_dataset(equation, 4, grid=UNEVEN, seed=5, num_batches=4))
    rest = list(bsde.path_dataset(equation, 4, 5, grid=UNEVEN, start_step=2, num_batches=2))
    assert len(whole) == 4
    for ((x, dw, t), g), ((x2, dw2, _), g2) in zip(whole[2:], rest):
        np.testing.assert_array_equal(x, x2)
        np.testing.assert_array_equal(g, g2)
        np.testing.assert_allclose(g, equation.terminal(x[:, -1]), rtol=1e-6)
        assert t.shape == (4, 4, 1) and dw.shape == dw2.shape == (4, 3, 2)
    x3, _ = bsde.sample_paths(equation, 4, (5, 3), grid=UNEVEN)
    np.testing.assert_allclose(whole[3][0][0], x3, rtol=1e-6, atol=1e-6)


def test_jitter_moves_the_inner_times_together_and_the_paths_with_them():
    equation = bsde.BlackScholesBasket(2)
    data = bsde.path_dataset(
        equation, 4, grid=UNEVEN, seed=5, num_batches=40, dtype="float64", jitter=True
    )
    shifts = []
    for (x, dw, t), g in data:
        grid = t.numpy()[0, :, 0]
        np.testing.assert_array_equal(t, np.tile(grid[:, None], (4, 1, 1)))
        assert grid[0] == 0 and grid[-1] == 1 and np.all(np.diff(grid) > 0)
        moved = grid[1:-1] - UNEVEN[1:-1]
        gap = np.diff(UNEVEN)[1:] if moved[0] > 0 else np.diff(UNEVEN)[:-1]
        np.testing.assert_allclose(moved / gap, moved[0] / gap[0], rtol=1e-9)
        shifts.append(moved[0] / gap[0])
        # The paths belong to these times: the exact step of geometric Brownian motion.
        for n in range(3):
            growth = (0.05 - 0.02) * (grid[n + 1] - grid[n]) + 0.2 * dw[:, n]
            np.testing.assert_allclose(x[:, n + 1], x[:, n] * np.exp(growth), rtol=1e-12)
        np.testing.assert_allclose(g, equation.terminal(x[:, -1]))
    assert -0.5 <= min(shifts) < -0.3 and 0.3 < max(shifts) <= 0.5
    # A data set started later continues this one.
    rest = bsde.path_dataset(
        equation,
        4,
        5,
        grid=UNEVEN,
        start_step=39,
        num_batches=1,
        dtype="float64",
        jitter=True,
    )
    np.testing.assert_array_equal(next(iter(rest))[0][0], x)


def test_jitter_is_drawn_apart_from_the_increments():
    # The normals of one pair are made of the same random bits as one uniform number
    # would be, and the sum of their squares falls with it, strictly.
    data = bsde.path_dataset(
        bsde.Heat(2), 1, num_steps=3, seed=5, num_batches=40, dtype="float64", jitter=True
    )
    moved, size = [], []
    for (_, dw, t), _ in data:
        moved.append(float(t[0, 1, 0]))
        size.append(float(tf.reduce_sum(dw[0, 0] ** 2) / t[0, 1, 0]))
    # Four standard errors of a rank correlation of 40 independent pairs.
    assert abs(scipy.stats.spearmanr(moved, size).statistic) < 4 / 39**0.5


def test_float64_paths_are_float64():
    (x, dw, t), g = next(
        iter(bsde.path_dataset(bsde.Heat(1), 3, num_steps=2, dtype="float64"))
    )
    assert {v.dtype for v in (x, dw, t, g)} == {tf.float64}


@pytest.mark.parametrize("num_steps", [0, -3, 2.5, "ten", True, [0.0, 1.0]])
def test_bad_numbers_of_steps_are_refused(num_steps):
    with pytest.raises(ValueError, match="`num_steps`"):
        bsde.sample_paths(bsde.Heat(2), 4, seed=0, num_steps=num_steps)


@pytest.mark.parametrize(
    "grid", [4, "ten", [0.0], [0.1, 1.0], [0.0, 0.5, 0.5, 1.0], [0.0, np.nan], True]
)
def test_bad_grids_are_refused(grid):
    with pytest.raises(ValueError, match="`grid`"):
        bsde.sample_paths(bsde.Heat(2), 4, seed=0, grid=grid)


@pytest.mark.parametrize(
    "times, received",
    [({}, "neither"), ({"num_steps": 2, "grid": [0.0, 0.5, 1.0]}, "both")],
)
def test_one_of_steps_and_grid_is_given(times, received):
    words = f"`sample_paths` expects one of `num_steps`.* and `grid`.*Received: {received}"
    with pytest.raises(ValueError, match=words):
        bsde.sample_paths(bsde.Heat(2), 4, seed=0, **times)


@pytest.mark.parametrize(
    "arguments, name",
    [
        ({"batch_size": 0}, "batch_size"),
        ({"seed": 1.5}, "seed"),
        ({"seed": -1}, "seed"),
    ],
)
def test_bad_arguments_are_refused(arguments, name):
    arguments = {"batch_size": 4, "seed": 0, **arguments}
    with pytest.raises(ValueError, match=f"`{name}`"):
        bsde.path_dataset(bsde.Heat(2), num_steps=4, **arguments)


@pytest.mark.parametrize(
    "arguments, name",
    [
        ({"equation": bsde.Heat}, "equation"),
        ({"equation": "heat"}, "equation"),
        ({"dtype": "int32"}, "dtype"),
        ({"seed": (1.7, 2)}, "seed"),
        ({"seed": 2**63}, "seed"),
        ({"seed": ("a", "b")}, "seed"),
    ],
)
def test_bad_samples_are_refused(arguments, name):
    arguments = {"equation": bsde.Heat(2), "seed": 0, **arguments}
    with pytest.raises(ValueError, match=f"`{name}`"):
        bsde.sample_paths(num_steps=4, batch_size=2, **arguments)
