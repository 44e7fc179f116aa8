"""Data of the systems: embedded sets and small generated ones."""

import numpy as np

from kerasmodels._support import checks


def one_hot(labels, classes):
    return np.eye(classes)[np.asarray(labels)]


def digits(scale=16.0):
    """scikit-learn's 1797 handwritten digits, 64 pixels each, as `((x, y), (x, y))`.

    The last 180 are the test set. Pixels from 0 to 16 are divided by `scale`; y has a unit
    vector of ten per image.

    Source: Alpaydin, Kaynak (1998), https://doi.org/10.24432/C50P49.
    """
    from sklearn.datasets import load_digits

    found = load_digits()
    x, y = found.data / scale, one_hot(found.target, 10)
    return (x[:-180], y[:-180]), (x[-180:], y[-180:])


def binary_digits():
    """The images of `digits`, enlarged to 16x16 black and white pixels, `[1797, 256]`."""
    (x, y), (x_test, y_test) = digits(scale=1.0)
    x, x_test = (
        np.kron(part.reshape(-1, 8, 8) >= 8, np.ones((1, 2, 2))).reshape(-1, 256)
        for part in (x, x_test)
    )
    return (x, y), (x_test, y_test)


def xor():
    """The four corners with a third column of ones, and 1 where one input alone is 1."""
    x = np.array([[0.0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
    return x, np.array([[0.0], [1], [1], [0]])


def spiral(points=100, classes=3, noise=0.0, seed=0):
    """Points on intertwined arms: x `[points * classes, 2]`, y one unit vector each.

    Arm j has radius r from 0 to 1 and angle 4 j + 4 r + noise times a normal number.
    """
    points = checks.positive_int("spiral", "points", points)
    rng = np.random.default_rng(checks.seed_int("spiral", seed))
    radius = np.linspace(0, 1, points)
    arms = []
    for j in range(checks.positive_int("spiral", "classes", classes)):
        angle = np.linspace(4 * j, 4 * j + 4, points) + noise * rng.normal(size=points)
        arms.append(np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1))
    return np.concatenate(arms), one_hot(np.repeat(np.arange(classes), points), classes)


RULES = {
    "sum": lambda x: x.sum(axis=1) > 100,
    "product": lambda x: x[:, 0] * x[:, 1] > 2500,
    "disc": lambda x: np.sum((x - 50) ** 2, axis=1) < 1600,
}


def big_or_small(count, rule="sum", seed=0):
    """Pairs of numbers from 0 to 100, `[count, 2]`, and 1 where the rule holds.

    Args:
        count: int.
        rule: "sum" (x + y > 100), "product" (x y > 2500) or "disc" (within 40 of the
            centre).
        seed: int.
    """
    checks.one_of("big_or_small", "rule", rule, RULES)
    rng = np.random.default_rng(checks.seed_int("big_or_small", seed))
    x = rng.uniform(0, 100, (checks.positive_int("big_or_small", "count", count), 2))
    return x, RULES[rule](x).astype("float64")[:, None]
