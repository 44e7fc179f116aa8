"""Every known mistake gives the values of its own equations, written here once more."""

import itertools

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


def relu(x):
    return np.maximum(x, 0)


def gru(
    x, kernel, recurrent_kernel, bias, s=sigmoid, a=np.tanh, reset="after",
    swapped=False, share=False, transposed=False, weighted=True, kept=True,
    order=(0, 1, 2), kernel_order=None, bias_order=None,
):  # fmt: skip
    h, found = np.zeros(UNITS), {"z": [], "r": [], "candidate": [], "h": []}
    w, u = (np.split(k, 3, axis=1) for k in (kernel, recurrent_kernel))
    b, c = (np.split(row, 3) for row in bias)
    w, u = ([blocks[k] for k in kernel_order or order] for blocks in (w, u))
    b, c = ([blocks[k] for k in bias_order or order] for blocks in (b, c))
    u = [block.T for block in u] if transposed else u
    for row in x:
        z, r = (s(row @ w[k] + b[k] + h @ u[k] + c[k]) for k in (0, 1))
        memory = {
            "after": r * (h @ u[2] + c[2]),
            "before": (r * h) @ u[2] + c[2],
            "none": h @ u[2] + c[2],
            "product": r * (h @ u[2]) + c[2],
        }[reset]
        candidate = a(row @ w[2] + b[2] + memory)
        old, new = (1 - z, z) if swapped else (z, 1 - z)
        h = (old * h if kept else 0) + (new if weighted else 1) * candidate
        for name, value in zip(found, (1 - z if share else z, r, candidate, h)):
            found[name].append(value)
    return found


def lstm(
    x, kernel, recurrent_kernel, bias, s=sigmoid, a=np.tanh, end=np.tanh,
    transposed=False, forget=0.0, late=False,
    order=(0, 1, 2, 3), kernel_order=None, bias_order=None,
):  # fmt: skip
    h, c = np.zeros(UNITS), np.zeros(UNITS)
    found = {"i": [], "f": [], "candidate": [], "c": [], "o": [], "h": []}
    w, u = (np.split(k, 4, axis=1) for k in (kernel, recurrent_kernel))
    b = np.split(bias, 4)
    b[1] = b[1] + forget
    w, u = ([blocks[k] for k in kernel_order or order] for blocks in (w, u))
    b = [b[k] for k in bias_order or order]
    u = [block.T for block in u] if transposed else u
    for row in x:
        before = [row @ w[k] + h @ u[k] + b[k] for k in range(4)]
        i, f, o = (s(before[k]) for k in (0, 1, 3))
        candidate, old = a(before[2]), c
        c = f * c + i * candidate
        h = o * end(old if late else c)
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


def turned(kernel):
    """Each square block of a kernel transposed."""
    blocks = np.split(kernel, kernel.shape[1] // UNITS, axis=1)
    return np.concatenate([block.T for block in blocks], axis=1)


def torch_shape(kernel):
    """What was meant by a kernel of PyTorch that was reshaped and not transposed."""
    return kernel.reshape(kernel.shape[1], kernel.shape[0]).T


def orders(gates):
    """Every layout of the gates but that of Keras, and where it has the gates of Keras."""
    found = {}
    for layout in list(itertools.permutations(gates))[1:]:
        name = f"gate order {', '.join(layout)} for {', '.join(gates)}"
        place = tuple(layout.index(gate) for gate in gates)
        found[name] = {"order": place}
        found[f"{name} in the biases alone"] = {"bias_order": place}
        found[f"{name} in the kernels alone"] = {"kernel_order": place}
    return found


def placed(weight, place):
    """A weight with its blocks in another order."""
    blocks = np.split(weight, len(place), axis=-1)
    return np.concatenate([blocks[k] for k in place], axis=-1)


def order_of_one(gates, layouts, words):
    """The layouts of other libraries for one of the weights alone."""
    found = {}
    for layout in layouts:
        place = [layout.index(gate) for gate in gates]
        changes = {
            "input kernel": lambda w, u, b, at=place: (placed(w, at), u, b),
            "recurrent kernel": lambda w, u, b, at=place: (w, placed(u, at), b),
            "input bias": lambda w, u, b, at=place: (
                *(w, u),
                np.stack([placed(b[0], at), b[1]]),
            ),
            "recurrent bias": lambda w, u, b, at=place: (
                *(w, u),
                np.stack([b[0], placed(b[1], at)]),
            ),
        }
        name = f"gate order {', '.join(layout)} for {', '.join(gates)} in the"
        found |= {f"{name} {word} alone": changes[word] for word in words}
    return found


KERNELS = ("input kernel", "recurrent kernel")
LSTM_LAYOUTS = [
    ("i", "f", "o", "candidate"),
    ("i", "candidate", "f", "o"),
    ("i", "o", "f", "candidate"),
]
# What is changed: the weights (kernel, recurrent kernel, bias), or an option above.
GATES = {
    "hard sigmoid for sigmoid": {"s": hard_sigmoid},
    "hard sigmoid of Keras 2 for sigmoid": {"s": keras_2_hard_sigmoid},
    "activation of the gates for the candidate": {"a": sigmoid},
    "activation of the candidate for the gates": {"s": np.tanh},
    "relu for the activation": {"a": relu},
    "activation of the candidate left out": {"a": identity},
}
WEIGHTS = {
    "bias dropped": lambda w, u, b: (w, u, 0 * b),
    "kernel transposed": lambda w, u, b: (turned(w), u, b),
    "recurrent kernel transposed": lambda w, u, b: (w, turned(u), b),
    "kernels reshaped instead of transposed": lambda w, u, b: (
        torch_shape(w),
        torch_shape(u),
        b,
    ),
}


def no_state(w, u, b):
    return w, 0 * u, b


CASES = {
    (keras.layers.GRU, gru): {
        None: {},
        "update gate swapped": {"swapped": True},
        "z as the share of the candidate (another convention, the same h)": {"share": True},
        "factor 1 - z of the candidate left out": {"weighted": False},
        "reset applied before instead of after the product": {"reset": "before"},
        "reset gate left out": {"reset": "none"},
        "recurrent bias outside the reset gate, as where both biases are added into one": {
            "reset": "product"
        },
        **orders(("z", "r", "candidate")),
        **order_of_one(
            ("z", "r", "candidate"),
            [("r", "z", "candidate")],
            (*KERNELS, "input bias", "recurrent bias"),
        ),
        "rows of the bias exchanged": lambda w, u, b: (w, u, b[::-1]),
        "previous state left out of the new state": {"kept": False},
        "recurrent bias dropped": lambda w, u, b: (w, u, np.stack([b[0], 0 * b[1]])),
        "second bias row only": lambda w, u, b: (w, u, np.stack([b[1], 0 * b[1]])),
        "input bias dropped": lambda w, u, b: (w, u, np.stack([0 * b[0], b[1]])),
        **WEIGHTS,
        **GATES,
        "activations of gates and candidate exchanged": {"s": np.tanh, "a": sigmoid},
        "previous state left out of the gates": no_state,
    },
    (keras.layers.LSTM, lstm): {
        None: {},
        "input and forget gate swapped": {"order": (1, 0, 2, 3)},
        **orders(("i", "f", "candidate", "o")),
        **order_of_one(("i", "f", "candidate", "o"), LSTM_LAYOUTS, KERNELS),
        "forget bias of one left out": {"forget": -1.0},
        "forget bias of one added once more": {"forget": 1.0},
        "activation of the cell state left out": {"end": identity},
        "h from the cell state before the step": {"late": True},
        **WEIGHTS,
        **GATES,
        "activations of gates and candidate exchanged": {
            "s": np.tanh,
            "a": sigmoid,
            "end": sigmoid,
        },
        "previous state left out": no_state,
    },
    (keras.layers.SimpleRNN, simple_rnn): {
        None: {},
        **WEIGHTS,
        "previous state left out": no_state,
        "kernel and recurrent kernel exchanged": lambda w, u, b: (u, w, b),
        "activation left out": {"a": identity},
        "sigmoid for tanh": {"a": sigmoid},
        "relu for the activation": {"a": relu},
    },
}
# The swap of input and forget gate has a name of its own.
del CASES[keras.layers.LSTM, lstm]["gate order f, i, candidate, o for i, f, candidate, o"]
# What is done to the sequence: function (equations of x, x) -> values.
SEQUENCE = {
    "time reversed: x taken from its other end": lambda equations, x: equations(x[::-1]),
    "values listed from the last step to the first": lambda equations, x: {
        name: value[::-1] for name, value in equations(x).items()
    },
    "initial state listed as the first step": lambda equations, x: {
        name: [np.zeros(UNITS), *value[:-1]] if name in ("h", "c") else value
        for name, value in equations(x).items()
    },
    "state not carried from step to step": lambda equations, x: {
        name: [equations(row[None])[name][0] for row in x] for name in equations(x)
    },
}
# These are of a layer with other options, or of a sequence with a start or a mask.
OTHER = {
    "sigmoid for hard sigmoid",
    "reset applied after instead of before the product",
    "initial state left out",
    "h and c of the initial state exchanged",
    "mask left out",
    "steps of zeros left out, as with a mask",
    "zeros given out at masked steps",
    "output repeated at masked steps, where the layer gives zeros",
}


@pytest.mark.parametrize("kind, equations", CASES, ids=["GRU", "LSTM", "SimpleRNN"])
def test_values_with_a_mistake(kind, equations):
    layer = kind(UNITS, dtype="float64")
    layer.build((1, STEPS, UNITS))
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=w.shape) for w in layer.weights]
    layer.set_weights(weights)
    x = rng.normal(size=(STEPS, UNITS))

    def compare(mistake, expected):
        found = recurrent.values_with_mistake(layer, x, mistake)
        assert list(found) == list(expected)
        for name, value in expected.items():
            np.testing.assert_allclose(
                found[name], value, rtol=0, atol=1e-12, err_msg=f"{mistake}: {name}"
            )

    cases, sequence = CASES[kind, equations], dict(SEQUENCE)
    for mistake, change in cases.items():
        of_weights = callable(change)
        changed = change(*weights) if of_weights else weights
        compare(mistake, equations(x, *changed, **({} if of_weights else change)))
    if kind is keras.layers.SimpleRNN:
        # The same as the previous state left out, and not offered twice.
        not_carried = "state not carried from step to step"
        assert recurrent.values_with_mistake(layer, x, not_carried) is None
        del sequence[not_carried]
    for mistake, of in sequence.items():
        compare(mistake, of(lambda steps: equations(steps, *weights), x))
    known = set(recurrent.known_mistakes(layer))
    assert known - OTHER - set(SEQUENCE) == set(cases) - {None}
