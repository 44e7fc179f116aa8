"""Paths, rates and momentum against their closed forms."""

import keras
import numpy as np
import pytest

from kerasmodels import descent


def line_path(noise, epochs, batch_size=1):
    x, y = descent.line_data(noise=noise)
    return descent.fit_line(x, y, batch_size, epochs, every="epoch")


def test_line_by_single_samples():
    path = line_path(0.0, 10)
    # float32, a thousand steps.
    np.testing.assert_allclose(path[1], [0.2555956452211357, 3.615821703954664], rtol=1e-5)
    np.testing.assert_allclose(
        path[10], [1.9954687956949904, 3.5017388204817923], rtol=1e-5
    )


def test_line_by_the_whole_set_has_a_closed_form():
    path = line_path(0.0, 100, batch_size=100)
    steps = np.arange(101)
    slope = 2 * (1 - (1 - 0.02 * 101 / 297) ** steps)
    intercept = 3.5 * (1 - 0.98**steps)
    np.testing.assert_allclose(path, np.stack([slope, intercept], 1), rtol=1e-5, atol=1e-6)


def test_cost_of_the_line_is_its_quadratic():
    x, y = descent.line_data(noise=1.0)
    cost, best = descent.line_cost(x, y)
    grid = np.linspace(-3, 5, 7)
    slope, intercept = np.meshgrid(grid, grid)
    wanted = cost(*best) + 101 / 297 * (slope - best[0]) ** 2 + (intercept - best[1]) ** 2
    np.testing.assert_allclose(cost(slope, intercept), wanted, rtol=1e-12)


@pytest.mark.parametrize(
    "rate, regime",
    [
        (0.1, "monotone"),
        (0.5, "one step"),
        (0.75, "alternates"),
        (1.0, "cycles"),
        (1.1, "diverges"),
    ],
)
def test_well_follows_its_factor(rate, regime):
    assert descent.regime(rate) == regime
    model = descent.Well(start=3.0, dtype="float64")
    model.compile(keras.optimizers.SGD(rate), descent.Well.cost)
    path = descent.WeightPath()
    x = np.zeros((6, 1))
    model.fit(x, x, batch_size=1, callbacks=[path], verbose=0)
    # The optimizer keeps its rate in float32.
    wanted = 3.0 * (1 - 2 * rate) ** np.arange(7)
    np.testing.assert_allclose(path.path()[:, 0], wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "start, wanted",
    [
        ("zeros", [0.9, 0.76, 0.614, 0.4796, 0.36444]),
        ("ones", [1.4, 1.46, 1.344, 1.1516, 0.94024]),
    ],
)
def test_velocity_starts_where_it_is_told(start, wanted):
    w = keras.Variable(1.0, dtype="float64")
    optimizer = descent.SGD(0.1, 0.5, velocity_initializer=start)
    found = []
    for _ in wanted:
        optimizer.apply([keras.ops.convert_to_tensor(w)], [w])
        found.append(float(w.numpy()))
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


@pytest.mark.parametrize("momentum, kick", [(0.5, 1.0), (0.9, 9.0)])
def test_kick_without_a_gradient(momentum, kick):
    assert descent.kick(momentum) == pytest.approx(kick)
    w = keras.Variable(0.0, dtype="float64")
    optimizer = descent.SGD(0.1, momentum, velocity_initializer="ones")
    for _ in range(400):
        optimizer.apply([keras.ops.zeros_like(w)], [w])
    assert float(w.numpy()) == pytest.approx(kick, rel=1e-5)
