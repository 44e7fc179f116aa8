"""What a user hands in as "the cell", checked and brought into one form."""

import keras
import numpy as np

from kerasmodels import _checks
from kerasmodels.recurrent.equations import (
    GRUEquations,
    LSTMEquations,
    SimpleRNNEquations,
)

KINDS = {
    "GRU": (keras.layers.GRUCell, GRUEquations),
    "LSTM": (keras.layers.LSTMCell, LSTMEquations),
    "SimpleRNN": (keras.layers.SimpleRNNCell, SimpleRNNEquations),
}


def kind_of(owner, layer):
    """Returns "GRU", "LSTM" or "SimpleRNN", or raises ValueError."""
    cell = getattr(layer, "cell", layer)
    for kind, (cell_class, _) in KINDS.items():
        if isinstance(cell, cell_class):
            return kind
    raise _checks.ArgumentError(
        _checks.message(
            owner,
            "cell",
            "a GRU, LSTM or SimpleRNN layer or cell of Keras",
            f"cell={_checks.describe(layer)}",
        )
    )


def recurrent_layer(owner, kind, layer):
    """Returns a layer over sequences, around `layer` if that is a single cell.

    Raises:
        ValueError: `layer` is not a stateless Keras layer or cell of this kind.
    """
    cell_class = KINDS[kind][0]
    if isinstance(layer, cell_class):
        layer = keras.layers.RNN(layer, return_sequences=True, dtype=layer.dtype_policy)
    if not isinstance(getattr(layer, "cell", None), cell_class):
        advice = ""
        if isinstance(layer, keras.layers.Bidirectional):
            advice = "Hand in its `forward_layer` or its `backward_layer`."
        raise _checks.ArgumentError(
            _checks.message(
                owner,
                "layer",
                f"a `keras.layers.{kind}` or `{kind}Cell`",
                f"layer={_checks.describe(layer)}",
                advice,
            )
        )
    if layer.stateful:
        raise _checks.ArgumentError(
            _checks.message(
                owner,
                "layer",
                "stateless, because a stateful one changes with every call",
                "stateful=True",
                "Build it with stateful=False and pass `initial_state`.",
            )
        )
    return layer


def sequence(owner, x, features=None):
    """Returns one sequence as a float64 array `[1, time, features]`.

    Raises:
        ValueError: `x` is not one sequence of finite numbers, or has another number of
            features than the cell.
    """
    array = _checks.finite_array(owner, "x", x)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim == 2:
        array = array[None]
    width = features or "features"
    if array.ndim != 3 or len(array) != 1 or 0 in array.shape:
        raise _checks.ArgumentError(
            _checks.message(
                owner,
                "x",
                f"one sequence: shape (time,) for one feature, (time, {width}) or "
                f"(1, time, {width}), with at least one step",
                _checks.describe(array),
            )
        )
    if features is not None and array.shape[2] != features:
        raise _checks.ArgumentError(
            _checks.message(
                owner,
                "x",
                f"a sequence of {features} features, which is what the cell was built for",
                f"{array.shape[2]} features",
            )
        )
    return array


def start_states(owner, step, initial_state):
    """Returns the states before the first step as float64 arrays `[1, units]`.

    Raises:
        ValueError: there are not as many states, or not as many numbers in each, as the
            cell has.
    """
    if initial_state is None:
        return tuple(np.zeros((1, step.units)) for _ in step.states)
    pair = isinstance(initial_state, (list, tuple))
    if not pair or (len(step.states) == 1 and len(initial_state) != 1):
        initial_state = [initial_state]
    expected = " and ".join(f"{name} ({step.units} numbers)" for name in step.states)
    arrays = [_checks.finite_array(owner, "initial_state", part) for part in initial_state]
    arrays = [np.reshape(array, (1, -1)) for array in arrays]
    if [a.shape[1] for a in arrays] != [step.units] * len(step.states):
        raise _checks.ArgumentError(
            _checks.message(
                owner,
                "initial_state",
                f"the state {expected}",
                f"sizes {[a.shape[1] for a in arrays]}",
            )
        )
    return tuple(arrays)
