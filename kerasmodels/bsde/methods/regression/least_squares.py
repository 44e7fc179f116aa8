"""Ridge regression whose penalty and features are chosen on rows that it has not seen."""

import numpy as np

# Penalties, in shares of the sum of squares of a standardised feature.
_RIDGES = (1e-8, 1e-6, 1e-4, 1e-2)
# A larger set of features, or a smaller penalty, has to explain this share more.
_BETTER = 0.99
# Relative deviation below which a feature counts as constant.
_CONSTANT = 1e-4


class LeastSquares:
    """Least squares on one set of features, for several right-hand sides.

    A quarter of the rows is held out: the penalty, and whether the features after the first
    `num_base` are used, are those that leave the least there. The weights then come from
    all rows.

    Args:
        values: array `[rows, size]`, whose first column is one.
        num_base: int. Number of the features that are always used.

    Call arguments:
        wanted: array `[rows]`.

    Returns:
        The pair (weights `[size]`, mean square that is left on the rows held out).
    """

    def __init__(self, values, num_base):
        centre = np.mean(values, axis=0)
        rows = values - centre
        scale = np.sqrt(np.einsum("ij,ij->j", rows, rows) / len(rows))
        # A feature that is constant here gets the weight zero, as one that varies by
        # little would get a weight under which it explodes elsewhere.
        scale[scale < _CONSTANT * (1 + np.abs(centre))] = np.inf
        rows /= scale
        rows[:, 0], centre[0], scale[0] = 1.0, 0.0, 1.0
        self._rows, self._centre, self._scale = rows, centre, scale
        self._kept = len(values) - len(values) // 4
        seen = self._rows[: self._kept]
        self._gram_seen, self._gram = seen.T @ seen, self._rows.T @ self._rows
        self._sizes = sorted({num_base, values.shape[1]})

    def __call__(self, wanted):
        kept, best = self._kept, None
        unseen, right = self._rows[kept:], self._rows[:kept].T @ wanted[:kept]
        for size in self._sizes:
            for ridge in reversed(_RIDGES):
                weights = _solve(self._gram_seen, right, size, ridge * kept)
                left = np.mean((wanted[kept:] - unseen[:, :size] @ weights) ** 2)
                if best is None or left < _BETTER * best[0]:
                    best = left, size, ridge
        left, size, ridge = best
        weights = np.zeros(len(self._gram))
        right = self._rows.T @ wanted
        weights[:size] = _solve(self._gram, right, size, ridge * len(wanted))
        weights /= self._scale
        weights[0] -= weights[1:] @ self._centre[1:]
        return weights, float(left)


def _solve(gram, right, size, penalty):
    """The weights of the first `size` features; the constant is not penalised."""
    matrix = gram[:size, :size] + penalty * np.diag(np.arange(size) > 0)
    return np.linalg.solve(matrix, right[:size])
