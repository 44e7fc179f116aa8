"""Values worked out on paper, compared with the cell and, where they differ, diagnosed."""

import decimal
import itertools

import numpy as np
from keras import ops

from kerasmodels import _checks
from kerasmodels.recurrent import cells
from kerasmodels.recurrent.report import StepReport, table
from kerasmodels.recurrent.trace import listening_step, trace

# Float64 sums in another order differ by less.
EXACT = 1e-12
# What float32 leaves of a number below ten; as many digits are what people copy from it.
FLOAT32 = 1e-6


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
            the steps. It may stop early; None or NaN stands for "not worked out".
        initial_state: None for zeros, or the `units` numbers before the first step.
        tolerance: None or float > 0. None takes one unit of the last decimal given, at
            least 1e-6 for up to nine decimals (float32 prints no more that are right) and
            1e-12 beyond, so that 0.55 agrees with 0.5567 and 0.20482421 with
            0.204824214810.

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
    layer, step, x, states = _set_up(owner, kind, cell, x, initial_state)
    if mistake is not None:
        _checks.one_of(owner, "mistake", mistake, tuple(step.mistakes))
        step = step.mistakes[mistake](step)
    return None if step is None else _values(step, x, states, layer.go_backwards)


def _set_up(owner, kind, cell, x, initial_state):
    """The layer, its equations in float64, and the sequence and states to start from."""
    layer = cells.recurrent_layer(owner, kind, cell)
    features = layer.cell.kernel.shape[0] if layer.cell.built else None
    x = cells.sequence(owner, x, features)
    if not layer.cell.built:
        layer.build(x.shape)
    step = cells.KINDS[kind][1].from_cell(layer.cell, "float64")
    return layer, step, x, cells.start_states(owner, step, initial_state)


def _values(step, x, states, reverse):
    """Every quantity of the equations as an array `[time, units]`."""
    x = ops.convert_to_tensor(x)
    values = trace(step, step.quantities, x, states, reverse=reverse)
    return {name: ops.convert_to_numpy(values[name])[0] for name in step.quantities}


def _verify(owner, kind, cell, x, by_hand, initial_state, tolerance):
    layer, step, x, states = _set_up(owner, kind, cell, x, initial_state)
    if tolerance is not None:
        tolerance = _checks.finite_float(owner, "tolerance", tolerance, above=0.0)
    paper = _paper(owner, step, by_hand, x.shape[1], tolerance)

    def values(step):
        return _values(step, x, states, layer.go_backwards)

    computed = values(step)
    disagreement = _first_disagreement(paper, computed)
    mistakes = [] if disagreement is None else _explanations(step, paper, values, computed)
    result = {
        "cell": kind,
        "agrees": disagreement is None,
        "first_disagreement": disagreement,
        "mistakes": mistakes,
        "diagnosis": _diagnosis(disagreement, mistakes),
        "computed": {name: value.tolist() for name, value in computed.items()},
        "difference_from_keras": _difference_from_keras(layer, step, x, states, computed),
    }
    return StepReport(result, _text(result, paper, computed))


def _paper(owner, step, by_hand, num_steps, tolerance):
    """The given values as {(step, place of the quantity, unit): (value, tolerance)}."""
    if not isinstance(by_hand, dict):
        by_hand = {"h": by_hand}
    paper = {}
    for name, given in by_hand.items():
        _checks.one_of(owner, "by_hand", name, step.quantities)
        rows = given if isinstance(given, (list, tuple)) else np.asarray(given).tolist()
        rows = rows if isinstance(rows, (list, tuple)) else [rows]
        float32 = str(getattr(given, "dtype", "")).endswith("float32")
        if len(rows) > num_steps:
            raise _checks.ArgumentError(
                _checks.message(
                    owner,
                    f"by_hand[{name!r}]",
                    f"at most {num_steps} steps, the length of x",
                    f"{len(rows)} steps",
                )
            )
        for n, row in enumerate(rows):
            row = np.asarray(row, dtype=object).reshape(-1).tolist()
            if len(row) != step.units and row != [None]:
                raise _checks.ArgumentError(
                    _checks.message(
                        owner,
                        f"by_hand[{name!r}]",
                        f"{step.units} number(s) per step, one for each unit",
                        f"{len(row)} at step {n + 1}",
                    )
                )
            for unit, value in enumerate(row):
                if value is None or value != value:
                    continue
                number = _checks.finite_float(owner, f"by_hand[{name!r}]", value)
                allowed = tolerance or (FLOAT32 if float32 else _last_digit(value))
                place = step.quantities.index(name)
                paper[n, place, unit] = (number, allowed)
    if not paper:
        raise _checks.ArgumentError(
            _checks.message(owner, "by_hand", "at least one value", f"{by_hand!r}")
        )
    return paper


def _last_digit(value):
    """One unit of the last decimal that was written down."""
    exponent = decimal.Decimal(repr(float(value))).as_tuple().exponent
    return max(10.0 ** min(exponent, -1), FLOAT32 if exponent >= -9 else EXACT)


def _disagreements(paper, values):
    """Every given value that is off, in the order in which it is computed."""
    names = list(values)
    for (n, place, unit), (number, allowed) in sorted(paper.items()):
        computed = float(values[names[place]][n, unit])
        # The unit of the last place, not a hair less because of binary fractions.
        if not abs(number - computed) <= allowed * (1 + 1e-9):
            yield n, place, unit, computed


def _first_disagreement(paper, values):
    for n, place, unit, computed in _disagreements(paper, values):
        number, allowed = paper[n, place, unit]
        return {
            "step": n + 1,
            "unit": unit,
            "quantity": list(values)[place],
            "by_hand": number,
            "computed": computed,
            "difference": abs(number - computed),
            "tolerance": allowed,
        }
    return None


def _explanations(step, paper, values, computed):
    """Names of the mistakes, or else pairs of mistakes, that give every value on paper."""
    found, effective = [], {}
    for name, change in step.mistakes.items():
        changed = change(step)
        if changed is None:
            continue
        wrong = values(changed)
        if all(np.allclose(wrong[q], computed[q], rtol=0, atol=EXACT) for q in wrong):
            continue  # makes no difference on this input
        effective[name] = change
        if next(_disagreements(paper, wrong), None) is None:
            found.append(name)
    if found:
        return found
    for (first, change), (second, other) in itertools.combinations(effective.items(), 2):
        changed = other(change(step))
        if changed is not None and not next(_disagreements(paper, values(changed)), None):
            found.append(f"{first} + {second}")
    return found


def _diagnosis(disagreement, mistakes):
    if disagreement is None:
        return "Every value agrees."
    where = "{quantity} at step {step}, unit {unit}".format(**disagreement)
    first = (
        f"First disagreement: {where}: by hand {disagreement['by_hand']:.8g}, "
        f"computed {disagreement['computed']:.8g}."
    )
    if not mistakes:
        return f"{first} No known mistake, and no pair of them, gives these values."
    if len(mistakes) == 1:
        return f"{first} Diagnosis: {mistakes[0]}."
    return f"{first} Each of these gives your values: {'; '.join(mistakes)}."


def _difference_from_keras(layer, step, x, states, computed):
    """The written-out equations against the code of the cell, run in float64."""
    config = {**layer.cell.get_config(), "dtype": "float64"}
    twin = type(layer.cell).from_config(config)
    twin.build((1, x.shape[2]))
    twin.set_weights(layer.cell.get_weights())
    keras_values = trace(
        listening_step(twin, step.quantities),
        step.quantities,
        ops.convert_to_tensor(x),
        states,
        reverse=layer.go_backwards,
    )
    return max(
        float(np.max(np.abs(ops.convert_to_numpy(keras_values[name])[0] - computed[name])))
        for name in step.quantities
    )


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
