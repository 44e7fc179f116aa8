"""A regression with one hidden layer, as a graph, and baselines without a network."""

import numpy as np

from kerasmodels._support import checks, memory
from kerasmodels.miniflow.graph import Graph
from kerasmodels.miniflow.keras_model import to_keras
from kerasmodels.miniflow.nodes import MSE, Input, Linear, Parameter, Sigmoid


class Regression:
    """y = sigmoid(x W1 + b1) W2 + b2, trained by gradient descent on a `Graph`.

    Args:
        features, hidden: int.
        seed: int. Weights start as standard normal numbers, biases at zero.

    Attributes:
        features: int.
        graph: `Graph` of the loss.
        output: `Node`.
    """

    def __init__(self, features, hidden=10, seed=0):
        owner = "Regression"
        features = checks.positive_int(owner, "features", features)
        hidden = checks.positive_int(owner, "hidden", hidden)
        memory.fits(
            owner,
            "hidden",
            features * hidden,
            "float64",
            f"weights of {features} by {hidden}",
            "Take a narrower hidden layer.",
        )
        rng = np.random.default_rng(checks.seed_int(owner, seed))
        self.features = features
        self.x, self.y = Input("x"), Input("y")
        first = Linear(
            self.x,
            Parameter(rng.normal(size=(features, hidden)), "W1"),
            Parameter(np.zeros(hidden), "b1"),
            name="linear 1",
        )
        self.output = Linear(
            Sigmoid(first, name="sigmoid"),
            Parameter(rng.normal(size=(hidden, 1)), "W2"),
            Parameter(np.zeros(1), "b2"),
            name="linear 2",
        )
        self.graph = Graph(MSE(self.y, self.output))

    def loss(self, x, y):
        """The mean squared error."""
        return float(self.graph.forward({self.x: x, self.y: y}))

    def predict(self, x):
        """y for x, `[rows, 1]`."""
        x = _features("Regression.predict", x, self.features)
        return Graph(self.output).forward({self.x: x})

    def fit(self, x, y, epochs, batch_size=11, learning_rate=0.01, seed=0):
        """Gradient descent on batches that are drawn with replacement.

        Returns:
            list of float, the mean loss of each epoch.

        Raises:
            ValueError: y is no column with a number for each row of x, or an argument is
                not of the form above.
            FloatingPointError: the loss is no longer a finite number.
        """
        owner = "Regression.fit"
        x, y = _table(owner, x, y)
        learning_rate = checks.finite_float(
            owner, "learning_rate", learning_rate, above=0.0
        )
        epochs = checks.positive_int(owner, "epochs", epochs)
        batch_size = checks.positive_int(owner, "batch_size", batch_size)
        _features(owner, x, self.features)
        memory.fits(
            owner,
            "batch_size",
            batch_size * self.features,
            "float64",
            f"a batch of {batch_size} rows",
            "Take smaller batches.",
        )
        rng = np.random.default_rng(checks.seed_int(owner, seed))
        losses = []
        for _ in range(epochs):
            steps = max(1, len(x) // batch_size)
            total = 0.0
            for _ in range(steps):
                rows = rng.integers(0, len(x), batch_size)
                total += self.loss(x[rows], y[rows])
                self.graph.backward()
                self.graph.step(learning_rate)
            losses.append(total / steps)
            if not np.isfinite(total):
                raise FloatingPointError(
                    f"The loss is no longer a finite number in epoch {len(losses)}: take a "
                    f"smaller learning rate than {learning_rate:g}."
                )
        return losses

    def to_keras(self, dtype="float64"):
        """The same network as a `keras.Model`."""
        return to_keras(self.output, {self.x: self.features}, dtype)


def _features(owner, x, features):
    """x as `[rows, features]`, or raises ValueError."""
    x = checks.finite_array(owner, "x", x)
    if x.ndim != 2 or x.shape[1] != features:
        expected = f"of shape (rows, {features})"
        raise checks.ArgumentError(checks.message(owner, "x", expected, f"shape {x.shape}"))
    return x


def _table(owner, x, y):
    """x `[rows, features]` and y `[rows, 1]`; NumPy would broadcast other shapes."""
    x, y = checks.finite_array(owner, "x", x), checks.finite_array(owner, "y", y)
    if x.ndim != 2 or y.shape != (len(x), 1) or not x.size:
        raise checks.ArgumentError(
            checks.message(
                owner,
                "y",
                "of shape (rows, 1) for x of shape (rows, features)",
                f"shapes {y.shape} and {x.shape}",
                "`y.reshape(-1, 1)` makes a column.",
            )
        )
    return x, y


def baselines(train, test):
    """Test errors without a network: the mean of y, and linear least squares.

    Args:
        train, test: pairs (x, y), y `[rows, 1]`.

    Returns:
        dict "mean" and "least squares" of mean squared errors on the test rows.

    Raises:
        ValueError: a y is no column with a number for each row of its x.
    """
    owner = "baselines"
    for name, part in (("train", train), ("test", test)):
        if not isinstance(part, (tuple, list)) or len(part) != 2:
            received = f"{name}={checks.describe(part)}"
            raise checks.ArgumentError(
                checks.message(owner, name, "a pair (x, y)", received)
            )
    (x, y), (x_test, y_test) = (_table(owner, *part) for part in (train, test))
    _features(owner, x_test, x.shape[1])

    def with_ones(values):
        return np.concatenate([values, np.ones((len(values), 1))], axis=1)

    weights = np.linalg.lstsq(with_ones(x), y, rcond=None)[0]
    return {
        "mean": float(np.mean((y_test - y.mean()) ** 2)),
        "least squares": float(np.mean((y_test - with_ones(x_test) @ weights) ** 2)),
    }
