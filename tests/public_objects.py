"""Every public object that Keras can serialize: how to make it, what to call it on.

One line each. `test_public_objects.py` fails if one is missing.
"""

from typing import Any, NamedTuple

import keras
import numpy as np

from kerasmodels import (
    bsde,
    by_hand,
    descent,
    losses,
    neurons,
    recurrent,
    segmentation,
)
from tests.helpers import Amount

GRID = [0.0, 0.3, 0.5, 1.0]


def normal(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def times(*shape):
    return np.broadcast_to(np.float32([0.3, 0.5])[None, :, None], shape)


def uniform(*shape):
    return np.random.default_rng(0).uniform(size=shape).astype("float32")


def path_inputs(batch, dim):
    return (normal(batch, 4, dim), normal(batch, 3, dim), np.float32(GRID))


def path_data(model, inputs):
    """Paths of the model's equation: `fit` warns of any other numbers."""
    x, dw = (np.array(v) for v in bsde.sample_paths(model.equation, 7, grid=GRID, seed=0))
    t = np.array(bsde.tile_times(GRID, 7))
    return (x, dw, t), np.array(model.equation.terminal(x[:, -1]))


def binary(*shape):
    return (normal(*shape) > 0).astype("float32")


def labels(*shape):
    return np.random.default_rng(1).integers(0, 3, shape)


def one_hot(*shape):
    return np.eye(3, dtype="float32")[labels(*shape)]


def probabilities(*shape):
    value = np.exp(normal(*shape))
    return value / value.sum(axis=-1, keepdims=True)


@keras.saving.register_keras_serializable(package="tests")
def between(seed, count):
    """Starts between 0 and 1, in two dimensions."""
    return np.random.default_rng(seed).uniform(size=(count, 2))


def regression(equation, first=1):
    """A `RegressionFunction` whose u is no constant."""
    function = bsde.RegressionFunction(equation, GRID, first, num_random=4)
    function.coefficients.assign(normal(*function.coefficients.shape))
    return function


def network(terminal_skip=True):
    """A `NetworkFunction` of two networks, for the two inner times."""
    control = bsde.StackedControl(2, 3, activation="tanh")
    skip = bsde.TerminalSkip(2, 4) if terminal_skip else None
    return bsde.NetworkFunction(bsde.HJB(3), GRID, control, skip)


class Entry(NamedTuple):
    """How to make it; what to call it on; for a model, what to fit and how.

    `data` is the target, or a function (model, inputs[0]) -> (x, y).
    """

    make: Any
    inputs: tuple = ()
    data: Any = None
    loss: Any = "mse"
    # What `fit` reports beside the loss.
    logs: tuple = ()
    # The largest value that a loss may have on a perfect prediction.
    least: float = 0.0
    # False for a step function.
    has_gradient: bool = True

    @property
    def name(self):
        return type(self.make()).__name__


LAYERS = [
    Entry(lambda: bsde.ZSubnet(3, hidden=[5, 4]), (normal(7, 3),)),
    Entry(lambda: bsde.ZSubnet(3, hidden=[5], batch_norm=True), (normal(7, 3),)),
    Entry(
        lambda: bsde.PerStepControl([bsde.ZSubnet(3), bsde.ZSubnet(3, seed=1)]),
        (times(7, 2, 1), normal(7, 2, 3)),
    ),
    Entry(
        lambda: bsde.StackedControl(2, 3, activation="tanh"),
        (times(7, 2, 1), normal(7, 2, 3)),
    ),
    Entry(
        lambda: bsde.StackedControl(2, 3, batch_norm=True),
        (times(7, 2, 1), normal(7, 2, 3)),
    ),
    Entry(lambda: bsde.SharedControl(3), (times(7, 2, 1), normal(7, 2, 3))),
    Entry(lambda: bsde.LayerControl(Amount()), (times(7, 2, 1), normal(7, 2, 3))),
    Entry(lambda: bsde.ExactControl(bsde.Burgers(3)), (times(7, 2, 1), normal(7, 2, 3))),
    Entry(
        lambda: bsde.TerminalSkip(2, 4),
        (times(7, 2, 1), normal(7, 2, 1), normal(7, 2, 3)),
    ),
    Entry(
        lambda: bsde.TerminalSkip(),
        (times(7, 2, 1), normal(7, 2, 1), normal(7, 2, 3)),
    ),
    Entry(
        lambda: bsde.ExchangeableControl(3, GRID[1:-1], features=2),
        (times(7, 2, 1), normal(7, 2, 3), normal(7, 2, 1), normal(7, 2, 3)),
    ),
    Entry(lambda: regression(bsde.HJB(3)), (uniform(7, 1), normal(7, 3))),
    Entry(network, (uniform(7, 1), normal(7, 3))),
    Entry(lambda: by_hand.HandDense(3, "tanh", l2=0.1), (normal(7, 3),)),
    Entry(
        lambda: by_hand.HandDense(
            3,
            "softmax",
            use_bias=False,
            half_l2=True,
            kernel_initializer=by_hand.ProductUniform(3),
            mistake="transpose left out",
        ),
        (normal(7, 3),),
    ),
]

MODELS = [
    Entry(
        lambda: bsde.GlobalModel(bsde.HJB(3), grid=GRID, terminal_skip=True),
        (path_inputs(7, 3),),
        path_data,
        logs=("u0",),
    ),
    Entry(
        lambda: bsde.GlobalModel(
            bsde.HJB(3),
            grid=GRID,
            control="exchangeable",
            rule="trapezoid",
            importance_sampling=True,
            iterated_integrals=True,
        ),
        (path_inputs(7, 3),),
        path_data,
        logs=("u0",),
    ),
    Entry(
        lambda: bsde.GlobalModel(bsde.AllenCahn(2, 1.0), grid=GRID, control="shared"),
        (path_inputs(7, 2),),
        path_data,
        logs=("u0",),
    ),
    Entry(
        lambda: bsde.GlobalModel(bsde.Heat(2), grid=GRID, control="per-step"),
        (path_inputs(7, 2),),
        path_data,
        logs=("u0",),
    ),
    Entry(
        lambda: bsde.Policy(network(terminal_skip=False)),
        ((uniform(7, 1), normal(7, 3)),),
        normal(7, 3),
    ),
    Entry(
        lambda: bsde.Surface(regression(bsde.HJB(3))),
        ((uniform(7, 1), normal(7, 3)),),
        normal(7, 1),
    ),
    Entry(
        lambda: recurrent.GRUStepVerifier(keras.layers.GRU(5, return_sequences=True)),
        (normal(7, 4, 3),),
        normal(7, 4, 5),
        logs=("largest_difference",),
    ),
    Entry(
        lambda: recurrent.LSTMStepVerifier(keras.layers.LSTM(5, go_backwards=True)),
        (normal(7, 4, 3),),
        normal(7, 5),
        logs=("largest_difference",),
    ),
    Entry(
        lambda: recurrent.SimpleRNNStepVerifier(keras.layers.SimpleRNNCell(5)),
        (normal(7, 4, 3),),
        normal(7, 4, 5),
        logs=("largest_difference",),
    ),
    Entry(
        lambda: segmentation.UNet(3, width=4),
        (normal(7, 8, 12, 2),),
        labels(7, 8, 12),
        losses.GeneralizedDice(),
    ),
    Entry(
        lambda: segmentation.UNet(3, 3, width=2, depth=1, batch_norm=False),
        (normal(5, 4, 6, 8, 1),),
        one_hot(5, 4, 6, 8),
        losses.GeneralizedDice(),
    ),
    Entry(lambda: neurons.LinearUnit(), (normal(7, 3),), binary(7, 1)),
    Entry(
        lambda: neurons.SigmoidUnit(units=2, weight=0.5, bias=[1.0, -1.0]),
        (normal(7, 3),),
        binary(7, 2),
        neurons.SmoothAccuracy(),
    ),
    Entry(
        lambda: neurons.Perceptron(),
        (normal(7, 1),),
        binary(7, 1),
        "mae",
        has_gradient=False,
    ),
    Entry(lambda: neurons.ThresholdRule(), (normal(7, 3),), 1 - binary(7, 1), "mae"),
    Entry(
        lambda: by_hand.dense_network([4, 5, 3], ["relu", "softmax"], l2=0.01),
        (normal(7, 4),),
        np.eye(3, dtype="float32")[labels(7)],
        by_hand.CrossEntropy(),
    ),
    Entry(lambda: descent.Well(3.0), (normal(7, 2),), normal(7, 1), descent.Well.cost),
    Entry(lambda: recurrent.SequenceLSTM(5), (normal(7, 4, 1),), normal(7, 1)),
]

LOSSES = [
    Entry(lambda: bsde.ClippedSquaredError(0.5), (normal(7, 1), normal(7, 1)[::-1])),
    Entry(
        lambda: losses.GeneralizedDice("inverse", absent=0.5, per_image=False),
        (one_hot(4, 5, 6), probabilities(4, 5, 6, 3)),
    ),
    Entry(
        lambda: neurons.SmoothAccuracy(0.5, name="mine"),
        (binary(7, 2), probabilities(7, 2)),
        # Probabilities of 0 and 1 are clipped at 1e-7, where a logit is needed.
        least=2e-7,
    ),
    Entry(lambda: by_hand.SquaredError(half=True), (one_hot(7), probabilities(7, 3))),
    Entry(lambda: by_hand.CrossEntropy("mine"), (one_hot(7), probabilities(7, 3))),
    Entry(
        lambda: by_hand.BinaryCrossEntropy(reduction="sum"),
        (one_hot(7), probabilities(7, 3)),
    ),
]

# Functions that are passed as losses, each with a truth and a prediction.
FUNCTIONS = [
    (bsde.clipped_squared_error, normal(7, 1), normal(7, 1)[::-1]),
    (losses.generalized_dice, one_hot(4, 5, 6), probabilities(4, 5, 6, 3)),
    (neurons.smooth_accuracy, binary(7, 2), probabilities(7, 2)),
]

METRICS = [
    Entry(
        lambda: losses.MeanDice(3, per_class=True),
        (one_hot(4, 5, 6), probabilities(4, 5, 6, 3)),
    ),
]

EQUATIONS = [
    Entry(lambda: bsde.HJB(3, control_cost=2.0)),
    Entry(lambda: bsde.AllenCahn(3)),
    Entry(lambda: bsde.Burgers(3)),
    Entry(lambda: bsde.BlackScholesBarenblatt(3, rate=0.1)),
    Entry(lambda: bsde.QuadraticGradient(3)),
    Entry(lambda: bsde.ReactionDiffusion(3, kappa=0.5)),
    Entry(lambda: bsde.HurePhamWarin(3)),
    Entry(lambda: bsde.DifferentRates(3, borrowing_rate=0.07)),
    Entry(lambda: bsde.DefaultRisk(3, recovery=0.5)),
    Entry(lambda: bsde.BlackScholesBasket(3, strike=90.0)),
    Entry(lambda: bsde.GeometricBasketCall(3, volatility=[0.1, 0.2, 0.3])),
    Entry(lambda: bsde.LinearQuadratic(3, attraction=0.3)),
    Entry(lambda: bsde.Heat(3, x0=[1.0, 2.0, 3.0])),
]

OTHERS = [
    Entry(lambda: bsde.ControlProcess()),
    Entry(lambda: bsde.Discounted(bsde.AllenCahn(3), 0.5)),
    Entry(lambda: bsde.Family(bsde.AllenCahn(3), bsde.BoxStart(-1.0, 1.0))),
    Entry(lambda: bsde.BoxStart([0.0, 1.0], [2.0, 3.0])),
    Entry(lambda: bsde.LineStart(0.0, [2.0, 3.0])),
    Entry(lambda: bsde.LogNormalStart(100.0, 0.2)),
    Entry(lambda: bsde.NormalStart([0.0, 1.0], 0.5)),
    Entry(lambda: bsde.PointsStart([[0.0, 1.0], [2.0, 3.0]])),
    Entry(lambda: bsde.SampledStart(between)),
    Entry(lambda: bsde.curve([0.0, 0.5, 2.0], [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])),
    Entry(lambda: by_hand.ProductUniform(3)),
    Entry(lambda: by_hand.ShiftedUniform(3)),
    Entry(lambda: descent.SGD(0.1, 0.5, velocity_initializer="ones", nesterov=True)),
]

# With settings small enough for a test.
METHODS = [
    Entry(lambda: bsde.DeepBSDE(num_steps=4, steps=20, batch_size=16, max_rounds=1)),
    Entry(lambda: bsde.MonteCarlo(num_steps=4)),
    Entry(lambda: bsde.Regression(num_steps=4, num_paths_per_pass=500, num_random=10)),
]

ALL = LAYERS + MODELS + LOSSES + METRICS + EQUATIONS + METHODS + OTHERS
