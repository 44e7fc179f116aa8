"""Weights of PyTorch in Keras's layers: what went wrong on the way is named."""

import keras
import numpy as np
import pytest

from kerasmodels import recurrent
from tests.recurrent.test_mistakes_on_paper import gru, lstm, sigmoid, simple_rnn

FEATURES, UNITS, STEPS = 4, 3, 6
FITTED = "biases other than the layer's (was one of the two of PyTorch lost?)"


def torch_gru(x, wi, wh, bi, bh, bias_in_reset=True):
    """`torch.nn.GRU` by the equations of its documentation; rows in the order r, z, n."""
    u, h, found = UNITS, np.zeros(UNITS), []
    for step in x:
        a, b = wi @ step + bi, wh @ h
        r = sigmoid(a[:u] + b[:u] + bh[:u])
        z = sigmoid(a[u : 2 * u] + b[u : 2 * u] + bh[u : 2 * u])
        inner, outer = bh[2 * u :], 0.0
        if not bias_in_reset:
            inner, outer = outer, inner
        n = np.tanh(a[2 * u :] + outer + r * (b[2 * u :] + inner))
        h = (1 - z) * n + z * h
        found.append(h)
    return np.array(found)


RNG = np.random.default_rng(5)
X = RNG.normal(size=(STEPS, FEATURES))
WI, WH = RNG.normal(size=(3 * UNITS, FEATURES)), RNG.normal(size=(3 * UNITS, UNITS))
BI, BH = RNG.normal(size=(2, 3 * UNITS))
RIGHT = torch_gru(X, WI, WH, BI, BH)
SWAP = np.r_[UNITS : 2 * UNITS, :UNITS, 2 * UNITS : 3 * UNITS]
KERNELS, PASTED = (WI[SWAP].T, WH[SWAP].T), (WI.T, WH.T)


def layer_of(kind, weights, **options):
    layer = kind(UNITS, return_sequences=True, **options)
    layer.build((None, None, FEATURES))
    layer.set_weights(list(weights))
    return layer


def gru_of(kernels, *biases, **options):
    rows = np.stack(biases) if len(biases) > 1 else biases[0]
    return layer_of(keras.layers.GRU, [*kernels, rows], **options)


# The weights keep their sixteen digits: a float32 layer stores others.
IMPORTS = {
    "gate order r, z, candidate for z, r, candidate": (PASTED, BI, BH),
    "gate order r, z, candidate for z, r, candidate in the biases alone": (KERNELS, BI, BH),
    "gate order r, z, candidate for z, r, candidate in the kernels alone": (
        PASTED,
        BI[SWAP],
        BH[SWAP],
    ),
    "both biases added into one of the layer's two rows": (
        KERNELS,
        BI[SWAP] + BH[SWAP],
        0 * BH,
    ),
    FITTED: (KERNELS, BI[SWAP], 0 * BH),
}


@pytest.mark.parametrize("name", IMPORTS)
def test_the_layer_is_wrong_and_the_values_are_right(name):
    report = recurrent.verify_gru_by_hand(gru_of(*IMPORTS[name]), X, RIGHT)
    assert report["mistakes"] == [name], str(report)


def test_a_right_import_agrees():
    report = recurrent.verify_gru_by_hand(gru_of(KERNELS, BI[SWAP], BH[SWAP]), X, RIGHT)
    assert report["agrees"] and report["difference_from_keras"] <= 1e-12


def test_both_biases_in_a_layer_with_room_for_one():
    layer = gru_of(KERNELS, BI[SWAP] + BH[SWAP], reset_after=False)
    name = (
        "reset applied after instead of before the product, and both biases added into "
        "the layer's one"
    )
    for values in (RIGHT, np.round(RIGHT, 5)):
        assert recurrent.verify_gru_by_hand(layer, X, values)["mistakes"] == [name]
    # Two steps are as many values as the fit could meet by chance with three units.
    assert recurrent.verify_gru_by_hand(layer, X, RIGHT[:1])["mistakes"] != [name]


def test_the_values_are_wrong_and_the_layer_is_right():
    right = gru_of(KERNELS, BI[SWAP], BH[SWAP])
    outside = torch_gru(X, WI, WH, BI, BH, bias_in_reset=False)
    report = recurrent.verify_gru_by_hand(right, X, outside)
    (name,) = report["mistakes"]
    assert name.startswith("recurrent bias outside the reset gate")
    # What most texts print: reset before the product, and one bias.
    before = "reset applied before instead of after the product"
    for row, name in ((0, "recurrent bias dropped"), (1, "second bias row only")):
        biases = np.stack([[BI, BH][row][SWAP], 0 * BI])
        values = gru(X, *KERNELS, biases, reset="before")["h"]
        report = recurrent.verify_gru_by_hand(right, X, values)
        assert report["mistakes"] == [f"{before} + {name}"], str(report)


@pytest.mark.parametrize(
    "kind, equations, blocks",
    [(keras.layers.LSTM, lstm, 4), (keras.layers.SimpleRNN, simple_rnn, 1)],
)
def test_the_second_bias_of_pytorch_is_missed(kind, equations, blocks):
    shapes = (FEATURES, blocks * UNITS), (UNITS, blocks * UNITS), (blocks * UNITS,)
    *kernels, one, two = (0.7 * RNG.normal(size=shape) for shape in (*shapes, shapes[2]))
    values = equations(X, *kernels, one + two)["h"]
    verify = {
        keras.layers.LSTM: recurrent.verify_lstm_by_hand,
        keras.layers.SimpleRNN: recurrent.verify_simple_rnn_by_hand,
    }[kind]
    report = verify(layer_of(kind, [*kernels, one]), X, values)
    assert report["mistakes"] == [FITTED], str(report)
    assert verify(layer_of(kind, [*kernels, one + two]), X, values)["agrees"]
    # Values that follow no such equations are left without a name.
    values = np.array(values)
    values[-1] += 0.01
    assert verify(layer_of(kind, [*kernels, one]), X, values)["mistakes"] == []
