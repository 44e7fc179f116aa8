"""Networks from public questions, each beside its corrected version, from equal weights.

A recipe is data, a loss, settings of the training, and two ways to make the network. The
two differ in one of these: a line of the backward pass (`MISTAKES`), the start values, the
inputs, or the learning rate.
"""

import dataclasses
from typing import Any

import keras
import numpy as np

from kerasmodels._support import checks
from kerasmodels.by_hand import data
from kerasmodels.by_hand.activations import ACTIVATIONS
from kerasmodels.by_hand.dense import HandDense
from kerasmodels.by_hand.initializers import ProductUniform, ShiftedUniform
from kerasmodels.by_hand.losses import BinaryCrossEntropy, CrossEntropy, SquaredError
from kerasmodels.by_hand.network import HandNetwork


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One system.

    Attributes:
        title: str. The mistake and its effect, in a line.
        defect: str. Name of the `Finding` for it.
        data: function (seed) -> ((x, y), (x_test, y_test)).
        network: function (seed, as_asked) -> `HandNetwork`.
        loss: function () -> `HandLoss`.
        optimizer: function (as_asked) -> Keras optimizer.
        batch_size, epochs: ints; batch_size None is the whole set.
        inputs: function (x, as_asked) -> x.
        metric: str or None. Keras's name of the accuracy.
        label: str. Name of the variant with the defect: "as asked", or the part that is
            left out of it where the code of the question was right.
    """

    title: str
    defect: str
    data: Any
    network: Any
    loss: Any = CrossEntropy
    optimizer: Any = lambda as_asked: keras.optimizers.SGD(0.1)
    batch_size: int | None = 32
    epochs: int = 30
    inputs: Any = lambda x, as_asked: x
    metric: str | None = "categorical_accuracy"
    label: str = "as asked"


def dense_network(sizes, activations, seed=0, kernel=None, bias="zeros", **options):
    """A `HandNetwork` of the given widths.

    Args:
        sizes: list of int: features, then the units of each layer.
        activations: list of str, one per layer.
        seed: int. Layer k starts from seed + k.
        kernel: None for Glorot uniform, an initializer, or a function (seed) ->
            initializer.
        bias: None for no biases, an initializer, or a function (seed) -> initializer.
        **options: arguments of `HandDense`; a list has one for each layer.

    Raises:
        ValueError: a list has another length than there are layers, or an argument is not
            of the form above.
    """
    owner = "dense_network"
    if not isinstance(sizes, (list, tuple)) or len(sizes) < 2:
        raise checks.ArgumentError(
            checks.message(
                owner,
                "sizes",
                "a list of the features and the units of at least one layer",
                f"sizes={checks.describe(sizes)}",
            )
        )
    sizes = [checks.positive_int(owner, "sizes", size) for size in sizes]
    seed = checks.seed_int(owner, seed)
    lists = {"activations": activations}
    lists |= {name: value for name, value in options.items() if isinstance(value, list)}
    for name, value in lists.items():
        if not isinstance(value, (list, tuple)) or len(value) != len(sizes) - 1:
            raise checks.ArgumentError(
                checks.message(
                    owner, name, f"a list of {len(sizes) - 1}, one per layer", repr(value)
                )
            )
    for activation in activations:
        checks.one_of(owner, "activations", activation, ACTIVATIONS)
    kernel = keras.initializers.GlorotUniform if kernel is None else kernel

    def start(name, given, seed):
        if given is None:
            return None
        if callable(given) and not isinstance(given, keras.initializers.Initializer):
            given = given(seed=seed)
        return checks.initializer(owner, name, given)

    layers = []
    for k, (units, activation) in enumerate(zip(sizes[1:], activations)):
        own = {n: v[k] if isinstance(v, list) else v for n, v in options.items()}
        layers.append(
            HandDense(
                units,
                activation,
                use_bias=bias is not None,
                kernel_initializer=start("kernel", kernel, seed + k),
                bias_initializer=start("bias", bias, seed + 100 + k),
                name=f"layer_{k + 1}",
                **own,
            )
        )
    model = HandNetwork(layers, name="network", dtype=options.get("dtype"))
    model.build((None, sizes[0]))
    return model


def _normal(seed):
    return keras.initializers.RandomNormal(stddev=1.0, seed=seed)


def _whole(x, y):
    """One set for training and for testing."""
    return (x, y), (x, y)


def _decayed(rate, steps_per_epoch):
    """SGD with a rate that falls by a twentieth after every epoch."""
    schedule = keras.optimizers.schedules.ExponentialDecay(
        rate, steps_per_epoch, 0.95, staircase=True
    )
    return keras.optimizers.SGD(schedule)


def _big_or_small(seed):
    return data.big_or_small(50, seed=seed), data.big_or_small(2000, seed=seed + 1)


RECIPES = {
    "two_layer_net": Recipe(
        "dW2 = a1 dscores without the transpose: nothing sums over the batch",
        "wrong gradient",
        lambda seed: data.digits(),
        lambda seed, as_asked: dense_network(
            [64, 50, 10],
            ["relu", "softmax"],
            seed,
            l2=1e-3,
            mistake=[None, "transpose left out" if as_asked else None],
        ),
        optimizer=lambda as_asked: _decayed(0.5, 8),
        batch_size=200,
        epochs=60,
        label="without the transpose",
    ),
    "digits_mlp": Recipe(
        "the error times the input, entry by entry, is no gradient of a matrix",
        "wrong gradient",
        lambda seed: data.digits(),
        lambda seed, as_asked: dense_network(
            [64, 30, 10],
            ["sigmoid", "softmax"],
            seed,
            mistake=["product entry by entry" if as_asked else None, None],
        ),
        optimizer=lambda as_asked: keras.optimizers.Adam(0.01),
    ),
    "softmax_loss": Recipe(
        "exp of a large score is infinite: a softmax needs its shift",
        "NaN outputs",
        lambda seed: data.digits(),
        lambda seed, as_asked: dense_network(
            [64, 10],
            ["unshifted_softmax" if as_asked else "softmax"],
            seed,
            bias=None,
            l2=1e-4,
            half_l2=True,
        ),
        optimizer=lambda as_asked: keras.optimizers.SGD(5e-3),
        batch_size=200,
        # Pixels up to 255 make scores of some hundreds, whose exp is infinite.
        inputs=lambda x, as_asked: 255 * x,
        label="without the shift",
    ),
    "deep_mlp": Recipe(
        "sqrt(6 / (n m)) for sqrt(6 / (n + m)): the signal vanishes in three hidden layers",
        "vanished signal",
        lambda seed: data.digits(),
        lambda seed, as_asked: dense_network(
            [64, 128, 128, 128, 10],
            ["relu"] * 3 + ["softmax"],
            seed,
            kernel=ProductUniform if as_asked else None,
            bias=ProductUniform if as_asked else "zeros",
        ),
        optimizer=lambda as_asked: keras.optimizers.SGD(0.01),
        epochs=10,
    ),
    "matrix_backprop": Recipe(
        "a transpose is missing, and a batch of ten for ten classes hides it",
        "wrong gradient",
        lambda seed: data.digits(),
        lambda seed, as_asked: dense_network(
            [64, 30, 10],
            ["sigmoid"] * 2,
            seed,
            kernel=_normal,
            bias=_normal,
            mistake=[None, "batch and units swapped" if as_asked else None],
        ),
        loss=lambda: SquaredError(half=True),
        optimizer=lambda as_asked: keras.optimizers.SGD(3.0),
        batch_size=10,
    ),
    "xor": Recipe(
        "the error goes back through the gradient of a weight, not through the weight",
        "wrong gradient",
        lambda seed: _whole(*data.xor()),
        lambda seed, as_asked: dense_network(
            [3, 4, 1],
            ["sigmoid"] * 2,
            seed,
            kernel=lambda seed: keras.initializers.RandomUniform(-1, 1, seed=seed),
            bias=None,
            mistake=[None, "input carries its own gradient" if as_asked else None],
        ),
        loss=SquaredError,
        optimizer=lambda as_asked: keras.optimizers.SGD(1.0),
        batch_size=None,
        epochs=10_000,
        metric="binary_accuracy",
    ),
    "one_weight": Recipe(
        "8 is the gradient at the output, 16 at the weight",
        "wrong gradient",
        lambda seed: _whole(np.array([[2.0]]), np.array([[2.0]])),
        lambda seed, as_asked: dense_network(
            [1, 1],
            ["identity"],
            seed,
            kernel=lambda seed: keras.initializers.Constant(3.0),
            bias=None,
            mistake="input left out" if as_asked else None,
        ),
        loss=SquaredError,
        optimizer=lambda as_asked: keras.optimizers.SGD(0.01),
        batch_size=None,
        epochs=100,
        metric=None,
    ),
    "big_or_small": Recipe(
        "inputs up to 100 saturate every sigmoid",
        "saturated units",
        _big_or_small,
        lambda seed, as_asked: dense_network(
            [2, 2, 1], ["sigmoid"] * 2, seed, kernel=ShiftedUniform, bias=ShiftedUniform
        ),
        loss=lambda: SquaredError(half=True),
        optimizer=lambda as_asked: keras.optimizers.SGD(1.0),
        batch_size=1,
        epochs=600,
        inputs=lambda x, as_asked: x if as_asked else x / 100,
        metric="binary_accuracy",
    ),
    "constant_output": Recipe(
        "weights from 0 to 1 on 256 pixels: the outputs become the shares of the classes",
        "saturated units",
        lambda seed: data.binary_digits(),
        lambda seed, as_asked: dense_network(
            [256, 10, 10],
            ["sigmoid"] * 2,
            seed,
            kernel=ShiftedUniform if as_asked else None,
            bias=ShiftedUniform if as_asked else "zeros",
        ),
        loss=BinaryCrossEntropy,
        optimizer=lambda as_asked: keras.optimizers.SGD(0.5),
        batch_size=None,
        epochs=2_000,
    ),
    "spiral": Recipe(
        "the best weights are wrong on half of the points: no line separates a spiral",
        "no better weights",
        lambda seed: _whole(*data.spiral()),
        lambda seed, as_asked: dense_network(
            [2, 3] if as_asked else [2, 100, 3],
            ["softmax"] if as_asked else ["relu", "softmax"],
            seed,
            kernel=(lambda seed: keras.initializers.Zeros()) if as_asked else None,
            l2=1e-3,
            half_l2=True,
        ),
        optimizer=lambda as_asked: keras.optimizers.SGD(1.0),
        batch_size=None,
        epochs=10_000,
    ),
    "digits_notebook": Recipe(
        "a gradient without the softmax's derivative: that of another, better loss",
        "wrong gradient",
        lambda seed: data.digits(scale=1.0),
        lambda seed, as_asked: dense_network(
            [64, 50, 10],
            ["relu", "softmax"],
            seed,
            # With pixels up to 16 and larger weights the softmax would start sure and
            # wrong.
            kernel=lambda seed: keras.initializers.RandomNormal(stddev=0.1, seed=seed),
            bias=None,
            mistake=[None, "activation left out" if as_asked else None],
        ),
        loss=lambda: SquaredError(reduction="sum"),
        optimizer=lambda as_asked: keras.optimizers.SGD(1e-4),
        batch_size=100,
        epochs=100,
    ),
}


def recipe(name):
    """The `Recipe` of that name.

    Raises:
        ValueError: there is none.
    """
    return RECIPES[checks.one_of("recipe", "name", name, RECIPES)]
