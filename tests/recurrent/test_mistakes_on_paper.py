"""Every known mistake gives the values of its own equations, written here once more."""

import keras
import numpy as np
import pytest

from kerasmodels import recurrent

UNITS, STEPS = 3, 3


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def hard_sigmoid(x):
    return np.clip(x / 6 + 0.5, 0, 1)


def keras_2_hard_sigmoid(x):
    return np.clip(0.2 * x + 0.5, 0, 1)


def identity(x):
    return x


def gru(
    x, kernel, recurrent_kernel, bias, s=sigmoid, a=np.tanh, reset="after",
    swapped=False, share=False, order=(0, 1, 2), transposed=False,
):  # fmt: skip
    h, found = np.zeros(UNITS), {"z": [], "r": [], "candidate": [], "h": []}
    w, u = (np.split(k, 3, axis=1) for k in (kernel, recurrent_kernel))
    b, c = (np.split(row, 3) for row in bias)
    w, u, b, c = ([blocks[k] for k in order] for blocks in (w, u, b, c))
    u = [block.T for block in u] if transposed else u
    for row in x:
        z, r = (s(row @ w[k] + b[k] + h @ u[k] + c[k]) for k in (0, 1))
        memory = {
            "after": r * (h @ u[2] + c[2]),
            "before": (r * h) @ u[2] + c[2],
            "none": h @ u[2] + c[2],
        }[reset]
        candidate = a(row @ w[2] + b[2] + memory)
        old, new = (1 - z, z) if swapped else (z, 1 - z)
        h = old * h + new * candidate
        for name, value in zip(found, (1 - z if share else z, r, candidate, h)):
            found[name].append(value)
    return found


def lstm(
    x, kernel, recurrent_kernel, bias, s=sigmoid, a=np.tanh, end=np.tanh,
    order=(0, 1, 2, 3), transposed=False, forget=0.0,
):  # fmt: skip
    h, c = np.zeros(UNITS), np.zeros(UNITS)
    found = {"i": [], "f": [], "candidate": [], "c": [], "o": [], "h": []}
    w, u = (np.split(k, 4, axis=1) for k in (kernel, recurrent_kernel))
    b = np.split(bias, 4)
    b[1] = b[1] - forget
    w, u, b = ([blocks[k] for k in order] for blocks in (w, u, b))
    u = [block.T for block in u] if transposed else u
    for row in x:
        before = [row @ w[k] + h @ u[k] + b[k] for k in range(4)]
        i, f, o = (s(before[k]) for k in (0, 1, 3))
        candidate = a(before[2])
        c = f * c + i * candidate
        h = o * end(c)
        for name, value in zip(found, (i, f, candidate, c, o, h)):
            found[name].append(value)
    return found


def simple_rnn(x, kernel, recurrent_kernel, bias, a=np.tanh):
    h, found = np.zeros(UNITS), {"preactivation": [], "h": []}
    for row in x:
        before = row @ kernel + h @ recurrent_kernel + bias
        h = a(before)
        found["preactivation"].append(before)
        found["h"].append(h)
    return found


# What is changed: the weights (kernel, recurrent kernel, bias), or an option above.
GATES = {
    "hard sigmoid for sigmoid": {"s": hard_sigmoid},
    "hard sigmoid of Keras 2 for sigmoid": {"s": keras_2_hard_sigmoid},
}
NO_BIAS, NO_STATE = (lambda w, u, b: (w, u, 0 * b)), (lambda w, u, b: (w, 0 * u, b))
CASES = {
    (keras.layers.GRU, gru): {
        None: {},
        "update gate swapped": {"swapped": True},
        "z as the share of the candidate (another convention, the same h)": {"share": True},
        "reset applied before instead of after the product": {"reset": "before"},
        "reset gate left out": {"reset": "none"},
        "gate order r, z, candidate for z, r, candidate": {"order": (1, 0, 2)},
        "recurrent bias dropped": lambda w, u, b: (w, u, np.stack([b[0], 0 * b[1]])),
        "bias dropped": NO_BIAS,
        **GATES,
        "recurrent kernel transposed": {"transposed": True},
        "previous state left out of the gates": NO_STATE,
        "activation of the candidate left out": {"a": identity},
    },
    (keras.layers.LSTM, lstm): {
        None: {},
        "input and forget gate swapped": {"order": (1, 0, 2, 3)},
        "gate order i, f, o, candidate for i, f, candidate, o": {"order": (0, 1, 3, 2)},
        "forget bias of one left out": {"forget": 1.0},
        "activation of the cell state left out": {"end": identity},
        **GATES,
        "bias dropped": NO_BIAS,
        "recurrent kernel transposed": {"transposed": True},
        "previous state left out": NO_STATE,
        "activation of the candidate left out": {"a": identity},
    },
    (keras.layers.SimpleRNN, simple_rnn): {
        None: {},
        "bias dropped": NO_BIAS,
        "recurrent kernel transposed": lambda w, u, b: (w, u.T, b),
        "previous state left out": NO_STATE,
        "kernel and recurrent kernel exchanged": lambda w, u, b: (u, w, b),
        "activation left out": {"a": identity},
        "sigmoid for tanh": {"a": sigmoid},
    },
}


@pytest.mark.parametrize("kind, equations", CASES, ids=["GRU", "LSTM", "SimpleRNN"])
def test_values_with_a_mistake(kind, equations):
    layer = kind(UNITS, dtype="float64")
    layer.build((1, STEPS, UNITS))
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=w.shape) for w in layer.weights]
    layer.set_weights(weights)
    x = rng.normal(size=(STEPS, UNITS))
    cases = CASES[kind, equations]
    for mistake, change in cases.items():
        changed, options = (weights, change) if isinstance(change, dict) else ((), {})
        expected = equations(x, *(changed or change(*weights)), **options)
        found = recurrent.values_with_mistake(layer, x, mistake)
        assert list(found) == list(expected)
        for name, value in expected.items():
            np.testing.assert_allclose(
                found[name], value, rtol=0, atol=1e-12, err_msg=f"{mistake}: {name}"
            )
    # These two are of a layer with other options.
    other = {
        "sigmoid for hard sigmoid",
        "reset applied after instead of before the product",
    }
    assert set(recurrent.known_mistakes(layer)) - other == set(cases) - {None}
