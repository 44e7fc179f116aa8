"""Nodes of a calculation, each with its derivative; g is the gradient by its value."""

import numpy as np

from kerasmodels._support import checks


class Node:
    """A value that is computed from others.

    A subclass has `compute(*values)`, which returns the value, and `pull_back(gradient,
    value, *values)`, which turns the derivative of the loss by the value into the
    derivative by each input.

    Args:
        *inputs: `Node`s. The same one may occur twice.
        name: None or str.

    Raises:
        ValueError: an input is no `Node`, or the name no text.
    """

    def __init__(self, *inputs, name=None):
        owner = type(self).__name__
        self.inputs = tuple(checks.instance(owner, "inputs", n, Node) for n in inputs)
        name = owner if name is None else name
        self.name = checks.instance(owner, "name", name, str)

    def compute(self, *values):
        raise NotImplementedError

    def pull_back(self, gradient, value, *values):
        raise NotImplementedError

    def __repr__(self):
        return f"{type(self).__name__}({self.name!r})"


class Input(Node):
    """A value that is given when the graph runs."""

    def __init__(self, name=None):
        super().__init__(name=name)


class Parameter(Node):
    """A value that training changes. The array that it starts from is copied.

    Attributes:
        value: float64 array.
    """

    def __init__(self, value, name=None):
        super().__init__(name=name)
        self.value = checks.finite_array("Parameter", "value", value).copy()


class Linear(Node):
    """x W + b, with x `[batch, features]`, W `[features, units]` and b `[units]`.

    dx = g W^T,  dW = x^T g,  db = sum of g over the batch
    """

    def __init__(self, x, weights, bias, name=None):
        super().__init__(x, weights, bias, name=name)

    def compute(self, x, weights, bias):
        fits = x.ndim == 2 and weights.ndim == 2 and x.shape[1] == weights.shape[0]
        if not fits or bias.shape != weights.shape[1:]:
            raise checks.ArgumentError(
                checks.message(
                    self.name,
                    "inputs",
                    "x (batch, features), weights (features, units) and bias (units,)",
                    f"shapes {x.shape}, {weights.shape}, {bias.shape}",
                )
            )
        return x @ weights + bias

    def pull_back(self, gradient, value, x, weights, bias):
        return gradient @ weights.T, x.T @ gradient, gradient.sum(axis=0)


class Sigmoid(Node):
    """s = 1 / (1 + exp(-x)), entry by entry; dx = g s (1 - s)."""

    def __init__(self, x, name=None):
        super().__init__(x, name=name)

    def compute(self, x):
        # exp of a negative number cannot overflow.
        small = np.exp(-np.abs(x))
        return np.where(x >= 0, 1.0, small) / (1.0 + small)

    def pull_back(self, gradient, value, x):
        return (gradient * value * (1 - value),)


class MSE(Node):
    """The mean over all entries of (y - a)^2; da = -2 g (y - a) / number of entries."""

    def __init__(self, y, a, name=None):
        super().__init__(y, a, name=name)

    def compute(self, y, a):
        if y.shape != a.shape:
            # NumPy would broadcast (m,) and (m, 1) to (m, m).
            raise checks.ArgumentError(
                checks.message(
                    self.name,
                    "inputs",
                    "two of the same shape",
                    f"shapes {y.shape} and {a.shape}",
                    "`y.reshape(-1, 1)` makes a column.",
                )
            )
        return np.mean(np.square(y - a))

    def pull_back(self, gradient, value, y, a):
        by_y = gradient * 2 * (y - a) / y.size
        return by_y, -by_y
