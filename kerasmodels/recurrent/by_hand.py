"""Values worked out on paper, compared with the cell and, where they differ, diagnosed."""

import warnings

import numpy as np
from keras import ops

from kerasmodels import _checks
from kerasmodels.recurrent import cells
from kerasmodels.recurrent.diagnosis import (
    diagnosis,
    explanations,
    first_disagreement,
    read_paper,
)
from kerasmodels.recurrent.report import StepReport, table
from kerasmodels.recurrent.trace import listening_step, trace


def verify_gru_by_hand(cell, x, by_hand, initial_state=None, tolerance=None):
    """Compares a GRU worked out on paper with the Keras cell, and names the mistake.

    The equations of `GRUStepVerifier` are evaluated in float64 with the cell's weights.
    Where a value differs, every known mistake (update gate swapped, reset before instead
    of after the product, gate order, recurrent bias dropped, hard sigmoid, ...) and then
    every pair of them is tried: those that reproduce all the given values are reported.

    Args:
        cell: `keras.layers.GRU` or `GRUCell`. One that is not built yet is built.
        x: one sequence: `[time]` for one feature, `[time, features]` or
            `[1, time, features]`.
        by_hand: the values on paper. A number or a list is h; a dict maps quantities
            ("z", "r", "candidate", "h") to them. Each holds one value per step, a number
            or, for several units, `units` numbers, in the order in which the layer takes
            the steps. It may stop early; None or NaN stands for "not worked out". A
            number written as a string, "0.30", keeps its trailing zeros.
        initial_state: None for zeros, or the `units` numbers before the first step.
        tolerance: None or float > 0. None takes one unit of the last decimal given, at
            least 1e-6 for up to nine decimals and for float32 values (which have no more
            that are right), 2e-2 for half precision and 1e-12 beyond, so that 0.55 agrees
            with 0.5567 and 0.20482421 with 0.204824214810.

    Returns:
        `StepReport`, which prints as a table with the diagnosis below it. A dict with
        "agrees" (bool), "first_disagreement" (None, or a dict with "step", counted from
        1, "unit", counted from 0, "quantity", "by_hand", "computed", "difference",
        "tolerance"), "mistakes" (list of str; two joined by " + "), "diagnosis" (str),
        "computed" (quantity -> list of steps), "difference_from_keras" (float: the
        equations against the cell's own code in float64) and "cell".

    Raises:
        ValueError: `cell` is no GRU, or the values do not fit its units, the quantities
            or the number of steps.
    """
    return _verify("verify_gru_by_hand", "GRU", cell, x, by_hand, initial_state, tolerance)


def verify_lstm_by_hand(cell, x, by_hand, initial_state=None, tolerance=None):
    """Compares an LSTM worked out on paper with the Keras cell, and names the mistake.

    As `verify_gru_by_hand`, with the quantities "i", "f", "candidate", "c", "o" and "h" and
    the mistakes that people make with an LSTM: gate order i, f, o, candidate, input and
    forget gate swapped, the forget bias of one left out, ...

    Args:
        cell: `keras.layers.LSTM` or `LSTMCell`.
        x, by_hand, tolerance: as in `verify_gru_by_hand`.
        initial_state: None for zeros, or the pair (h, c), `units` numbers each.

    Returns:
        `StepReport`, as in `verify_gru_by_hand`.

    Raises:
        ValueError: as in `verify_gru_by_hand`.
    """
    return _verify(
        "verify_lstm_by_hand", "LSTM", cell, x, by_hand, initial_state, tolerance
    )


def verify_simple_rnn_by_hand(cell, x, by_hand, initial_state=None, tolerance=None):
    """Compares a simple recurrent cell worked out on paper with the Keras cell.

    As `verify_gru_by_hand`, with the quantities "preactivation" and "h".

    Args:
        cell: `keras.layers.SimpleRNN` or `SimpleRNNCell`.
        x, by_hand, initial_state, tolerance: as in `verify_gru_by_hand`.

    Returns:
        `StepReport`, as in `verify_gru_by_hand`.

    Raises:
        ValueError: as in `verify_gru_by_hand`.
    """
    return _verify(
        "verify_simple_rnn_by_hand", "SimpleRNN", cell, x, by_hand, initial_state, tolerance
    )


def known_mistakes(cell):
    """The names of the mistakes that can be made with this kind of cell.

    Args:
        cell: a GRU, LSTM or SimpleRNN layer or cell of Keras.

    Returns:
        list of str, as they appear in a report.

    Raises:
        ValueError: `cell` is something else.
    """
    return list(cells.KINDS[cells.kind_of("known_mistakes", cell)][1].mistakes)


def values_with_mistake(cell, x, mistake, initial_state=None):
    """What somebody gets who makes one mistake: every quantity at every step, in float64.

    Args:
        cell: a GRU, LSTM or SimpleRNN layer or cell of Keras.
        x: one sequence, as in `verify_gru_by_hand`.
        mistake: one of `known_mistakes(cell)`, or None for the right values.
        initial_state: as in `verify_gru_by_hand`.

    Returns:
        dict: quantity -> array `[time, units]`; None if this cell leaves no room for the
        mistake (it has no recurrent bias to drop, say).

    Raises:
        ValueError: the cell, the sequence or the name does not fit.
    """
    owner = "values_with_mistake"
    kind = cells.kind_of(owner, cell)
    _, step, x, states = _set_up(owner, kind, cell, x, initial_state)
    if mistake is not None:
        _checks.one_of(owner, "mistake", mistake, tuple(step.mistakes))
        step = step.mistakes[mistake](step)
    return None if step is None else _values(step, x, states)


def _set_up(owner, kind, cell, x, initial_state):
    """The layer, its equations in float64, the sequence as it takes it, and the start."""
    layer = cells.recurrent_layer(owner, kind, cell)
    features = layer.cell.kernel.shape[0] if layer.cell.built else None
    x = cells.sequence(owner, x, features)
    if not layer.cell.built:
        layer.build(x.shape)
    if layer.go_backwards:
        x = x[:, ::-1]
    step = cells.KINDS[kind][1].from_cell(layer.cell, "float64")
    return layer, step, x, cells.start_states(owner, step, initial_state)


def _values(step, x, states):
    """Every quantity of the equations as an array `[time, units]`."""
    x = ops.convert_to_tensor(x)
    values = trace(step, step.quantities, x, states)
    return {name: ops.convert_to_numpy(values[name])[0] for name in step.quantities}


def _verify(owner, kind, cell, x, by_hand, initial_state, tolerance):
    layer, step, x, states = _set_up(owner, kind, cell, x, initial_state)
    if tolerance is not None:
        tolerance = _checks.finite_float(owner, "tolerance", tolerance, above=0.0)
    paper = read_paper(owner, step, by_hand, x.shape[1], tolerance)

    def values(step, steps=None):
        return _values(step, x[:, :steps], states)

    computed = values(step)
    disagreement = first_disagreement(paper, computed)
    mistakes = [] if disagreement is None else explanations(step, paper, values, computed)
    result = {
        "cell": kind,
        "agrees": disagreement is None,
        "first_disagreement": disagreement,
        "mistakes": mistakes,
        "diagnosis": diagnosis(disagreement, mistakes),
        "computed": {name: value.tolist() for name, value in computed.items()},
        "difference_from_keras": _difference_from_keras(layer, step, x, states, computed),
    }
    return StepReport(result, _text(result, paper, computed))


def _difference_from_keras(layer, step, x, states, computed):
    """The written-out equations against the code of the cell, run in float64."""
    # The functions themselves: not every one of them has a name that a config can hold.
    functions = {
        name: getattr(layer.cell, name)
        for name in ("activation", "recurrent_activation")
        if hasattr(layer.cell, name)
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = layer.cell.get_config()
    config = {**config, **functions, "dtype": "float64"}
    twin = type(layer.cell).from_config(config)
    twin.build((1, x.shape[2]))
    twin.set_weights(layer.cell.get_weights())
    keras_values = trace(
        listening_step(twin, step.quantities),
        step.quantities,
        ops.convert_to_tensor(x),
        states,
    )
    gaps = [
        np.max(np.abs(ops.convert_to_numpy(keras_values[name])[0] - computed[name]))
        for name in step.quantities
    ]
    # Not Python's `max`, which drops a NaN behind another number.
    return float(np.max(gaps))


def _text(result, paper, computed):
    rows, mark, names = [], None, list(computed)
    first = result["first_disagreement"]
    for n in range(1 + max(n for n, _, _ in paper)):
        for place, name in enumerate(names):
            for unit, value in enumerate(computed[name][n]):
                number = paper.get((n, place, unit), (None,))[0]
                gap = None if number is None else f"{abs(number - value):.1e}"
                if first and (n + 1, unit, name) == (
                    first["step"],
                    first["unit"],
                    first["quantity"],
                ):
                    mark = len(rows)
                number = None if number is None else f"{number:.8g}"
                rows.append((n + 1, unit, name, float(value), number, gap))
    header = ("step", "unit", "quantity", result["cell"], "by hand", "difference")
    return f"{table(header, rows, mark)}\n\n{result['diagnosis']}"
