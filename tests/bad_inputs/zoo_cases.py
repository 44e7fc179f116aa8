"""The bad inputs of every other package."""

import keras
import matplotlib.figure
import numpy as np

from kerasmodels import (
    by_hand,
    descent,
    losses,
    miniflow,
    neurons,
    recurrent,
    segmentation,
)
from tests.bad_inputs.corpus import Lazy, entry
from tests.bad_inputs.kinds import (
    ARRAY,
    BOOLEAN,
    COUNT,
    FLOAT,
    INTEGER,
    NAN,
    NOT_NEGATIVE,
    POSITIVE,
    SEED,
    Near,
    arrays,
    holes,
    instance_of,
    name_of,
    optional,
    plus,
)

INITIALIZER = [*name_of("glorot_unifrom")[1:], [1.0]]
ACTIVATION = name_of(Near("sigmiod", "sigmoid"), Near("softmx", "softmax"))


def compiled(loss=by_hand.CrossEntropy, widths=(3, 4, 2)):
    model = by_hand.dense_network(list(widths), ["relu", "softmax"])
    model.compile("sgd", loss())
    return model


HAND = Lazy(compiled)
UNCOMPILED = by_hand.dense_network([3, 4, 2], ["relu", "softmax"])
ONE_HOT = np.eye(2)[[0, 1, 0, 1, 1]]
BATCH = np.linspace(-1, 1, 15).reshape(5, 3)
NO_MODEL = [None, 3, "model", [], {}, object(), keras.Sequential]
BAD_BATCH = arrays((5,), (5, 4), (4, 3), (0, 3), (5, 3, 1), more=holes(5, 3))
BAD_TARGET = arrays((5,), (5, 3), (4, 2), (0, 2), (5, 2, 1), more=holes(5, 2))

BY_HAND = [
    entry(
        "by_hand.HandDense",
        by_hand.HandDense,
        units=(3, COUNT),
        activation=("relu", ACTIVATION),
        use_bias=(True, BOOLEAN),
        kernel_initializer=("zeros", INITIALIZER),
        bias_initializer=("zeros", INITIALIZER),
        l2=(0.0, NOT_NEGATIVE),
        half_l2=(False, BOOLEAN),
        mistake=(None, optional(name_of(Near("transpose left", "transpose left out")))),
        activity_regularizer=(None, ["l2"]),
    ),
    entry(
        "by_hand.HandDense.call",
        lambda x: by_hand.HandDense(2)(x),
        x=(BATCH, arrays((5,), (5, 3, 1), (), (0, 3))),
    ),
    entry(
        "by_hand.HandNetwork",
        by_hand.HandNetwork,
        layers=(
            Lazy(lambda: [by_hand.HandDense(2)]),
            [None, 3, "layers", [], [None], {}, [keras.layers.Dense(2)], object()]
            + [[UNCOMPILED.stack[0]] * 2],
        ),
    ),
    entry(
        "by_hand.HandNetwork.fit",
        lambda x, y: HAND.get().fit(x, y, verbose=0),
        words={"x": "x"},
        x=(BATCH, BAD_BATCH[:-3]),
        y=(ONE_HOT, [bad for bad in BAD_TARGET[:-3] if bad is not None]),
    ),
    entry(
        "by_hand.HandNetwork.call",
        lambda x: HAND.get()(x),
        x=(BATCH, arrays((5,), (5, 4), (5, 3, 1), (), (0, 3))),
    ),
    entry("by_hand.ProductUniform", by_hand.ProductUniform, seed=(0, SEED)),
    entry("by_hand.ShiftedUniform", by_hand.ShiftedUniform, seed=(0, SEED)),
    entry(
        "by_hand.SquaredError",
        by_hand.SquaredError,
        half=(False, BOOLEAN),
        reduction=("sum", name_of(Near("means", "mean"), "none")),
    ),
    entry(
        "by_hand.CrossEntropy",
        by_hand.CrossEntropy,
        reduction=("sum", name_of("none")),
    ),
    entry(
        "by_hand.BinaryCrossEntropy",
        by_hand.BinaryCrossEntropy,
        reduction=("sum", name_of("none")),
    ),
    entry(
        "by_hand.loss_of_shares",
        by_hand.loss_of_shares,
        shares=([0.2, 0.8], [*ARRAY, [-0.1], [1.5], [NAN]]),
    ),
    entry(
        "by_hand.dense_network",
        by_hand.dense_network,
        sizes=(
            [3, 2],
            [None, 3, "32", [], [3], [3, 0], [3, 1.5], [3, None], ["3", "2"], {}],
        ),
        activations=(["relu"], [None, 3, "relu", [], ["relu"] * 2, ["rleu"], [None], {}]),
        seed=(0, SEED),
        kernel=(None, [3, "glorot", "", [], object(), 1.5]),
        bias=("zeros", [3, "zeors", "", [], object(), 1.5]),
        l2=(0.0, [value for value in NOT_NEGATIVE if not isinstance(value, list)]),
    ),
    entry(
        "by_hand.check_gradients",
        by_hand.check_gradients,
        words={"x": "Received"},
        model=(HAND, [*NO_MODEL, UNCOMPILED]),
        x=(BATCH, BAD_BATCH),
        y=(ONE_HOT, BAD_TARGET),
        sample_weight=(None, optional(arrays((4,), (5, 2), (), more=holes(5)))),
        tolerance=(1e-6, POSITIVE),
        max_entries=(5, COUNT),
        learning_rate=(None, optional(POSITIVE)),
    ),
    entry(
        "by_hand.diagnose",
        by_hand.diagnose,
        words={"model": "Received", "y": "Received"},
        model=(HAND, [*NO_MODEL, UNCOMPILED, keras.Sequential()]),
        x=(BATCH, BAD_BATCH),
        y=(ONE_HOT, BAD_TARGET),
    ),
    entry(
        "by_hand.explain_backward",
        by_hand.explain_backward,
        words={"model": "Received", "y": "Received"},
        model=(HAND, [*NO_MODEL, UNCOMPILED]),
        x=(BATCH, BAD_BATCH),
        y=(ONE_HOT, BAD_TARGET),
    ),
    entry(
        "by_hand.recipe", by_hand.recipe, name=("xor", name_of(Near("xro", "xor"), "XOR"))
    ),
    entry(
        "by_hand.side_by_side",
        by_hand.side_by_side,
        works=False,
        recipe=(by_hand.RECIPES["xor"], instance_of(by_hand.Recipe) + ["xor"]),
        seed=(0, SEED),
        epochs=(1, optional(COUNT)),
    ),
    *(
        entry(
            f"by_hand.{function.__name__}",
            function,
            words={"weights": "weights", "x": "x", "labels": "labels"},
            weights=(np.ones((3, 2)), arrays((3,), (2, 2), (0, 2), (), more=holes(3, 2))),
            x=(BATCH, BAD_BATCH),
            labels=(
                [0, 1, 0, 1, 1],
                [None, "text", {}, [0, 1], [0, 1, 0, 1, 2], [-1, 0, 0, 0, 0], [0.5] * 5]
                + [["0"] * 5, np.zeros((5, 1), int), [NAN] * 5],
            ),
            l2=(0.0, NOT_NEGATIVE),
        )
        for function in (by_hand.softmax_loss_naive, by_hand.softmax_loss_vectorized)
    ),
]

ROW = np.linspace(-1, 1, 5)
DESCENT = [
    entry(
        "descent.SGD",
        descent.SGD,
        learning_rate=(0.1, [value for value in NOT_NEGATIVE if not callable(value)]),
        momentum=(0.9, plus(NOT_NEGATIVE, 1.5)),
        velocity_initializer=("zeros", INITIALIZER),
    ),
    entry(
        "descent.WeightPath",
        descent.WeightPath,
        every=("batch", name_of(Near("epochs", "epoch"))),
    ),
    entry("descent.Well", descent.Well, start=(1.0, FLOAT), floor=(0.0, FLOAT)),
    entry(
        "descent.Well.call",
        lambda x: descent.Well()(x),
        x=(BATCH, [None, "text", 3.0, object(), {}, ["a"]]),
    ),
    entry(
        "descent.fit_line",
        descent.fit_line,
        words={"x": "Received"},
        x=(ROW, arrays((4,), (5, 1), (0,), (), more=holes(5))),
        y=(ROW, arrays((4,), (5, 1), (0,), (), more=holes(5))),
        batch_size=(5, COUNT),
        epochs=(1, COUNT),
        learning_rate=(0.1, POSITIVE),
        every=("batch", name_of(Near("batches", "batch"))),
    ),
    entry(
        "descent.kick",
        descent.kick,
        momentum=(0.9, plus(NOT_NEGATIVE, 1.0, 2.0)),
        velocity=(1.0, FLOAT),
    ),
    entry(
        "descent.line_cost",
        descent.line_cost,
        words={"x": "Received"},
        x=(ROW, arrays((4,), (5, 1), (0,), (), more=holes(5))),
        y=(ROW, arrays((4,), (5, 1), (0,), (), more=holes(5))),
    ),
    entry(
        "descent.line_data",
        descent.line_data,
        slope=(1.0, FLOAT),
        intercept=(1.0, FLOAT),
        points=(5, COUNT),
        noise=(0.0, NOT_NEGATIVE),
        seed=(0, SEED),
    ),
    entry("descent.regime", descent.regime, learning_rate=(0.1, POSITIVE)),
]

LABELS = np.array([[[0, 1], [2, 2]]])
PROBABILITIES = np.full((1, 2, 2, 3), 1 / 3, "float32")
BAD_LABELS = [
    *arrays((1, 2), (1, 2, 3), (2, 2, 2), (0, 2, 2), (1, 2, 2, 4), ()),
    LABELS + 1,
    LABELS - 1,
    LABELS + 0.5,
    np.full((1, 2, 2), NAN),
    2 * np.eye(3)[LABELS],
]
BAD_PROBABILITIES = [
    *arrays((1, 2), (1, 2, 2), (2, 2, 2, 3), (0, 2, 2, 3), (1, 2, 2, 1), ()),
    PROBABILITIES + 1,
    -PROBABILITIES,
]
WEIGHTING = name_of(Near("inverse_sqare", "inverse_square"), Near("uniforn", "uniform"))
ABSENT = [
    *(v for v in NOT_NEGATIVE if not isinstance(v, str)),
    "",
    Near("larges", "largest"),
    Near("images", "image"),
]
BACKGROUND = [value for value in optional(INTEGER) if value is not True]
BACKGROUND = [*[value for value in BACKGROUND if value is not np.True_], -1]
DICE = {
    "weighting": ("inverse", WEIGHTING),
    "absent": ("drop", ABSENT),
    "per_image": (True, BOOLEAN),
    "from_logits": (False, BOOLEAN),
    "ignore_class": (None, optional(INTEGER)),
    "background": (True, BACKGROUND),
}

LOSSES = [
    entry("losses.GeneralizedDice", losses.GeneralizedDice, **DICE),
    entry(
        "losses.GeneralizedDice.call",
        lambda y_true, y_pred, sample_weight: losses.GeneralizedDice()(
            y_true, y_pred, sample_weight
        ),
        words={"y_pred": "Received"},
        y_true=(LABELS, BAD_LABELS),
        y_pred=(PROBABILITIES, BAD_PROBABILITIES),
        sample_weight=(None, optional(arrays((2,), (1, 2), (1, 2, 2, 2), (0,)))),
    ),
    entry(
        "losses.generalized_dice",
        losses.generalized_dice,
        words={"y_pred": "Received"},
        y_true=(LABELS, BAD_LABELS),
        y_pred=(PROBABILITIES, BAD_PROBABILITIES),
        sample_weight=(None, [*optional(arrays((2,), (1, 2), (0,))), -np.ones(1)]),
        **DICE,
    ),
    entry(
        "losses.generalized_dice.one-hot",
        losses.generalized_dice,
        y_true=(np.eye(3)[LABELS], [-np.eye(3)[LABELS], 2 * np.eye(3)[LABELS]]),
        y_pred=(PROBABILITIES, []),
        ignore_class=(2, [255, -1, 3]),
    ),
    entry(
        "losses.generalized_dice.logits",
        losses.generalized_dice,
        y_true=(LABELS, []),
        y_pred=(5 * PROBABILITIES, [PROBABILITIES]),
        from_logits=(True, []),
    ),
    entry(
        "losses.generalized_dice_weights",
        losses.generalized_dice_weights,
        y_true=(LABELS, [*arrays((1,), (0, 2), ()), LABELS + 1, LABELS - 1, LABELS + 0.5]),
        num_classes=(3, plus(COUNT, 1)),
        weighting=DICE["weighting"],
        absent=DICE["absent"],
        per_image=DICE["per_image"],
        background=(True, [*BACKGROUND, 3]),
    ),
    entry(
        "losses.MeanDice",
        losses.MeanDice,
        num_classes=(3, plus(COUNT, 1)),
        background=(0, [*BACKGROUND, 3]),
        per_class=(False, BOOLEAN),
        ignore_class=(None, optional(INTEGER)),
    ),
    entry(
        "losses.MeanDice.update_state",
        lambda y_true, y_pred: losses.MeanDice(3).update_state(y_true, y_pred),
        words={"y_pred": "Received"},
        y_true=(LABELS, BAD_LABELS),
        y_pred=(PROBABILITIES, BAD_PROBABILITIES[:-2]),
    ),
    entry(
        "losses.compare_losses",
        losses.compare_losses,
        words={"y_true": "y_true"},
        y_true=(np.eye(2), arrays((2,), (3, 2), (2, 1), (0, 2), (), more=holes(2, 2))),
        y_pred=(np.eye(2), arrays((2,), (3, 2), (2, 1), (0, 2), (), more=holes(2, 2))),
    ),
]


def nodes():
    """A node, its inputs and parameters."""
    x = miniflow.Input("x")
    w, b = miniflow.Parameter(np.ones((3, 2)), "w"), miniflow.Parameter(np.ones(2), "b")
    return x, w, b, miniflow.Linear(x, w, b)


X, W, B, LINEAR = nodes()
LOSS = miniflow.MSE(miniflow.Input("y"), LINEAR)
NODE = [None, 3, "x", [], {}, object(), miniflow.Node, np.ones(2)]
COLUMN = np.ones((5, 1))
RUN = miniflow.Graph(LINEAR)
RUN.forward({X: BATCH})


def circle():
    first = miniflow.Sigmoid(X)
    second = miniflow.Sigmoid(first)
    first.inputs = (second,)
    return first


def axes():
    return matplotlib.figure.Figure().subplots()


TABLE = [None, 3, "ab", (), (BATCH,), (BATCH, COLUMN, COLUMN), {}, object()]
TABLE += [(BATCH, np.ones(5)), (np.ones(5), COLUMN), (BATCH, np.ones((4, 1)))]
TABLE += [(holes(5, 3)[0], COLUMN), (BATCH, holes(5, 1)[0]), (BATCH[:0], COLUMN[:0])]

MINIFLOW = [
    entry(
        "miniflow.Graph", lambda outputs: miniflow.Graph(outputs), outputs=(LINEAR, NODE)
    ),
    entry(
        "miniflow.Graph.none", lambda outputs: miniflow.Graph(*outputs), outputs=([X], [[]])
    ),
    entry(
        "miniflow.Graph.forward",
        lambda feed: miniflow.Graph(LINEAR).forward(feed),
        words={"feed": "Received"},
        feed=(
            {X: BATCH},
            [None, 3, "x", [], {}, object(), {X: BATCH, W: BATCH}, {W: BATCH}, {"x": BATCH}]
            + [{X: bad} for bad in arrays((5,), (5, 2), (), more=holes(5, 3))],
        ),
    ),
    entry(
        "miniflow.Graph.backward",
        lambda graph: graph.backward(),
        works=False,
        words={"graph": "`outputs`"},
        graph=(None, [RUN, miniflow.Graph(LOSS)]),
    ),
    entry(
        "miniflow.Graph.step",
        lambda graph, learning_rate: graph.step(learning_rate),
        works=False,
        words={"graph": "`Graph.step`"},
        graph=(RUN, [RUN, miniflow.Graph(LOSS)]),
        learning_rate=(0.1, []),
    ),
    entry("miniflow.Input", miniflow.Input, name=("x", [3, 1.5, [], {}, object(), b"x"])),
    entry(
        "miniflow.Linear",
        miniflow.Linear,
        words=dict.fromkeys(("x", "weights", "bias"), "`inputs`"),
        x=(X, NODE),
        weights=(W, NODE),
        bias=(B, NODE),
    ),
    entry(
        "miniflow.MSE",
        miniflow.MSE,
        words=dict.fromkeys("ya", "`inputs`"),
        y=(X, NODE),
        a=(W, NODE),
    ),
    entry("miniflow.Sigmoid", miniflow.Sigmoid, words={"x": "`inputs`"}, x=(X, NODE)),
    entry(
        "miniflow.MSE.forward",
        lambda y: miniflow.Graph(LOSS).forward({LOSS.inputs[0]: y, X: BATCH}),
        words={"y": "Received"},
        y=(np.ones((5, 2)), arrays((5,), (2, 5), (1, 2), ())),
    ),
    entry(
        "miniflow.Parameter",
        miniflow.Parameter,
        value=(1.0, [*ARRAY, NAN, *holes(2)]),
    ),
    entry(
        "miniflow.Regression",
        miniflow.Regression,
        features=(3, COUNT),
        hidden=(2, COUNT),
        seed=(0, SEED),
    ),
    entry(
        "miniflow.Regression.fit",
        miniflow.Regression(3).fit,
        words={"x": "x"},
        x=(BATCH, BAD_BATCH),
        y=(COLUMN, arrays((5,), (4, 1), (5, 2), (), more=holes(5, 1))),
        epochs=(1, COUNT),
        batch_size=(2, COUNT),
        learning_rate=(0.1, POSITIVE),
        seed=(0, SEED),
    ),
    entry(
        "miniflow.Regression.predict",
        miniflow.Regression(3).predict,
        words={"x": "Received"},
        x=(BATCH, arrays((5,), (5, 4), (), more=holes(5, 3))),
    ),
    entry(
        "miniflow.baselines",
        miniflow.baselines,
        words=dict.fromkeys(("train", "test"), "Received"),
        train=((BATCH, COLUMN), TABLE),
        test=((BATCH, COLUMN), [*TABLE, (np.ones((5, 2)), COLUMN)]),
    ),
    entry(
        "miniflow.draw",
        miniflow.draw,
        graph=(RUN, [*NODE, LINEAR, miniflow.Graph(LINEAR)]),
        axes=(Lazy(axes), [None, 3, "axes", {}, object(), matplotlib.figure.Figure()]),
    ),
    entry(
        "miniflow.read_csv",
        miniflow.read_csv,
        works=False,
        path=(
            "table.csv",
            [None, 3, 1.5, [], {}, object(), "none.csv", "", ".", "a\0b", b"x"],
        ),
    ),
    entry(
        "miniflow.split",
        miniflow.split,
        words=dict.fromkeys(("x", "y", "share"), "Received"),
        x=(BATCH, arrays((5,), (4, 3), (0, 3), (), more=holes(5, 3))),
        y=(np.ones(5), arrays((4,), (0,), (), (5, 2), more=holes(5))),
        share=(0.2, plus(POSITIVE, 1.0, 0.01, 7.0)),
        seed=(0, SEED),
    ),
    entry(
        "miniflow.table",
        miniflow.table,
        source=("diabetes", name_of(Near("diabets", "diabetes"))),
    ),
    entry(
        "miniflow.to_keras",
        miniflow.to_keras,
        words={"shapes": "Received"},
        output=(LINEAR, [*NODE, LOSS, X, W]),
        shapes=(
            {X: 3},
            [None, 3, "x", [], {}, object(), {X: 4}, {"x": 3}, {W: 3}]
            + [{X: value} for value in COUNT],
        ),
        dtype=("float64", name_of(Near("float_64", "float64"), "int32")),
    ),
    entry(
        "miniflow.topological_sort",
        miniflow.topological_sort,
        outputs=(LINEAR, [*NODE, [None], ["x"], [LINEAR, 3], circle()]),
    ),
]

BINARY = np.array([0.0, 1, 0, 1, 1])
UNIT = Lazy(lambda: _unit(neurons.SigmoidUnit(seed=1)))
RULE = Lazy(lambda: _unit(neurons.ThresholdRule()))
STEP = Lazy(lambda: _unit(neurons.Perceptron(seed=1)))


def _unit(model):
    model.compile(keras.optimizers.SGD(0.1), "mae")
    model(BATCH.astype("float32"))
    return model


def unit(cls):
    return entry(
        f"neurons.{cls.__name__}",
        cls,
        units=(1, COUNT),
        weight=(None, [*optional(ARRAY), NAN, *holes(2)]),
        bias=(0.0, [*optional(ARRAY), NAN, *holes(2)]),
        seed=(0, SEED),
    )


NEURONS = [
    entry(
        "neurons.AnnealTemperature",
        neurons.AnnealTemperature,
        start=(1.0, POSITIVE),
        end=(0.1, POSITIVE),
        steps=(None, optional(COUNT)),
    ),
    unit(neurons.LinearUnit),
    unit(neurons.Perceptron),
    unit(neurons.SigmoidUnit),
    entry(
        "neurons.LinearUnit.call",
        lambda x: neurons.LinearUnit(weight=np.ones((3, 1)))(x),
        words={"x": "Received"},
        x=(BATCH, arrays((5, 4), (5,), (5, 3, 1), (0, 3), ())),
    ),
    entry(
        "neurons.SigmoidUnit.boundary",
        lambda model: model.boundary,
        words={"model": "`boundary`"},
        model=(UNIT, [neurons.SigmoidUnit(), neurons.ThresholdRule()]),
    ),
    entry(
        "neurons.SmoothAccuracy",
        neurons.SmoothAccuracy,
        temperature=(1.0, POSITIVE),
        from_logits=(False, BOOLEAN),
    ),
    entry(
        "neurons.SmoothAccuracy.temperature",
        lambda temperature: setattr(neurons.SmoothAccuracy(), "temperature", temperature),
        temperature=(1.0, POSITIVE),
    ),
    entry(
        "neurons.smooth_accuracy",
        neurons.smooth_accuracy,
        words={"y_pred": "y_pred"},
        y_true=(
            BINARY[:, None],
            arrays((5, 2), (4, 1), (0, 1), more=[2 * BINARY[:, None]]),
        ),
        y_pred=(
            BINARY[:, None],
            arrays((5, 2), (4, 1), (0, 1), more=[2 * BINARY[:, None]]),
        ),
        temperature=(1.0, POSITIVE),
        from_logits=(False, BOOLEAN),
    ),
    entry(
        "neurons.ThresholdRule",
        lambda x, y: RULE.get().fit(x, y, verbose=0),
        words={"y": "Received", "x": "Received"},
        x=(BATCH, arrays((5, 4), (5,), (5, 3, 1), (0, 3), (), more=holes(5, 3))),
        y=(BINARY, arrays((5, 2), (4,), (0,), (), more=[2 * BINARY, *holes(5)])),
    ),
    entry(
        "neurons.Perceptron.fit",
        lambda x, y: STEP.get().fit(x, y, verbose=0),
        words={"y": "Received", "x": "Received"},
        x=(BATCH, arrays((5, 4), (5,), (5, 3, 1), (0, 3), ())),
        y=(BINARY, arrays((5, 2), (4,), (0,), (), more=[2 * BINARY])),
    ),
    entry(
        "neurons.best_threshold",
        neurons.best_threshold,
        words={"scores": "Received"},
        y_true=(BINARY, arrays((5,), (4,), (5, 2), (0,), (), more=[2 * BINARY, *holes(5)])),
        scores=(ROW, arrays((4,), (5, 2), (0,), (), more=holes(5))),
        metric=("f1", name_of(Near("accurracy", "accuracy"))),
    ),
    entry(
        "neurons.descend",
        neurons.descend,
        words={"x": "x"},
        model=(UNIT, [*NO_MODEL, keras.Sequential(), neurons.SigmoidUnit()]),
        x=(BATCH, BAD_BATCH),
        y=(BINARY, arrays((4,), (0,), (), more=holes(5))),
        steps=(1, COUNT),
        record=(None, [3, "1", [], [-1], [2], [0.5], [None], ["1"], [True], {}, object()]),
    ),
    entry("neurons.eights", neurons.eights, seed=(0, SEED)),
]

GRU = Lazy(lambda: keras.layers.GRU(1, kernel_initializer="ones"))
LSTM = Lazy(lambda: keras.layers.LSTM(1, kernel_initializer="ones"))
RNN = Lazy(lambda: keras.layers.SimpleRNN(1, kernel_initializer="ones"))
CELL = [None, 3, "GRU", [], {}, object(), keras.layers.Dense(1), keras.layers.GRU]
STEPS = np.array([0.5, 1.0])
STEP_BY_STEP = arrays((0,), (), (2, 2), (2, 2, 1), (1, 2, 1, 1), more=holes(2))


STEPS_MASK = optional(arrays((3,), (2, 1), (0,), (), more=[[1, 2], [0.5, 1], ["a", "b"]]))


def by_paper(name, function, cell, others):
    return entry(
        f"recurrent.{name}",
        function,
        words={"cell": "Received", "by_hand": "by_hand", "initial_state": "initial_state"},
        cell=(cell, [*CELL, *others]),
        x=(STEPS, STEP_BY_STEP),
        by_hand=(
            [0.1],
            [None, [], {}, "text", object(), [None], [0.1] * 3, [[0.1, 0.2]], {"q": 0.1}]
            + [{"h": "a"}, {"h": [NAN]}, {3: 0.1}, [1j], [object()], {"h": []}, [[]], b"1"],
        ),
        initial_state=(
            None,
            [*optional(arrays((2,), (3, 1), (0,))), [None], [[1], [1], [1]]],
        ),
        tolerance=(None, optional(POSITIVE)),
        mask=(None, STEPS_MASK),
    )


def verifier(cls, good, *others):
    layer = entry(
        f"recurrent.{cls.__name__}",
        cls,
        words={"layer": "Received"},
        layer=(good, [*CELL, *others, keras.layers.Bidirectional(keras.layers.GRU(1))]),
    )
    model = Lazy(lambda: cls(good.get()))
    report = entry(
        f"recurrent.{cls.__name__}.report",
        lambda x, initial_state, mask: model.get().report(x, initial_state, mask),
        x=(STEPS, STEP_BY_STEP),
        initial_state=(None, optional(arrays((2,), (3, 1), (0,)))),
        mask=(None, STEPS_MASK),
    )
    call = entry(
        f"recurrent.{cls.__name__}.call",
        lambda x: model.get()(x),
        x=(
            np.ones((2, 3, 1), "float32"),
            arrays((3, 1), (2, 3, 2), (0, 3, 1), (2, 0, 1), ()),
        ),
    )
    return [layer, report, call]


RECURRENT = [
    by_paper("verify_gru_by_hand", recurrent.verify_gru_by_hand, GRU, [LSTM.get()]),
    by_paper("verify_lstm_by_hand", recurrent.verify_lstm_by_hand, LSTM, [GRU.get()]),
    by_paper(
        "verify_simple_rnn_by_hand", recurrent.verify_simple_rnn_by_hand, RNN, [GRU.get()]
    ),
    *verifier(recurrent.GRUStepVerifier, GRU, keras.layers.GRU(1, stateful=True)),
    *verifier(recurrent.LSTMStepVerifier, LSTM, GRU.get()),
    *verifier(recurrent.SimpleRNNStepVerifier, RNN, GRU.get()),
    entry("recurrent.known_mistakes", recurrent.known_mistakes, cell=(GRU, CELL)),
    entry(
        "recurrent.values_with_mistake",
        recurrent.values_with_mistake,
        words={"initial_state": "initial_state"},
        cell=(GRU, CELL),
        x=(STEPS, STEP_BY_STEP),
        mistake=(None, optional(name_of(Near("bias droped", "bias dropped")))),
        initial_state=(None, optional(arrays((2,), (3, 1), (0,)))),
        mask=(None, STEPS_MASK),
    ),
    entry(
        "recurrent.SequenceLSTM",
        recurrent.SequenceLSTM,
        units=(3, COUNT),
        scaled=(True, BOOLEAN),
        seed=(0, SEED),
    ),
    entry(
        "recurrent.SequenceLSTM.roll_out",
        recurrent.SequenceLSTM(2).roll_out,
        values=(
            np.ones((2, 3)),
            arrays((3,), (2, 3, 1), (0, 3), (2, 0), (), more=holes(2, 3)),
        ),
        steps=(1, COUNT),
    ),
    entry(
        "recurrent.SequenceLSTM.call",
        recurrent.SequenceLSTM(2),
        words={"x": "`x`"},
        x=(np.ones((2, 3, 1), "float32"), arrays((3, 1), (2, 3, 2), (2, 0, 1), ())),
    ),
    entry(
        "recurrent.errors_by_regime",
        recurrent.errors_by_regime,
        model=(Lazy(lambda: recurrent.SequenceLSTM(2)), NO_MODEL),
        x=(
            np.array([[[1.0], [2.0], [3.0]], [[9.0], [10.0], [11.0]]]),
            arrays((2, 3), (0, 3, 1), (2, 0, 1), (2, 3, 2), more=holes(2, 3, 1)),
        ),
        y=(np.ones((2, 1)), arrays((2,), (3, 1), (2, 2), (), more=holes(2, 1))),
        margin=(0.15, NOT_NEGATIVE),
    ),
    entry(
        "recurrent.next_value", recurrent.next_value, v=([1.0, 11.0], [*ARRAY, *holes(2)])
    ),
    entry(
        "recurrent.sequence",
        recurrent.sequence,
        start=(1.0, [*ARRAY, NAN, *holes(2)]),
        length=(3, COUNT),
    ),
    entry(
        "recurrent.windows",
        recurrent.windows,
        count=(2, COUNT),
        length=(3, COUNT),
        seed=(0, SEED),
        largest=(12.0, POSITIVE),
    ),
]

IMAGES = np.linspace(0, 1, 8).reshape(2, 2, 2)
SET = (np.ones((4, 4, 4, 1), "float32"), np.zeros((4, 4, 4), "int32"))
NO_SET = [None, 3, "ab", (), SET[:1], (*SET, 1), {}, object(), (SET[0], SET[1][:3])]
NO_SET += [(SET[0][:0], SET[1][:0]), (SET[0], SET[1][0]), (SET[0] * NAN, SET[1])]
NO_SET += [(SET[0], SET[1] - 1), (SET[0], SET[1] + 0.5), (SET[0], SET[1] + 9)]
UNET = Lazy(lambda: segmentation.UNet(2, width=1, depth=1))

SEGMENTATION = [
    entry(
        "segmentation.UNet",
        segmentation.UNet,
        num_classes=(2, plus(COUNT, 1)),
        spatial_axes=(2, plus(COUNT, 4)),
        width=(2, COUNT),
        depth=(1, COUNT),
        batch_norm=(True, BOOLEAN),
        seed=(0, SEED),
        from_logits=(False, BOOLEAN),
    ),
    entry(
        "segmentation.UNet.call",
        lambda x: UNET.get()(x),
        x=(SET[0], arrays((4, 4, 1), (4, 3, 4, 1), (4, 4, 4, 4, 1), (4, 4, 4, 2), ())),
    ),
    entry(
        "segmentation.place_digits",
        segmentation.place_digits,
        words={"labels": "labels", "scale": "Received"},
        images=(
            IMAGES,
            arrays((2, 2), (3, 2, 2), (0, 2, 2), (), more=holes(2, 2, 2)) + [0 * IMAGES],
        ),
        labels=(
            [0, 1],
            [None, "ab", {}, [0], [-1, 0], [0.5, 1], [[0, 1]], ["0", "1"], [NAN, 1]],
        ),
        side=(6, plus(COUNT, 3)),
        scale=(2, plus(POSITIVE, 100.0, 1e-3)),
        threshold=(0.5, NOT_NEGATIVE),
        seed=(0, SEED),
    ),
    entry(
        "segmentation.segmented_digits",
        segmentation.segmented_digits,
        words={"scale": "Received"},
        side=(24, plus(COUNT, 7)),
        scale=(1, plus(POSITIVE, 100.0)),
        seed=(0, SEED),
    ),
    entry(
        "segmentation.spheres",
        segmentation.spheres,
        num_volumes=(1, COUNT),
        side=(8, COUNT),
        radii=((2.0,), [*ARRAY, (), (0.5,), (-1.0,), (4.0,), (NAN,), ("2",)]),
        noise=(0.3, NOT_NEGATIVE),
        seed=(0, SEED),
    ),
    entry(
        "segmentation.train_and_score",
        segmentation.train_and_score,
        works=False,
        model=(UNET, NO_MODEL),
        loss=(losses.GeneralizedDice(), [None, 3, "dice losss", [], {}, object()]),
        train=(SET, NO_SET),
        test=(SET, NO_SET),
        epochs=(1, COUNT),
        batch_size=(2, plus(COUNT, 5)),
        learning_rate=(1e-3, POSITIVE),
        seed=(0, SEED),
        jit_compile=(False, BOOLEAN),
    ),
]

ENTRIES = [
    *BY_HAND,
    *DESCENT,
    *LOSSES,
    *MINIFLOW,
    *NEURONS,
    *RECURRENT,
    *SEGMENTATION,
]
