"""One neuron on five points: the published run and what it leaves out."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasmodels import neurons
from tests.helpers import refusals
from tests.test_experiments import ROOT, load

script = load(ROOT / "experiments" / "perceptron_vs_sigmoid.py")

X, Y = neurons.five_points()
WEIGHT, BIAS = 0.75648874, -0.97450113

# Derived in float64: step -> squared error, W, b at rate 0.01 on the whole batch.
SQUARED_ERROR = {
    0: (0.2831907155326541, 0.75648874, -0.97450113),
    1: (0.28302444719664643, 0.757756567221318, -0.9742626016792334),
    2: (0.28285881796905843, 0.7590221892672856, -0.9740257647836167),
    4: (0.2825294771785608, 0.7615467891827731, -0.9735571516631167),
    8: (0.2818784645276561, 0.7665692263944643, -0.9726400703714086),
    16: (0.28060704374762063, 0.776505771457478, -0.9708856708866099),
    32: (0.27818525409379735, 0.7959383214981443, -0.9676889112858156),
    64: (0.2738055413877681, 0.8330223992382753, -0.962481944445478),
    128: (0.26666423967995456, 0.9003139086133037, -0.9562847354944448),
    256: (0.2569140905967062, 1.0117243205488204, -0.956781795833483),
    512: (0.24610517447533348, 1.1741389168078415, -0.9872992912242801),
    1024: (0.23519907846154578, 1.3854961559217807, -1.0888819226274078),
    2048: (0.2241382714395479, 1.6461618987295676, -1.2983421882266195),
    4096: (0.21433118429755452, 1.9598117892214169, -1.612654070707661),
    8192: (0.20754714492297294, 2.317467677155807, -1.989407638385915),
    9999: (0.20618653842204065, 2.4253894296816463, -2.102847168784722),
}
CROSS_ENTROPY = {
    0: (0.2831907155326541, 0.75648874, -0.97450113),
    1: (0.2851504283042782, 0.741489602685224, -0.9761170623764828),
    2: (0.28713755321469636, 0.7265572268032513, -0.9777013088084368),
    4: (0.29117692001739637, 0.6968977565976564, -0.9807740692762814),
    8: (0.29936699213148776, 0.6384417415793703, -0.9865319859162347),
    16: (0.31447089591041194, 0.525474427890877, -0.9964549882229116),
    32: (0.31907217759649853, 0.32392322933690126, -1.0092955374661379),
    64: (0.2655978092634245, 0.1052285797141371, -1.0031753117325009),
    128: (0.2543189514319435, 0.02811228990174318, -0.9416762813287531),
    256: (0.24873061210004982, 0.004331203773529187, -0.8158328932883565),
    512: (0.24198532478735305, -0.02573295802165545, -0.6181913653374966),
    1024: (0.23729705811384294, -0.062450821932518656, -0.3819163257783772),
    2048: (0.23642247013218184, -0.08892611608278284, -0.21498138124552196),
    4096: (0.2365440996619832, -0.09617846913282467, -0.1697308165596805),
    8192: (0.2365543722258486, -0.09654790627471964, -0.1674311080769309),
    9999: (0.2365543950989888, -0.0965487134024677, -0.167426084355924),
}


def descend(unit, loss, steps=9999, record=None, rate=0.01, **start):
    start = start or {"weight": WEIGHT, "bias": BIAS}
    model = unit(units=np.size(start["bias"]), dtype="float64", **start)
    model.compile(keras.optimizers.SGD(rate * model.units), loss(dtype="float64"))
    targets = np.repeat(Y[:, None], model.units, axis=1)
    return model, neurons.descend(model, X, targets, steps, record)


def right(prediction):
    return np.sum((prediction > 0.5) == (Y[:, None] > 0.5), axis=0)


@pytest.mark.parametrize(
    "loss, expected",
    [
        (keras.losses.MeanSquaredError, SQUARED_ERROR),
        (keras.losses.BinaryCrossentropy, CROSS_ENTROPY),
    ],
    ids=["squared error", "cross-entropy"],
)
def test_published_run(loss, expected):
    model, run = descend(neurons.SigmoidUnit, loss, record=list(expected))
    for k, (step, (value, weight, bias)) in enumerate(expected.items()):
        assert run["step"][k] == step
        error = np.mean((run["prediction"][k][:, 0] - Y) ** 2)
        # Keras holds the rate as float32: 0.01 is off by 2e-8 of itself.
        np.testing.assert_allclose(error, value, rtol=0, atol=1e-8)
        np.testing.assert_allclose(run["weights"][0][k], [[weight]], rtol=0, atol=1e-7)
        np.testing.assert_allclose(run["weights"][1][k], [bias], rtol=0, atol=1e-7)
    assert model.boundary == pytest.approx(
        -run["weights"][1][-1][0] / run["weights"][0][-1][0, 0]
    )
    assert right(run["prediction"][-1]) == (4 if expected is SQUARED_ERROR else 3)
    neurons.descend(model, X, Y[:, None], 1)
    end = {
        4: (2.4254439297995924, -2.102904344617942, 0.2061859145179159),
        3: (-0.09654871349100082, -0.16742608380487667, 0.23655439510149784),
    }[right(model(X).numpy())[0]]
    np.testing.assert_allclose(model.kernel.numpy(), [[end[0]]], rtol=0, atol=1e-7)
    np.testing.assert_allclose(model.bias.numpy(), [end[1]], rtol=0, atol=1e-7)
    np.testing.assert_allclose(
        np.mean((model(X).numpy()[:, 0] - Y) ** 2), end[2], rtol=0, atol=1e-8
    )


def test_the_start_alone_scores_four_and_linear_training_loses_it():
    model, run = descend(neurons.LinearUnit, keras.losses.MeanSquaredError, 20000)
    assert right(run["prediction"][0]) == 4
    assert right(run["prediction"][-1]) == 3
    assert min(right(p)[0] for p in run["prediction"]) == 2
    # The optimum is W = -1.2 / 55.2.
    np.testing.assert_allclose(run["weights"][0][-1], [[-1.2 / 55.2]], atol=1e-9)
    np.testing.assert_allclose(run["weights"][1][-1], [0.4565217391304348], atol=1e-9)
    error = np.mean((run["prediction"][-1][:, 0] - Y) ** 2)
    assert error == pytest.approx(0.23478260869565215, abs=1e-12)


@pytest.mark.slow
def test_random_starts():
    rng = np.random.default_rng(0)
    start = {"weight": rng.normal(size=(1, 400)), "bias": rng.normal(size=400)}
    _, mse = descend(neurons.SigmoidUnit, keras.losses.MeanSquaredError, **start)
    assert np.sum(right(mse["prediction"][0]) == 4) == 62
    after = right(mse["prediction"][-1])
    assert np.sum(after == 4) == 128 and np.sum(after == 3) == 272
    negative = start["weight"][0] < 0
    assert np.sum(negative) == 211 and np.all(after[negative] == 3)
    _, entropy = descend(neurons.SigmoidUnit, keras.losses.BinaryCrossentropy, **start)
    assert np.all(right(entropy["prediction"][-1]) == 3)
    # Units trained together are units trained alone.
    alone = {"weight": start["weight"][:, 7:8], "bias": start["bias"][7:8]}
    _, one = descend(neurons.SigmoidUnit, keras.losses.MeanSquaredError, 300, **alone)
    _, many = descend(neurons.SigmoidUnit, keras.losses.MeanSquaredError, 300, **start)
    np.testing.assert_allclose(
        one["weights"][0][-1][0, 0], many["weights"][0][-1][0, 7], rtol=0, atol=1e-7
    )


def test_where_cross_entropy_is_smallest():
    model = neurons.SigmoidUnit(
        weight=-0.096548773315, bias=-0.167425711451, dtype="float64"
    )
    loss = keras.losses.BinaryCrossentropy(dtype="float64")
    assert float(loss(Y[:, None], model(X))) == pytest.approx(0.6617233432060626, abs=1e-12)
    slope = model(X).numpy()[:, 0] - Y
    # Twelve digits of the place.
    assert abs(np.mean(slope)) < 1e-11 and abs(np.mean(slope * X)) < 1e-11


def test_squared_error_of_a_monotone_unit_cannot_fall_below_a_fifth():
    # One of five wrong, for ever steeper units with the boundary between 0 and 2.
    errors = []
    for steepness in (1.0, 4.0, 16.0, 64.0):
        model = neurons.SigmoidUnit(weight=steepness, bias=-steepness, dtype="float64")
        errors.append(np.mean((model(X).numpy()[:, 0] - Y) ** 2))
    assert np.all(np.diff(errors) < 0) and errors[-1] == pytest.approx(0.2, abs=1e-12)


def test_a_hidden_layer_gets_all_five():
    model = script.hidden_layer(0)
    run = neurons.descend(model, X[:, None], Y[:, None], 1500, [1500])
    assert right(run["prediction"][-1]) == 5


def test_no_monotone_rule_gets_more_than_four():
    assert neurons.best_threshold(Y, X) == (1.0, 0.8)
    assert neurons.best_threshold(Y, -X)[1] == 0.6
    # A hidden layer does: relu(x) - 2 relu(x - 2) is 0, 0, 2, 2, -5.
    hat = np.maximum(X, 0) - 2 * np.maximum(X - 2, 0)
    assert neurons.best_threshold(Y, hat)[1] == 1.0


def test_threshold_rule_is_the_best_cut():
    model = neurons.ThresholdRule()
    model.compile(loss="mae", metrics=["binary_accuracy"])
    history = model.fit(X, Y, verbose=0).history
    assert history["binary_accuracy"] == [pytest.approx(0.8)]
    assert model.boundary == 1.0
    np.testing.assert_array_equal(model.predict(X, verbose=0)[:, 0], [0, 0, 1, 1, 1])
    # A falling rule, on the third of four features.
    x = np.random.default_rng(0).normal(size=(40, 4))
    falling = neurons.ThresholdRule()
    falling.compile(loss="mae")
    falling.fit(x, x[:, 2] < 0.3, verbose=0)
    normal, offset = falling.boundary
    np.testing.assert_array_equal(normal[:, 0], [0, 0, -1, 0])
    assert falling.evaluate(x, x[:, 2] < 0.3, verbose=0) == 0.0
    assert abs(offset[0] + 0.3) < 0.2
    predicted = falling.predict(x, verbose=0)[:, 0]
    np.testing.assert_array_equal(predicted, (x @ normal > offset)[:, 0])


def test_threshold_rule_weighs_and_counts():
    def fitted(x, y, dtype=None, **options):
        model = neurons.ThresholdRule(dtype=dtype)
        model.compile()
        model.fit(np.array(x), np.array(y), verbose=0, **options)
        return model

    x, y = [1.0, 2, 3, 4], [1, 0, 0, 1]
    weighed = fitted(x, y, sample_weight=np.array([100, 1, 1, 1e-3]))
    assert weighed.boundary == 1.5
    assert weighed.predict(np.array(x), verbose=0)[:, 0].tolist() == [1, 0, 0, 0]
    classes = fitted([1.0, 2, 3, 4, 5], [0, 0, 1, 0, 0], class_weight={0: 1, 1: 100})
    assert classes.predict(np.array([3.0]), verbose=0).item() == 1
    # Half precision counts to 256, and does not tell these apart.
    x = np.round(np.random.default_rng(0).normal(size=1000) * 64) / 64
    for dtype in ("mixed_bfloat16", "mixed_float16", "float32"):
        model = fitted(x, x > 0.5, dtype)
        assert np.all(model.predict(x, verbose=0)[:, 0] == (x > 0.5))
    # Beside 1e9 one is nothing in float32.
    most = fitted([1e9] * 4, [1, 1, 1, 0])
    assert most.predict(np.array([1e9]), verbose=0).item() == 1
    # Without a compiled loss the share of errors is reported.
    assert most.evaluate(np.array([1e9] * 4), np.array([1, 1, 1, 0]), verbose=0) == 0.25


def test_perceptron_under_mixed_precision_frozen_and_without_a_loss():
    x, y = np.array([0.0, 0, 2, 2]), np.array([0, 0, 1, 1])
    for dtype in ("float32", "mixed_float16"):
        model = neurons.Perceptron(weight=-1.0, bias=0.25, dtype=dtype)
        model.compile(keras.optimizers.SGD(1.0))
        history = model.fit(x, y, epochs=20, batch_size=1, shuffle=False, verbose=0).history
        assert history["loss"][-1] == 0.0
        assert model.boundary == 0.75
    model = neurons.Perceptron(weight=-1.0)
    model.trainable = False
    model.compile(keras.optimizers.SGD(1.0), "mae")
    model.fit(x, y, verbose=0)
    assert model.kernel.numpy().item() == -1.0


def rosenblatt(x, y, epochs, w, b, rate):
    for _ in range(epochs):
        for features, target in zip(x, y):
            error = target - float(features @ w + b > 0)
            w, b = w + rate * error * features, b + rate * error
    return w, b


@settings(max_examples=10, deadline=None, derandomize=True, database=None)
@given(
    features=st.integers(1, 3), rate=st.sampled_from([0.5, 1.0]), seed=st.integers(0, 99)
)
def test_perceptron_is_rosenblatts_rule(features, rate, seed):
    rng = np.random.default_rng(seed)
    # `fit` rounds arrays to float32.
    x = rng.normal(size=(9, features)).astype("float32").astype("float64")
    y = (rng.random(9) < 0.5).astype("float64")
    model = neurons.Perceptron(seed=seed, bias=0.25, dtype="float64")
    model(x)
    w, b = rosenblatt(x, y, 3, model.kernel.numpy()[:, 0], 0.25, rate)
    model.compile(keras.optimizers.SGD(rate), "mae")
    history = model.fit(x, y, epochs=3, batch_size=1, shuffle=False, verbose=0).history
    np.testing.assert_allclose(model.kernel.numpy()[:, 0], w, rtol=0, atol=1e-12)
    np.testing.assert_allclose(model.bias.numpy(), [b], rtol=0, atol=1e-12)
    assert all(0 <= value <= 1 for value in history["loss"])


@pytest.mark.slow
def test_perceptron_stops_on_separable_data():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(60, 2))
    y = (x @ [1.0, -2.0] > 0.1).astype("float64")
    x[:, 0] += np.where(y > 0, 0.3, -0.3)
    model = neurons.Perceptron()
    model.compile(keras.optimizers.SGD(1.0), "mae")
    model.fit(np.tile(x, (60, 1)), np.tile(y, 60), batch_size=1, verbose=0)
    before = model.get_weights()
    assert model.evaluate(x, y, verbose=0) == 0.0
    model.fit(x, y, epochs=1, batch_size=1, verbose=0)
    np.testing.assert_array_equal(before[0], model.get_weights()[0])


def test_boundaries():
    cases = {
        neurons.LinearUnit(weight=2.0, bias=-0.5): 0.5,
        neurons.SigmoidUnit(weight=2.0, bias=-0.5): 0.25,
        neurons.Perceptron(weight=2.0, bias=-0.5): 0.25,
    }
    for model, place in cases.items():
        below, above = model(np.array([place - 1e-3, place + 1e-3])).numpy()[:, 0]
        assert below < 0.5 < above
        assert model.boundary == place
    flat = neurons.SigmoidUnit(weight=0.0)
    flat(X)
    assert np.isnan(flat.boundary)
    plane = neurons.SigmoidUnit(weight=[[1.0], [2.0]], bias=-3.0)
    plane(np.ones((1, 2)))
    normal, offset = plane.boundary
    assert normal.tolist() == [[1.0], [2.0]] and offset.tolist() == [3.0]
    assert plane(np.array([[1.0, 1.0]])).numpy().item() == 0.5


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_cross_entropy_sees_the_logits(run_eagerly):
    # From the clipped probability there would be no gradient left.
    model = neurons.SigmoidUnit(weight=30.0, bias=0.0)
    model.compile(keras.optimizers.SGD(1.0), "binary_crossentropy", run_eagerly=run_eagerly)
    model.fit(np.array([[1.0]]), np.array([[0.0]]), verbose=0)
    assert model.kernel.numpy().item() == pytest.approx(29.0, abs=1e-5)


@pytest.mark.parametrize("unit", [neurons.LinearUnit, neurons.SigmoidUnit])
def test_labels_of_minus_one_and_one_are_refused(unit):
    x, signs = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([-1, -1, 1, 1])
    model = unit(weight=0.0)
    model.compile("sgd", "mse")
    words = r"labels 0 and 1.*Received: labels -1 and 1\. Pass \(y \+ 1\) / 2"
    for y in (signs, signs[:, None], signs.astype("float64")):
        with pytest.raises(ValueError, match=words):
            model.fit(x, y, verbose=0)
        with pytest.raises(ValueError, match=words):
            neurons.descend(model, x, y, 1)
    with pytest.raises(tf.errors.InvalidArgumentError, match="labels -1 and 1"):
        model.fit(tf.data.Dataset.from_tensors((x, signs)), shuffle=False, verbose=0)
    # Targets of a regression that hold both numbers among others are none.
    model.evaluate(x, np.array([-1.0, 0.5, 0.5, 1.0]), verbose=0)


def test_the_boundary_of_signs_is_that_of_the_labels_it_says_to_pass():
    # Least squares of -1, -1, -1, 1 on x: 0.6 x - 1.4, which is 0 where labels give 1/2.
    x, signs = np.arange(4.0)[:, None], np.array([-1.0, -1.0, -1.0, 1.0])
    slope, intercept = np.polyfit(x[:, 0], (signs + 1) / 2, 1)
    model = neurons.LinearUnit(weight=slope, bias=intercept, dtype="float64")
    model(x)
    normal, offset = np.polyfit(x[:, 0], signs, 1)
    assert model.boundary == pytest.approx(-offset / normal, abs=1e-12)


@pytest.mark.parametrize("unit", [neurons.LinearUnit, neurons.ThresholdRule])
def test_no_boundary_before_data(unit):
    with pytest.raises(ValueError, match="`boundary` to be read after the model is built"):
        unit().boundary  # noqa: B018


X2 = np.ones((3, 2))


def fit(model, x, y):
    # Eagerly: in a graph the house error of a value is an InvalidArgumentError.
    model.compile("sgd", "mae", run_eagerly=True)
    model.fit(x, y, verbose=0)


def other_width(model):
    model(np.ones((2, 3)))
    model(np.ones((2, 4)))


test_bad_input = refusals(
    [
        (lambda: neurons.SigmoidUnit(units=0), "`units`"),
        (lambda: neurons.SigmoidUnit(weight="a"), "`weight`"),
        (lambda: neurons.SigmoidUnit(bias=np.nan), "`bias`"),
        (lambda: neurons.SigmoidUnit(weight=[1.0, 2.0, 3.0])(X2), "shape (2, 1)"),
        (lambda: neurons.SigmoidUnit()(np.ones((2, 3, 4))), "`x`"),
        (lambda: neurons.Perceptron()(np.ones((0, 3))), "not empty"),
        (lambda: neurons.ThresholdRule()(np.ones((2, 3, 4))), "`x`"),
        (lambda: fit(neurons.Perceptron(), X, 2 * Y - 1), "labels 0 and 1"),
        (lambda: fit(neurons.Perceptron(), X, np.ones((5, 2))), "(batch, 1)"),
        (lambda: fit(neurons.ThresholdRule(), X, Y + 1), "labels 0 and 1"),
        (lambda: fit(neurons.ThresholdRule(), X * np.nan, Y), "finite"),
        (lambda: fit(neurons.ThresholdRule(), X, np.ones((5, 2))), "(batch, 1)"),
        (lambda: other_width(neurons.LinearUnit()), "3 feature(s)"),
        (lambda: other_width(neurons.ThresholdRule()), "3 feature(s)"),
        (lambda: neurons.LinearUnit(units=3, weight=[1.0, 2, 3])(X), "shape (1, 3)"),
        (lambda: neurons.descend(neurons.LinearUnit(), X, Y, 0), "`steps`"),
        (lambda: neurons.descend(neurons.LinearUnit(), X, Y, 5, [6]), "`record`"),
        (lambda: neurons.descend(neurons.LinearUnit(), X, Y, 5, 3), "`record`"),
        (lambda: neurons.descend(neurons.LinearUnit(), X, Y[:3], 5), "`y`"),
        (lambda: neurons.descend(neurons.LinearUnit(), X, Y, 5), "compiled"),
        (lambda: neurons.eights(-1), "`seed`"),
    ]
)
