"""The arguments cell, x, mask and states: checks, and conversion to one form."""

import keras
import numpy as np

from kerasmodels._support import checks
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


NAMES = {"GRU": "gru", "LSTM": "lstm", "SimpleRNN": "simple_rnn"}


def kind_of(owner, layer):
    """Returns "GRU", "LSTM" or "SimpleRNN", or raises ValueError."""
    kind = _kind(layer)
    if kind is not None:
        return kind
    raise checks.ArgumentError(
        checks.message(
            owner,
            "cell",
            "a GRU, LSTM or SimpleRNN layer or cell of Keras",
            f"cell={checks.describe(layer)}",
            _hand_in(layer, tuple(KINDS)),
        )
    )


def _kind(layer):
    cell = getattr(layer, "cell", layer)
    for kind, (cell_class, _) in KINDS.items():
        if isinstance(cell, cell_class):
            return kind
    return None


def _places(layer, kinds, path):
    """The places of layers and cells of these kinds in a model or wrapper, as code."""
    if _kind(layer) in kinds:
        return [path]
    inner = []
    if isinstance(layer, keras.Model):
        inner = [(f".layers[{n}]", part) for n, part in enumerate(layer.layers)]
    elif isinstance(layer, keras.layers.StackedRNNCells):
        inner = [(f".cells[{n}]", part) for n, part in enumerate(layer.cells)]
    elif isinstance(layer, keras.layers.Bidirectional):
        names = ("forward_layer", "backward_layer")
        inner = [(f".{name}", getattr(layer, name)) for name in names]
    elif isinstance(layer, keras.layers.RNN):
        inner = [(".cell", layer.cell)]
    elif isinstance(layer, keras.layers.Wrapper):
        inner = [(".layer", layer.layer)]
    return [place for end, part in inner for place in _places(part, kinds, path + end)]


def _hand_in(layer, kinds):
    """Advice in place of `layer`: "Hand in `model.layers[0]` or `model.layers[2]`." """
    root = "model" if isinstance(layer, keras.Model) else "layer"
    places = _places(layer, kinds, root)
    if not places:
        return ""
    advice = f"Hand in {' or '.join(f'`{place}`' for place in places)}"
    if len(places) > 1 and ".forward_layer" not in places[0]:
        advice += ", with the output of the one before as x"
    return f"{advice}."


def recurrent_layer(owner, kind, layer, argument="layer"):
    """Returns `layer`, or an RNN layer around it if it is a single cell.

    Raises:
        ValueError: `layer` is not a stateless Keras layer or cell of this kind.
    """
    cell_class = KINDS[kind][0]
    if isinstance(layer, cell_class):
        layer = keras.layers.RNN(layer, return_sequences=True, dtype=layer.dtype_policy)
    if not isinstance(getattr(layer, "cell", None), cell_class):
        other, advice = _kind(layer), _hand_in(layer, (kind,))
        if other is not None:
            same = owner.replace(kind, other).replace(
                f"_{NAMES[kind]}_", f"_{NAMES[other]}_"
            )
            advice = f"Use `{same}`."
        raise checks.ArgumentError(
            checks.message(
                owner,
                argument,
                f"a `keras.layers.{kind}` or `{kind}Cell`",
                f"{argument}={checks.describe(layer)}",
                advice,
            )
        )
    if layer.stateful:
        raise checks.ArgumentError(
            checks.message(
                owner,
                argument,
                "stateless, because a stateful one changes with every call",
                "stateful=True",
                "Build it with stateful=False and pass `initial_state`.",
            )
        )
    return layer


def steps_mask(owner, mask, num_steps):
    """Returns a mask of one sequence as a bool array `[1, time]`, or None for None.

    Raises:
        ValueError: `mask` is not one bool, or 0 or 1, per step.
    """
    if mask is None:
        return None
    array = checks.as_numbers(mask)
    shapes = (num_steps,), (1, num_steps)
    if array is None or array.shape not in shapes or not np.all(np.isin(array, (0, 1))):
        raise checks.ArgumentError(
            checks.message(
                owner,
                "mask",
                f"{num_steps} bools, one per step of x: True where the step counts",
                f"mask={checks.describe(mask)}",
            )
        )
    return array.reshape(1, num_steps) == 1


def sequence(owner, x, features=None):
    """Returns one sequence as a float64 array `[1, time, features]`.

    Raises:
        ValueError: `x` is not one sequence of finite numbers, or has another number of
            features than the cell.
    """
    array = checks.finite_array(owner, "x", x)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim == 2:
        array = array[None]
    width = features or "features"
    if array.ndim != 3 or len(array) != 1 or 0 in array.shape:
        raise checks.ArgumentError(
            checks.message(
                owner,
                "x",
                f"one sequence: shape (time,) for one feature, (time, {width}) or "
                f"(1, time, {width}), with at least one step",
                checks.describe(array),
            )
        )
    if features is not None and array.shape[2] != features:
        raise checks.ArgumentError(
            checks.message(
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
        ValueError: the number of states, or of numbers in one of them, is not that of the
            cell.
    """
    if initial_state is None:
        return tuple(np.zeros((1, step.units)) for _ in step.states)
    if len(step.states) > 1 and len(getattr(initial_state, "shape", ())) > 1:
        initial_state = list(initial_state)
    pair = isinstance(initial_state, (list, tuple))
    if not pair or (len(step.states) == 1 and len(initial_state) != 1):
        initial_state = [initial_state]
    expected = " and ".join(f"{name} ({step.units} numbers)" for name in step.states)
    arrays = [checks.finite_array(owner, "initial_state", part) for part in initial_state]
    arrays = [np.reshape(array, (1, -1)) for array in arrays]
    if [a.shape[1] for a in arrays] != [step.units] * len(step.states):
        raise checks.ArgumentError(
            checks.message(
                owner,
                "initial_state",
                f"the state {expected}",
                f"sizes {[a.shape[1] for a in arrays]}",
            )
        )
    return tuple(arrays)
