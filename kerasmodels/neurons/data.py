"""Two data sets on which the best loss and the best accuracy have different weights."""

import numpy as np

from kerasmodels._support import checks


def five_points():
    """Five points on a line with one far outlier: x = 0, 0, 2, 2, 9; y = 0, 0, 1, 1, 0.

    No rule that is monotone in x gets more than four of them right.

    Returns:
        float64 arrays x `[5]` and y `[5]`.
    """
    return np.array([0.0, 0.0, 2.0, 2.0, 9.0]), np.array([0.0, 0.0, 1.0, 1.0, 0.0])


def eights(seed=0):
    """Digits with the label "is an eight": scikit-learn's 1797, averaged to 4x4 pixels.

    A tenth are eights, and in sixteen pixels these are similar to other digits. The
    constant answer "no" is right in 90.3 % of the cases.

    Source: Alpaydin, Kaynak (1998), https://doi.org/10.24432/C50P49.

    Args:
        seed: int. Of the split.

    Returns:
        Three pairs (x `[n, 16]`, y `[n]`), for training (42 %), validation (28 %) and test
        (30 %); x has mean 0 and deviation 1 over the training part, y is 1 for an eight.
        The share of eights is the same in each.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    # scikit-learn takes seeds of 32 bits.
    seed = checks.seed_int("eights", seed) % 2**32
    digits = load_digits()
    x = digits.images.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(-1, 16)
    y = (digits.target == 8).astype("float64")
    split = {"random_state": seed}
    x, x_test, y, y_test = train_test_split(x, y, test_size=0.3, stratify=y, **split)
    x, x_val, y, y_val = train_test_split(x, y, test_size=0.4, stratify=y, **split)
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    return tuple(
        ((part - mean) / deviation, label)
        for part, label in ((x, y), (x_val, y_val), (x_test, y_test))
    )
