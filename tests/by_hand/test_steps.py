"""Trainings whose every step is known, in float64: numbers.json again."""

import keras
import numpy as np
import pytest
import scipy.optimize

from kerasmodels import by_hand
from kerasmodels.by_hand.data import RULES, big_or_small, digits, spiral
from kerasmodels.by_hand.side_by_side import train
from tests.by_hand.test_numbers import NUMBERS, det, gradients, loss64, network

pytestmark = pytest.mark.usefixtures("all_float64")


def losses_after(model, x, y, rate, steps):
    """The loss after each of the numbers of whole-batch steps."""
    model.compile(keras.optimizers.SGD(rate), model.loss, steps_per_execution=1)
    found, done = [], 0
    for step in steps:
        if step > done:
            train(model, x, y, len(x), step - done, 0)
        done = step
        found.append(float(model.evaluate(x, y, batch_size=len(x), verbose=0)))
    return found


def test_two_layers_of_the_course():
    numbers = NUMBERS["S03"]["cs231n_toy"]
    random = np.random.RandomState(0)
    weights = [(0.1 * random.randn(4, 10), np.zeros(10))]
    weights += [(0.1 * random.randn(10, 3), np.zeros(3))]
    x, y = 10 * np.random.RandomState(1).randn(5, 4), np.eye(3)[[0, 1, 2, 2, 1]]
    activations, loss = ("relu", "softmax"), loss64(by_hand.CrossEntropy)
    model = network(weights, activations, loss, l2=0.05)
    assert gradients(model, x, y)[0] == pytest.approx(numbers["loss_reg005"], rel=1e-9)
    _, caches = model.forward(x)
    np.testing.assert_allclose(caches[-1][1], numbers["scores"], rtol=1e-9)
    wanted = numbers["fullbatch_lr01_reg5e6"]
    model = network(weights, activations, loss, l2=5e-6)
    found = losses_after(model, x, y, 0.1, (0, 10, 99))
    np.testing.assert_allclose(found, [wanted[f"loss{k}"] for k in (0, 10, 99)], rtol=1e-9)
    small = network([(1e-3 * w, b) for w, b in weights], activations, loss)
    assert gradients(small, x, y)[0] == pytest.approx(np.log(3), rel=1e-5)


def test_spiral_by_one_layer_reaches_its_best():
    numbers = NUMBERS["S19"]["noise_free"]
    x, y = spiral()
    loss = loss64(by_hand.CrossEntropy)
    options = {"l2": 1e-3, "half_l2": True}
    model = network([(np.zeros((2, 3)), np.zeros(3))], ["softmax"], loss, **options)
    assert np.max(np.abs(gradients(model, x, y)[1][1])) < 1e-15
    steps = (0, 1, 10, 190, 200)
    found = losses_after(model, x, y, 1.0, steps)
    np.testing.assert_allclose(found, [numbers[f"L{k}"] for k in steps], rtol=1e-9)
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(kernel, numbers["W"], rtol=1e-9)
    np.testing.assert_allclose(bias, numbers["b"], rtol=1e-9)
    right = np.argmax(model(x), axis=1) == np.argmax(y, axis=1)
    assert np.mean(right) == pytest.approx(numbers["acc"], rel=1e-12)

    def value_and_gradient(flat):
        model.set_weights([flat[:6].reshape(2, 3), flat[6:]])
        value, found = gradients(model, x, y)
        return value, np.concatenate([g.ravel() for g in found])

    best = scipy.optimize.minimize(value_and_gradient, np.zeros(9), jac=True, tol=1e-10)
    assert best.fun == pytest.approx(numbers["global_min"], rel=1e-9)


@pytest.mark.parametrize("mistake, rule", [(None, "true"), ("activation left out", "seed")])
def test_both_gradients_on_the_first_hundred_digits(mistake, rule):
    numbers = NUMBERS["S20"]["first100"][f"{rule}_rule"]
    (x, y), _ = digits(scale=1.0)
    x, y = x[:100], y[:100]
    weights = [
        (det(64, 50, scale=1 / 50), None),
        (det(50, 10, phase=7, scale=1 / 50), None),
    ]
    loss = loss64(by_hand.SquaredError, reduction="sum")
    model = network(weights, ("relu", "softmax"), loss)
    assert model.count_params() == 3700
    model.stack[-1].mistake = mistake
    found = losses_after(model, x, y, 1e-6, (0, 1, 10))
    np.testing.assert_allclose(found, [numbers[f"loss{k}"] for k in (0, 1, 10)], rtol=1e-9)
    for weight, key in zip(model.get_weights(), ("w1_norm", "w2_norm")):
        assert np.linalg.norm(weight) == pytest.approx(numbers[key], rel=1e-9)


@pytest.mark.parametrize(
    "logits, label, slip, true, close",
    [
        (
            [1, 2, 3],
            2,
            NUMBERS["S20"]["one_row"]["seed"],
            NUMBERS["S20"]["one_row"]["true"],
            1e-8,
        ),
        # Sure and wrong: the true gradient is gone.
        ([20, 0, 0], 2, [2, 4.1e-9, -2], [1.24e-8, -4.1e-9, -8.2e-9], 5e-11),
    ],
)
def test_the_slip_gets_out_where_the_true_gradient_is_gone(
    logits, label, slip, true, close
):
    softmax = by_hand.ACTIVATIONS["softmax"]
    z, y = np.array([logits], "float64"), np.eye(3)[[label]]
    a = softmax.forward(z)
    found = loss64(by_hand.SquaredError).derivative(y, a)
    np.testing.assert_allclose(np.asarray(found)[0], slip, atol=close)
    np.testing.assert_allclose(
        np.asarray(softmax.backward(z, a, found))[0], true, atol=close
    )


def classic_xor():
    """The network of the classic script, its samples, and its start values."""
    random = np.random.RandomState(1)
    weights = [2 * random.random_sample(shape) - 1 for shape in ((3, 4), (4, 1))]
    x, y = by_hand.recipe("xor").data(0)[0]
    pairs = [(weight, None) for weight in weights]
    model = network(pairs, ("sigmoid",) * 2, loss64(by_hand.SquaredError))
    model.compile(keras.optimizers.SGD(1.0), model.loss, steps_per_execution=128)
    return model, x, y, weights


def test_xor_from_the_classic_start_step_by_step():
    model, x, y, (first, second) = classic_xor()
    train(model, x, y, 4, 256, 0)
    for _ in range(256):
        hidden = 1 / (1 + np.exp(-x @ first))
        output = 1 / (1 + np.exp(-hidden @ second))
        # The classic script adds where (y - output)^2 / 2 falls: the mean over the four
        # samples of the squared error has half of that slope.
        at_output = (y - output) * output * (1 - output) / 2
        at_hidden = at_output @ second.T * hidden * (1 - hidden)
        first, second = first + x.T @ at_hidden, second + hidden.T @ at_output
    for weight, expected in zip(model.get_weights(), (first, second)):
        np.testing.assert_allclose(weight, expected, rtol=1e-10)


@pytest.mark.slow
def test_xor_from_the_classic_start():
    model, x, y, _ = classic_xor()
    train(model, x, y, 4, 60_000, 0)
    wanted = [0.00378492, 0.99520156, 0.99569828, 0.00563379]
    np.testing.assert_allclose(np.asarray(model(x))[:, 0], wanted, atol=1e-6)


def test_shares_of_the_classes():
    numbers = NUMBERS["S13"]
    shares = np.array(numbers["semeion_counts"]) / 1593
    np.testing.assert_allclose(shares, numbers["printed_priors"], rtol=1e-9)
    assert by_hand.loss_of_shares(shares) == pytest.approx(numbers["J_floor"], rel=1e-9)


@pytest.mark.parametrize("rule, least, most", [("product", 0.85, 1.0), ("disc", 0.6, 0.85)])
def test_two_hidden_units_draw_two_lines(rule, least, most):
    (x, y), (x_test, y_test) = big_or_small(50, rule), big_or_small(2000, rule, seed=1)
    assert set(RULES) == {"sum", "product", "disc"}
    model = by_hand.recipe("big_or_small").network(seed=0, as_asked=False)
    loss = by_hand.SquaredError(half=True)
    optimizer = keras.optimizers.SGD(1.0)
    model.compile(optimizer, loss, metrics=["binary_accuracy"], steps_per_execution=50)
    train(model, x / 100, y, 1, 100, 0)
    assert least < model.evaluate(x_test / 100, y_test, verbose=0)[1] < most


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_signal_of_both_starts_by_depth(depth):
    (x, _), _ = digits()
    spreads = {}
    starts = (by_hand.ProductUniform, keras.initializers.GlorotUniform)
    for start, bias in zip(starts, (by_hand.ProductUniform, "zeros")):
        found = []
        for seed in range(3):
            sizes, activations = [64, *[128] * depth, 10], ["relu"] * depth + ["softmax"]
            model = by_hand.dense_network(
                sizes, activations, 10 * seed, kernel=start, bias=bias
            )
            found.append(np.mean(np.std(model.forward(x)[1][-1][1], axis=0)))
        spreads[start] = np.mean(found)
    wanted = ((9.7e-3, 1.2e-3, 7.8e-5), (0.19, 0.13, 0.078))
    for start, values in zip(starts, wanted):
        # Random starts.
        assert spreads[start] == pytest.approx(values[depth - 1], rel=0.35)


def test_limits_of_both_starts():
    for shape, wanted in NUMBERS["S04"]["limits"].items():
        sides = tuple(int(side) for side in shape.split("x"))
        limit = by_hand.ProductUniform.limit(sides)
        assert limit == pytest.approx(wanted["seed"], rel=1e-12)
        glorot = np.sqrt(6 / sum(sides))
        assert glorot / limit == pytest.approx(wanted["ratio"], rel=1e-12)
        values = np.asarray(by_hand.ProductUniform(0)(sides))
        assert 0.99 * limit < np.max(np.abs(values)) <= limit
        assert np.std(values) == pytest.approx(limit / 3**0.5, rel=0.05)
    assert by_hand.ProductUniform.limit((10,)) == pytest.approx(0.7746, abs=5e-5)


def test_summed_gradients_without_the_shift_end_in_class_zero():
    # The other way to 9 %: NaN, and the argmax of NaN is the first class.
    (x, y), (x_test, y_test) = digits(scale=16 / 255)
    model = by_hand.dense_network([64, 128, 10], ["relu", "unshifted_softmax"])
    loss = by_hand.CrossEntropy(reduction="sum")
    optimizer = keras.optimizers.SGD(0.01)
    model.compile(optimizer, loss, metrics=["categorical_accuracy"])
    train(model, x, y, 32, 1, 0)
    accuracy = model.evaluate(x_test, y_test, verbose=0)[1]
    assert accuracy == pytest.approx(0.089, abs=5e-4)
