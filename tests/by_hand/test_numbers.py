"""Every network gives the loss and the gradients that were derived on paper.

numbers.json: float64, each checked against central differences where it was derived.
"""

import json
import pathlib

import keras
import numpy as np
import pytest

from kerasmodels import by_hand
from kerasmodels.by_hand import HandDense, HandNetwork

NUMBERS = json.loads((pathlib.Path(__file__).parent / "numbers.json").read_text())
# float64 in another order of summation.
CLOSE = {"rtol": 1e-9, "atol": 1e-15}


def det(*shape, phase=0, scale=1.0):
    """Numbers without a random generator: scale sin(phase + 1), sin(phase + 2), ..."""
    return scale * np.sin(phase + 1 + np.arange(np.prod(shape))).reshape(shape)


def network(weights, activations, loss, **options):
    """A float64 network with given (kernel, bias) pairs; bias None for none."""
    layers = [
        HandDense(
            kernel.shape[1],
            activation,
            use_bias=bias is not None,
            dtype="float64",
            **options,
        )
        for (kernel, bias), activation in zip(weights, activations)
    ]
    model = HandNetwork(layers, dtype="float64")
    model.build((None, weights[0][0].shape[0]))
    model.set_weights([w for pair in weights for w in pair if w is not None])
    model.compile("sgd", loss)
    return model


def gradients(model, x, y):
    """(loss, gradients in the order of the weights) as numpy."""
    x, y = (keras.ops.convert_to_tensor(value, "float64") for value in (x, y))
    y_pred, caches = model.forward(x)
    found = model.backward(caches, y)
    loss = model.loss(y, y_pred) + sum(model.losses)
    return float(loss), [np.asarray(gradient) for gradient in found]


def loss64(cls, **options):
    return cls(dtype="float64", **options)


def check(model, x, y, loss, wanted):
    value, found = gradients(model, x, y)
    np.testing.assert_allclose(value, loss, **CLOSE)
    assert len(found) == len(wanted)
    for got, expected in zip(found, wanted):
        np.testing.assert_allclose(got, np.reshape(expected, got.shape), **CLOSE)


def test_two_layers_relu_softmax():
    numbers = NUMBERS["S03"]["det"]
    weights = [
        (det(4, 5, scale=0.5), det(5, phase=30, scale=0.1)),
        (det(5, 3, phase=40, scale=0.5), det(3, phase=60, scale=0.1)),
    ]
    x, y = det(6, 4, phase=80, scale=2), np.eye(3)[[0, 1, 2, 0, 1, 2]]
    loss = loss64(by_hand.CrossEntropy)
    wanted = [numbers[key] for key in ("dW1", "db1", "dW2", "db2")]
    model = network(weights, ("relu", "softmax"), loss, l2=numbers["reg"])
    check(model, x, y, numbers["loss"], wanted)
    plain = network(weights, ("relu", "softmax"), loss)
    assert gradients(plain, x, y)[0] == pytest.approx(numbers["loss_reg0"], rel=1e-9)


def test_sigmoid_layers_with_the_quadratic_cost():
    numbers = NUMBERS["S05"]["det"]
    # Weights are given as (out, in).
    weights = [
        (det(3, 4).T, det(3, phase=30)),
        (det(2, 3, phase=20).T, det(2, phase=40)),
    ]
    x, y = det(5, 4, phase=50), np.eye(2)[[0, 1, 0, 1, 1]]
    loss = loss64(by_hand.SquaredError, half=True, reduction="sum")
    wanted = []
    for gw, gb in zip(numbers["gw"], numbers["gb"]):
        wanted += [np.transpose(gw), gb]
    check(
        network(weights, ("sigmoid", "sigmoid"), loss),
        x,
        y,
        numbers["cost_half_sum"],
        wanted,
    )


def test_three_sigmoid_layers_on_one_sample():
    numbers = NUMBERS["S06"]["det"]
    weights = [
        (det(3, 3), det(3, phase=30)),
        (det(3, 3, phase=10), det(3, phase=40)),
        (det(3, 1, phase=20), det(1, phase=50)),
    ]
    wanted = []
    for gw, gb in zip(numbers["gW"], numbers["gb"]):
        wanted += [gw, gb]
    loss = loss64(by_hand.SquaredError, half=True)
    model = network(weights, ("sigmoid",) * 3, loss)
    check(model, [[1.0, 0.0, 0.0]], [[0.0]], numbers["half_sq"], wanted)


def test_linear_softmax():
    numbers = NUMBERS["S07"]["det"]
    # Samples are given as columns, weights as (classes, features).
    weights = [(det(3, 4, scale=0.5).T, None)]
    x, y = det(4, 5, phase=20).T, np.eye(3)[numbers["y"]]
    loss = loss64(by_hand.CrossEntropy)
    model = network(weights, ("softmax",), loss, l2=numbers["reg"], half_l2=True)
    check(model, x, y, numbers["loss"], [np.transpose(numbers["dW"])])
    plain = network(weights, ("softmax",), loss)
    assert gradients(plain, x, y)[0] == pytest.approx(numbers["loss_reg0"], rel=1e-9)
    # Far beyond the largest exponent: finite because the logits are shifted.
    large = network([(1000 * weights[0][0], None)], ("softmax",), loss)
    stable = NUMBERS["S07"]["stability"]["loss_W_x1000"]
    assert gradients(large, x, y)[0] == pytest.approx(stable, rel=1e-9)


def test_xor_network():
    numbers = NUMBERS["S08"]["det"]
    x = [[0.0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]]
    y = [[0.0], [1], [1], [0]]
    weights = [(det(3, 4), None), (det(4, 1, phase=20), None)]
    loss = loss64(by_hand.SquaredError, half=True, reduction="sum")
    model = network(weights, ("sigmoid", "sigmoid"), loss)
    check(model, x, y, numbers["loss_half_sum"], [numbers["g0"], numbers["g1"]])
    np.testing.assert_allclose(
        np.asarray(model(np.array(x)))[:, 0], numbers["out"], **CLOSE
    )
    # The gradient of the weight in place of the weight: it goes elsewhere.
    right = gradients(model, x, y)[1][0]
    model.stack[1].mistake = "input carries its own gradient"
    wrong = gradients(model, x, y)[1][0]
    norms = np.linalg.norm(right), np.linalg.norm(wrong)
    assert np.sum(right * wrong) / np.prod(norms) == pytest.approx(-0.273, abs=5e-4)


@pytest.mark.parametrize(
    "rate, after", [(1.0, "w_after_sgd_lr1"), (0.01, "w_after_sgd_lr001")]
)
def test_one_weight(rate, after, all_float64):
    numbers = NUMBERS["S11"]
    model = network(
        [(np.array([[3.0]]), None)], ("identity",), loss64(by_hand.SquaredError)
    )
    x, y = np.array([[numbers["x"]]], "float64"), np.array([[numbers["y"]]], "float64")
    check(model, x, y, numbers["loss"], [numbers["grad"]])
    model.compile(keras.optimizers.SGD(rate), model.loss)
    model.train_on_batch(x, y)
    assert float(model.get_weights()[0][0, 0]) == pytest.approx(numbers[after], rel=1e-12)
    # The derivative by the output, which was taken for it.
    model.stack[0].mistake = "input left out"
    model.set_weights([np.array([[3.0]])])
    assert gradients(model, x, y)[1][0] == pytest.approx(8.0, rel=1e-12)


@pytest.mark.parametrize(
    "case, x, y",
    [
        ("raw_76_92_t1", (76.0, 92.0), 1.0),
        ("raw_10_8_t0", (10.0, 8.0), 0.0),
        ("scaled_76_92_t1", (0.76, 0.92), 1.0),
        ("scaled_10_8_t0", (0.10, 0.08), 0.0),
    ],
)
def test_big_or_small(case, x, y):
    numbers = NUMBERS["S12"][case]

    def half(shape):
        return np.full(shape, 0.5)

    weights = [(half((2, 2)), half(2)), (half((2, 1)), half(1))]
    loss = loss64(by_hand.SquaredError, half=True)
    model = network(weights, ("sigmoid", "sigmoid"), loss)
    e, be = numbers["e"], numbers["be"]
    # e1 and e2 belong to the first hidden neuron, e3 and e4 to the second.
    wanted = [[[e[0], e[2]], [e[1], e[3]]], be[:2], e[4:], be[2:]]
    check(model, [x], [[y]], (numbers["z"] - y) ** 2 / 2, wanted)
    if case == "raw_76_92_t1":
        assert np.max(np.abs(gradients(model, [x], [[y]])[1][0])) < 1e-30


def test_sigmoid_cross_entropy():
    numbers = NUMBERS["S13"]["det"]
    x = (det(6, 4) > 0).astype("float64")
    y = np.eye(3)[[0, 1, 2, 0, 1, 2]]
    # The bias is given as the first column.
    theta = [det(3, 5, phase=10, scale=0.5), det(3, 4, phase=30, scale=0.5)]
    weights = [(t[:, 1:].T, t[:, 0]) for t in theta]
    wanted = []
    for key in ("d1", "d2"):
        d = np.array(numbers[key])
        wanted += [d[:, 1:].T, d[:, 0]]
    loss = loss64(by_hand.BinaryCrossEntropy)
    check(network(weights, ("sigmoid", "sigmoid"), loss), x, y, numbers["J"], wanted)


@pytest.mark.parametrize("mistake, key", [(None, "true"), ("activation left out", "seed")])
def test_softmax_with_squared_error(mistake, key):
    numbers = NUMBERS["S20"]["det"]
    weights = [
        (det(4, 6, phase=30, scale=0.5), None),
        (det(6, 3, phase=60, scale=0.5), None),
    ]
    x, y = det(5, 4, scale=2), np.eye(3)[[0, 1, 2, 1, 0]]
    loss = loss64(by_hand.SquaredError, reduction="sum")
    model = network(weights, ("relu", "softmax"), loss)
    model.stack[-1].mistake = mistake
    value, (gw1, gw2) = gradients(model, x, y)
    np.testing.assert_allclose(value, numbers["loss"], **CLOSE)
    np.testing.assert_allclose(gw2, numbers[f"{key}_gw2"], **CLOSE)
    assert np.linalg.norm(gw1) == pytest.approx(numbers[f"{key}_gw1_norm"], rel=1e-9)
