"""Common mistakes in the equations of a cell, by name.

Each is a function that takes equations over arrays of NumPy and returns the same
equations with one change, or None where the change is impossible for this cell.
`COMMON` has the mistakes that are tried alone and in pairs, `RARE` those that are tried
alone, because the number of pairs grows with the square of the table.
"""

import functools
import itertools

import keras
import numpy as np
from keras import ops

from kerasmodels.recurrent.equations import (
    GRUEquations,
    LSTMEquations,
    SimpleRNNEquations,
)


def keras_2_hard_sigmoid(x):
    """clip(0.2 x + 0.5, 0, 1), the hard sigmoid of Keras 1 and 2. Keras 3 has x / 6."""
    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)


def through(field, function):
    """The mistake of `function` in place of the activation `field`."""

    def change(step):
        same = getattr(step, field) == function
        return None if same else step.replace(**{field: function})

    return change


def without_bias(step):
    return step.replace(**{name: 0 * getattr(step, name) for name in step.fields("bias")})


def without_state(step):
    return step.replace(recurrent_kernel=0 * step.recurrent_kernel)


def transposed(name):
    """Every block of the kernel `name` transposed, where the blocks are square."""

    def change(step):
        if getattr(step, name).shape[0] != step.units:
            return None
        turned = [block.T for block in step.blocks(name)]
        return step.replace(**{name: np.concatenate(turned, axis=-1)})

    return change


def reshaped(step):
    """Kernels of PyTorch, reshaped to Keras's shape instead of transposed."""
    names = step.fields("kernel")
    turned = {n: getattr(step, n).reshape(getattr(step, n).shape[::-1]).T for n in names}
    return step.replace(**turned)


def reordered(step, order, ends=("kernel", "bias")):
    changes = {}
    for name in step.fields(*ends):
        blocks = step.blocks(name)
        changes[name] = np.concatenate([blocks[k] for k in order], axis=-1)
    return step.replace(**changes)


def kernels_reordered(step, order):
    # Where reordering leaves the biases unchanged, `reordered` gives the same weights.
    other = reordered(step, order, ("bias",))
    names = step.fields("bias")
    if all(np.array_equal(getattr(step, n), getattr(other, n)) for n in names):
        return None
    return reordered(step, order, ("kernel",))


def one_reordered(step, order, name):
    """One weight in another order, if the layer has two weights of its kind."""
    if not step.fields(name) or not np.any(getattr(step, name)):
        return None
    if name == "bias" and not np.any(getattr(step, "recurrent_bias", 0)):
        return None
    blocks = step.blocks(name)
    return step.replace(**{name: np.concatenate([blocks[k] for k in order], axis=-1)})


def orders_of_one(gates, usual, words):
    """Each of the usual layouts, for one of the weights alone.

    Args:
        gates, usual: as in `gate_orders`.
        words: dict: the name of a weight -> its name in a report.

    Returns:
        dict: name -> mistake.
    """
    return {
        f"gate order {', '.join(layout)} for {', '.join(gates)} in the {word} alone": (
            functools.partial(
                one_reordered, order=[layout.index(gate) for gate in gates], name=name
            )
        )
        for layout in usual
        for name, word in words.items()
    }


KERNELS = {"kernel": "input kernel", "recurrent_kernel": "recurrent kernel"}
BIASES = {"bias": "input bias", "recurrent_bias": "recurrent bias"}


def gate_orders(gates, usual):
    """Every layout of the gates, for all weights, for the biases and for the kernels.

    Args:
        gates: the names of the gates in the layout of Keras.
        usual: layouts of other libraries, which are tried in pairs too.

    Returns:
        pair of dicts, common and rare: name -> mistake.
    """
    common, rare = {}, {}
    for layout in list(itertools.permutations(gates))[1:]:
        # Positions, in the layout, of Keras's first, second, ... gate.
        order = [layout.index(gate) for gate in gates]
        name = f"gate order {', '.join(layout)} for {', '.join(gates)}"
        table = common if layout in usual else rare
        table[name] = functools.partial(reordered, order=order)
        table[f"{name} in the biases alone"] = functools.partial(
            reordered, order=order, ends=("bias",)
        )
        table[f"{name} in the kernels alone"] = functools.partial(
            kernels_reordered, order=order
        )
    return common, rare


def exchanged_activations(step):
    gates, candidate = step.recurrent_activation, step.activation
    if gates == candidate:
        return None
    others = [name for name in step.fields("activation") if name != "recurrent_activation"]
    return step.replace(**dict.fromkeys(others, gates), recurrent_activation=candidate)


def candidate_like_gates(step):
    return through("activation", step.recurrent_activation)(step)


def gates_like_candidate(step):
    return through("recurrent_activation", step.activation)(step)


WEIGHTS = {
    "bias dropped": without_bias,
    "recurrent kernel transposed": transposed("recurrent_kernel"),
    "kernel transposed": transposed("kernel"),
}
CANDIDATE_LEFT_BARE = through("activation", keras.activations.linear)
RELU = {"relu for the activation": through("activation", keras.activations.relu)}
RESHAPED = {"kernels reshaped instead of transposed": reshaped}
GATES = {
    "hard sigmoid for sigmoid": through(
        "recurrent_activation", keras.activations.hard_sigmoid
    ),
    "hard sigmoid of Keras 2 for sigmoid": through(
        "recurrent_activation", keras_2_hard_sigmoid
    ),
    "sigmoid for hard sigmoid": through("recurrent_activation", keras.activations.sigmoid),
    "activation of the gates for the candidate": candidate_like_gates,
    "activation of the candidate for the gates": gates_like_candidate,
}
EXCHANGED = {"activations of gates and candidate exchanged": exchanged_activations}


def with_reset(other, instead_of):
    return lambda step: step.replace(reset=other) if step.reset == instead_of else None


def without_recurrent_bias(step):
    if not np.any(step.recurrent_bias):
        return None
    return step.replace(recurrent_bias=0 * step.recurrent_bias)


def second_bias_row_only(step):
    if not np.any(step.recurrent_bias):
        return None
    return step.replace(bias=step.recurrent_bias, recurrent_bias=0 * step.bias)


def without_input_bias(step):
    # With a recurrent bias of zero "bias dropped" is the same mistake.
    return step.replace(bias=0 * step.bias) if np.any(step.recurrent_bias) else None


def bias_rows_exchanged(step):
    same = np.array_equal(step.bias, step.recurrent_bias)
    if step.reset != "after" or same or not np.any(step.recurrent_bias):
        return None
    return step.replace(bias=step.recurrent_bias, recurrent_bias=step.bias)


def recurrent_bias_outside(step):
    """b_h + c_h + r * (h U_h), the same as both biases added into one."""
    if step.reset != "after" or not np.any(step.recurrent_bias):
        return None
    return step.replace(
        bias=step.bias + step.recurrent_bias, recurrent_bias=0 * step.recurrent_bias
    )


_GRU_LAYOUTS = [("r", "z", "candidate")]  # PyTorch
_GRU_ORDERS, _GRU_RARE_ORDERS = gate_orders(GRUEquations.gates, _GRU_LAYOUTS)
GRU_COMMON = {
    "update gate swapped": lambda e: e.replace(update_keeps_state=False),
    "z as the share of the candidate (another convention, the same h)": (
        lambda e: e.replace(z_is_kept_share=False)
    ),
    "reset applied before instead of after the product": with_reset("before", "after"),
    "reset applied after instead of before the product": with_reset("after", "before"),
    "reset gate left out": lambda e: e.replace(reset="none"),
    **_GRU_ORDERS,
    "recurrent bias dropped": without_recurrent_bias,
    "recurrent bias outside the reset gate, as where both biases are added into one": (
        recurrent_bias_outside
    ),
    "second bias row only": second_bias_row_only,
    "input bias dropped": without_input_bias,
    **WEIGHTS,
    **GATES,
    "previous state left out of the gates": without_state,
    "activation of the candidate left out": CANDIDATE_LEFT_BARE,
}
GRU_RARE = {
    "factor 1 - z of the candidate left out": lambda e: e.replace(
        candidate_is_weighted=False
    ),
    "previous state left out of the new state": lambda e: e.replace(state_is_kept=False),
    "rows of the bias exchanged": bias_rows_exchanged,
    **orders_of_one(GRUEquations.gates, _GRU_LAYOUTS, {**KERNELS, **BIASES}),
    **EXCHANGED,
    **RELU,
    **RESHAPED,
    **_GRU_RARE_ORDERS,
}


def with_forget_bias(change):
    def changed(step):
        first, forget, *rest = step.blocks("bias")
        return step.replace(bias=np.concatenate([first, forget + change, *rest]))

    return changed


_LSTM_LAYOUTS = [
    ("i", "f", "o", "candidate"),  # some courses
    ("i", "candidate", "f", "o"),  # TensorFlow 1
    ("i", "o", "f", "candidate"),  # ONNX
]
_LSTM_ORDERS, _LSTM_RARE_ORDERS = gate_orders(LSTMEquations.gates, _LSTM_LAYOUTS)
_SWAPPED = "gate order f, i, candidate, o for i, f, candidate, o"
LSTM_COMMON = {
    "input and forget gate swapped": _LSTM_RARE_ORDERS.pop(_SWAPPED),
    **{name: m for name, m in _LSTM_ORDERS.items() if not name.endswith("alone")},
    "forget bias of one left out": with_forget_bias(-1.0),
    "forget bias of one added once more": with_forget_bias(1.0),
    "activation of the cell state left out": through(
        "output_activation", keras.activations.linear
    ),
    **GATES,
    **WEIGHTS,
    "previous state left out": without_state,
    "activation of the candidate left out": CANDIDATE_LEFT_BARE,
}
LSTM_RARE = {
    "h from the cell state before the step": lambda e: e.replace(
        output_of_new_cell_state=False
    ),
    **EXCHANGED,
    **RELU,
    **RESHAPED,
    **{name: m for name, m in _LSTM_ORDERS.items() if name.endswith("alone")},
    **orders_of_one(LSTMEquations.gates, _LSTM_LAYOUTS, KERNELS),
    **_LSTM_RARE_ORDERS,
}


def kernels_exchanged(step):
    if step.kernel.shape != step.recurrent_kernel.shape:
        return None
    return step.replace(kernel=step.recurrent_kernel, recurrent_kernel=step.kernel)


RNN_COMMON = {
    **WEIGHTS,
    "previous state left out": without_state,
    "kernel and recurrent kernel exchanged": kernels_exchanged,
    "activation left out": CANDIDATE_LEFT_BARE,
    "sigmoid for tanh": through("activation", keras.activations.sigmoid),
}

COMMON = {
    GRUEquations: GRU_COMMON,
    LSTMEquations: LSTM_COMMON,
    SimpleRNNEquations: RNN_COMMON,
}
RARE = {
    GRUEquations: GRU_RARE,
    LSTMEquations: LSTM_RARE,
    SimpleRNNEquations: {**RELU, **RESHAPED},
}
