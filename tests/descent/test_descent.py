"""Paths, rates and momentum against their closed forms."""

import keras
import numpy as np
import pytest

from kerasmodels import descent


def line_path(noise, epochs, batch_size=1):
    x, y = descent.line_data(noise=noise)
    return descent.fit_line(x, y, batch_size, epochs, every="epoch")


def test_line_by_single_samples(all_float64):
    path = line_path(0.0, 10)
    np.testing.assert_allclose(path[1], [0.2555956452211357, 3.615821703954664], rtol=1e-9)
    np.testing.assert_allclose(
        path[10], [1.9954687956949904, 3.5017388204817923], rtol=1e-9
    )


@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_line_by_the_whole_set_has_a_closed_form(count, all_float64):
    path = line_path(0.0, count, batch_size=100)
    steps = np.arange(count + 1)
    slope = 2 * (1 - (1 - 0.02 * 101 / 297) ** steps)
    intercept = 3.5 * (1 - 0.98**steps)
    np.testing.assert_allclose(path, np.stack([slope, intercept], 1), rtol=1e-9, atol=1e-12)
    wanted = {
        10: [0.13193830447073496, 0.6402451758935865],
        100: [0.9892536246573493, 3.0358315543683645],
        1000: [1.9978265384341996, 3.4999999941096145],
    }
    for step, values in wanted.items():
        if step <= count:
            np.testing.assert_allclose(path[step], values, rtol=1e-9)


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 5))]
)
def test_noisy_line_ends_near_least_squares(seed):
    x, y = descent.line_data(noise=1.0, seed=seed)
    slope, intercept = descent.fit_line(x, y, 1, 10, every="epoch")[-1]
    _, best = descent.line_cost(x, y)
    assert abs(slope - 2) < 0.25 and abs(intercept - 3.5) < 0.12
    # Single samples leave about sqrt(rate variance of the noise) = sqrt(0.01 / 12).
    assert np.hypot(slope - best[0], intercept - best[1]) < 2 * (0.01 / 12) ** 0.5


def test_cost_of_the_line_is_its_quadratic():
    x, y = descent.line_data(noise=1.0)
    cost, best = descent.line_cost(x, y)
    grid = np.linspace(-3, 5, 7)
    slope, intercept = np.meshgrid(grid, grid)
    wanted = cost(*best) + 101 / 297 * (slope - best[0]) ** 2 + (intercept - best[1]) ** 2
    np.testing.assert_allclose(cost(slope, intercept), wanted, rtol=1e-12)
    # The ellipses are longer along the slope.
    at = cost(*best)
    along = [cost(*(best + step)) - at for step in np.eye(2)]
    assert (along[1] / along[0]) ** 0.5 == pytest.approx(1.714816, abs=5e-7)


def test_least_squares_of_the_classic_noise():
    x = np.linspace(-1, 1, 100)
    y = 2 * x + 3 + np.random.RandomState(0).uniform(0, 1, 100)
    _, best = descent.line_cost(x, y)
    np.testing.assert_allclose(best, [1.874941, 3.472794], atol=5e-7)


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
def test_well_follows_its_factor(rate, regime, all_float64):
    assert descent.regime(rate) == regime
    model = descent.Well(start=3.0)
    model.compile(keras.optimizers.SGD(rate), descent.Well.cost)
    path = descent.WeightPath()
    x = np.zeros((6, 1))
    model.fit(x, x, batch_size=1, callbacks=[path], verbose=0)
    wanted = 3.0 * (1 - 2 * rate) ** np.arange(7)
    np.testing.assert_allclose(path.path()[:, 0], wanted, rtol=1e-9, atol=1e-12)


def test_well_prints_what_the_classic_run_printed(all_float64):
    model = descent.Well()
    model.compile(keras.optimizers.SGD(0.1), descent.Well.cost)
    path, ones = descent.WeightPath(), np.ones((100, 1))
    model.fit(ones, ones, batch_size=1, callbacks=[path], verbose=0)
    x = path.path()[:, 0]
    rows = {
        0: [1613.0, 2601774.0, 3226.0],
        1: [1290.4, 1665137.1600000001, 2580.8],
        2: [1032.3200000000002, 1065689.5824000004, 2064.6400000000003],
        10: [173.1945562112001, 30001.354301194555, 346.3891124224002],
        20: [18.596623869308463, 350.83441933653324, 37.193247738616925],
        40: [0.2144044757201074, 5.045969279208814, 0.4288089514402148],
        100: [3.2857390298275447e-07, 5.000000000000108, 6.571478059655089e-07],
    }
    assert len(x) == 101
    for step, (w, cost, gradient) in rows.items():
        found = x[step], x[step] ** 2 + 5, 2 * x[step]
        np.testing.assert_allclose(found, [w, cost, gradient], rtol=1e-9)


def test_compiled_well_survives_a_file(tmp_path):
    model = descent.Well(3.0)
    model.compile(keras.optimizers.SGD(0.1), descent.Well.cost)
    ones = np.ones((2, 1))
    model.fit(ones, ones, verbose=0)
    model.save(tmp_path / "well.keras")
    again = keras.saving.load_model(tmp_path / "well.keras")
    again.fit(ones, ones, verbose=0)
    assert float(again.w.numpy()) == pytest.approx(3.0 * 0.64, rel=1e-6)


@pytest.mark.parametrize(
    "every, wanted", [("batch", [0, 4, 6, 10, 12]), ("epoch", [0, 1, 2])]
)
def test_steps_are_counted_with_several_per_execution(every, wanted):
    model = descent.Well(3.0)
    model.compile("sgd", descent.Well.cost, steps_per_execution=4)
    path, x = descent.WeightPath(every), np.zeros((6, 1))
    model.fit(x, x, batch_size=1, epochs=2, callbacks=[path], verbose=0)
    assert path.steps == wanted and len(path.path()) == len(wanted)


@pytest.mark.parametrize(
    "start, wanted",
    [
        ("zeros", [0.9, 0.76, 0.614, 0.4796, 0.36444]),
        ("ones", [1.4, 1.46, 1.344, 1.1516, 0.94024]),
    ],
)
def test_velocity_starts_where_it_is_told(start, wanted, all_float64):
    w = keras.Variable(1.0, dtype="float64")
    optimizer = descent.SGD(0.1, 0.5, velocity_initializer=start)
    found = []
    for _ in wanted:
        optimizer.apply([keras.ops.convert_to_tensor(w)], [w])
        found.append(float(w.numpy()))
    np.testing.assert_allclose(found, wanted, rtol=1e-9)


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("momentum, kick", [(0.5, 1.0), (0.9, 9.0)])
def test_kick_without_a_gradient(momentum, kick, nesterov, all_float64):
    assert descent.kick(momentum) == pytest.approx(kick)
    w = keras.Variable(0.0, dtype="float64")
    optimizer = descent.SGD(0.1, momentum, velocity_initializer="ones", nesterov=nesterov)
    for _ in range(400):
        optimizer.apply([keras.ops.zeros_like(w)], [w])
    wanted = kick * momentum if nesterov else kick
    # Keras rounds the momentum to float32.
    assert float(w.numpy()) == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize(
    "call, argument",
    [
        (lambda: descent.WeightPath("often"), "every"),
        (lambda: descent.regime(0.0), "learning_rate"),
        (lambda: descent.kick(1.0), "momentum"),
        (lambda: descent.kick(0.5, float("nan")), "velocity"),
        (lambda: descent.line_data(points=0), "points"),
        (lambda: descent.line_data(noise=-1.0), "noise"),
        (lambda: descent.line_data(slope="steep"), "slope"),
        (lambda: descent.fit_line([1.0], [1.0, 2.0], 1, 1), "y"),
        (lambda: descent.fit_line([1.0], [1.0], 1, 1, learning_rate=0.0), "learning_rate"),
        (lambda: descent.Well(start=float("inf")), "start"),
    ],
)
def test_bad_arguments_are_named(call, argument):
    with pytest.raises(ValueError, match=f"`{argument}`.*Received"):
        call()
