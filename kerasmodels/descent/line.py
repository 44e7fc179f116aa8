"""A straight line fitted by gradient descent, and its cost by slope and intercept."""

import keras
import numpy as np

from kerasmodels._support import checks, memory
from kerasmodels.descent.weight_path import WeightPath


def line_data(slope=2.0, intercept=3.5, points=100, noise=0.0, seed=0):
    """The pair (x, y): x on a grid of [-1, 1], y = slope x + intercept + noise.

    The noise is uniform in [-noise / 2, noise / 2].

    Raises:
        ValueError: an argument is not of that form.
    """
    owner = "line_data"
    slope = checks.finite_float(owner, "slope", slope)
    intercept = checks.finite_float(owner, "intercept", intercept)
    noise = checks.finite_float(owner, "noise", noise, at_least=0.0)
    points = checks.positive_int(owner, "points", points)
    advice = "Take fewer points."
    memory.fits(owner, "points", 3 * points, "float64", f"{points} points", advice)
    x = np.linspace(-1, 1, points)
    rng = np.random.default_rng(checks.seed_int("line_data", seed))
    return x, slope * x + intercept + noise * (rng.random(points) - 0.5)


def _rows(owner, x, y):
    """x and y as arrays `[points]` of one length, or raises ValueError."""
    x, y = (checks.finite_array(owner, n, v) for n, v in (("x", x), ("y", y)))
    if x.ndim != 1 or x.shape != y.shape or not len(x):
        name = "y" if x.ndim == 1 and len(x) else "x"
        received = f"shapes {x.shape} and {y.shape}"
        raise checks.ArgumentError(
            checks.message(owner, name, "a row of numbers, x as long as y", received)
        )
    return x, y


def line_cost(x, y):
    """The mean squared error of a line as a function of its slope and intercept.

    Returns:
        The pair of a function (slope, intercept) -> cost, which takes arrays, and the
        minimum (slope, intercept), found by least squares.

    Raises:
        ValueError: x and y are not rows of finite numbers, of one length.
    """
    x, y = _rows("line_cost", x, y)
    matrix = np.stack([x, np.ones_like(x)], axis=1)
    best = np.linalg.lstsq(matrix, y, rcond=None)[0]

    def cost(slope, intercept):
        slope, intercept = np.asarray(slope)[..., None], np.asarray(intercept)[..., None]
        return np.mean(np.square(slope * x + intercept - y), axis=-1)

    return cost, best


def fit_line(x, y, batch_size, epochs, learning_rate=0.01, every="batch"):
    """Gradient descent on a line, from slope and intercept zero, in the order of the data.

    Args:
        x, y: arrays `[points]`.
        batch_size, epochs: ints.
        learning_rate: float.
        every: "batch" or "epoch", as in `WeightPath`.

    Returns:
        The path of (slope, intercept), `[steps + 1, 2]`.

    Raises:
        ValueError: an argument is not of the form above.
    """
    x, y = _rows("fit_line", x, y)
    rate = checks.finite_float("fit_line", "learning_rate", learning_rate, above=0.0)
    path = WeightPath(every)
    model = keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="zeros")]
    )
    model.compile(keras.optimizers.SGD(rate), "mse")
    model.fit(
        x[:, None],
        y[:, None],
        batch_size=checks.positive_int("fit_line", "batch_size", batch_size),
        epochs=checks.positive_int("fit_line", "epochs", epochs),
        shuffle=False,
        verbose=0,
        callbacks=[path],
    )
    return path.path()
