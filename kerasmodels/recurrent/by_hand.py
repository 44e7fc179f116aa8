"""Comparison of values worked out on paper with a Keras cell, and the diagnosis."""

import warnings

import keras
import numpy as np
from keras import ops

from kerasmodels._support import checks
from kerasmodels.recurrent import cells, paper, runs
from kerasmodels.recurrent.diagnosis import (
    STORED,
    Search,
    diagnosis,
    first_disagreement,
)
from kerasmodels.recurrent.report import StepReport, apart, table
from kerasmodels.recurrent.trace import listening_step, stepwise, trace


def verify_gru_by_hand(cell, x, by_hand, initial_state=None, tolerance=None, mask=None):
    """Compares a GRU worked out on paper with the Keras cell, and names the mistake.

    The equations of `GRUStepVerifier` are evaluated in float64 with the cell's weights.
    Where a value differs, every known mistake (update gate swapped, reset before instead
    of after the product, gate order, a bias dropped, hard sigmoid, time reversed, ...) and
    then every pair of the common ones is tried. Those that reproduce all the given values
    are reported. Two biases that were added into one cannot be recovered from the layer, so
    they are fitted to the values, if these are many and have three decimals or more.

    Args:
        cell: `keras.layers.GRU` or `GRUCell`. One that is not built yet is built.
        x: one sequence: `[time]` for one feature, `[time, features]` or
            `[1, time, features]`.
        by_hand: the values on paper, or the output of a layer. A number or a list is the
            output of the layer (h, unless there is a mask); a dict maps quantities ("z",
            "r", "candidate", "h", with a mask "output") to values. Each has one value per
            step, a number or, for several units, `units` numbers, in the order in which the
            layer takes the steps: `[time]`, `[time, units]`, `[1, time, units]` or a list
            of `[1, units]`. The list may stop early; None or NaN is a missing value. A
            number written as a string, "0.30", keeps its trailing zeros. One row for many
            steps is tried as the last step, the output of a layer without
            `return_sequences`, and as the first step. All steps of a layer with
            `go_backwards` are tried in its own order and in that of x, in which
            Bidirectional returns them. The report names the reading that agrees. The output
            of a layer with `return_state` may include its final states.
        initial_state: None for zeros, or the `units` numbers before the first step.
        tolerance: None or float > 0. None is one unit of the last given decimal, so that
            0.55 agrees with 0.5567 and 0.20482421 with 0.204824214810. It is at least 1e-6
            for up to nine decimals and for float32 values (whose further digits are not
            right), 2e-2 for half precision and 1e-12 otherwise. No tolerance is finer than
            the type of the layer: a weight written as 0.1 is stored as 0.100000001490 in
            float32, so the tolerance includes the effect of such changes of weights, x and
            states.
        mask: None or one bool per step, `[time]` or `[1, time]`, as in Keras: a masked step
            keeps the state, and the output repeats the one before (zero at the first step,
            or with `zero_output_for_mask`).

    Returns:
        `StepReport`, which prints as a table with the diagnosis below it. A dict with
        "agrees" (bool), "first_disagreement" (None, or a dict with "step", counted from
        1, "unit", counted from 0, "quantity", "by_hand", "computed", "difference",
        "tolerance"), "mistakes" (list of str; two joined by " + "), "diagnosis" (str),
        "computed" (quantity -> list of steps), "difference_from_keras" (float: the
        equations against the cell's own code in float64) and "cell".

    Raises:
        ValueError: `cell` is no GRU, or the values do not fit its units, the quantities
            or the number of steps, or `mask` is not one bool per step.
    """
    return _verify(
        "verify_gru_by_hand", "GRU", cell, x, by_hand, initial_state, tolerance, mask
    )


def verify_lstm_by_hand(cell, x, by_hand, initial_state=None, tolerance=None, mask=None):
    """Compares an LSTM worked out on paper with the Keras cell, and names the mistake.

    As `verify_gru_by_hand`, with the quantities "i", "f", "candidate", "c", "o" and "h" and
    the usual mistakes with an LSTM: gate order i, f, o, candidate, input and forget gate
    swapped, the forget bias of one left out, ...

    Args:
        cell: `keras.layers.LSTM` or `LSTMCell`.
        x, by_hand, tolerance, mask: as in `verify_gru_by_hand`.
        initial_state: None for zeros, or the pair (h, c), `units` numbers each.

    Returns:
        `StepReport`, as in `verify_gru_by_hand`.

    Raises:
        ValueError: as in `verify_gru_by_hand`.
    """
    return _verify(
        "verify_lstm_by_hand", "LSTM", cell, x, by_hand, initial_state, tolerance, mask
    )


def verify_simple_rnn_by_hand(
    cell, x, by_hand, initial_state=None, tolerance=None, mask=None
):
    """Compares a simple recurrent cell worked out on paper with the Keras cell.

    As `verify_gru_by_hand`, with the quantities "preactivation" and "h".

    Args:
        cell: `keras.layers.SimpleRNN` or `SimpleRNNCell`.
        x, by_hand, initial_state, tolerance, mask: as in `verify_gru_by_hand`.

    Returns:
        `StepReport`, as in `verify_gru_by_hand`.

    Raises:
        ValueError: as in `verify_gru_by_hand`.
    """
    owner = "verify_simple_rnn_by_hand"
    return _verify(owner, "SimpleRNN", cell, x, by_hand, initial_state, tolerance, mask)


def known_mistakes(cell):
    """The names of the mistakes that can be made with this kind of cell.

    Args:
        cell: a GRU, LSTM or SimpleRNN layer or cell of Keras.

    Returns:
        list of str, as they appear in a report: those that are tried in pairs too, then
        those that are tried alone.

    Raises:
        ValueError: `cell` is something else.
    """
    return list(_known(cells.kind_of("known_mistakes", cell)))


def _known(kind):
    step_class = cells.KINDS[kind][1]
    return {**runs.common(step_class), **runs.rare(step_class)}


def values_with_mistake(cell, x, mistake, initial_state=None, mask=None):
    """Every quantity at every step, in float64, as one mistake makes it.

    Args:
        cell: a GRU, LSTM or SimpleRNN layer or cell of Keras.
        x: one sequence, as in `verify_gru_by_hand`.
        mistake: one of `known_mistakes(cell)`, or None for the right values.
        initial_state, mask: as in `verify_gru_by_hand`.

    Returns:
        dict: quantity -> array `[time, units]`, with a mask "output" too; None if the
        mistake is impossible with this cell (one without a recurrent bias to drop, say).

    Raises:
        ValueError: the cell, the sequence, the mask or the name does not fit.
    """
    owner = "values_with_mistake"
    kind = cells.kind_of(owner, cell)
    _, run = _set_up(owner, kind, cell, x, initial_state, mask)
    names = run.names
    if mistake is not None:
        known = _known(kind)
        checks.one_of(owner, "mistake", mistake, tuple(known))
        run = known[mistake](run)
    return None if run is None else _of_names(names, run.values())


def _of_names(names, values):
    return {name: values[name] for name in names}


def _set_up(owner, kind, cell, x, initial_state, mask):
    """The layer, and its equations in float64 over the sequence in the layer's order."""
    layer = cells.recurrent_layer(owner, kind, cell, "cell")
    features = layer.cell.kernel.shape[0] if layer.cell.built else None
    x = cells.sequence(owner, x, features)
    mask = cells.steps_mask(owner, mask, x.shape[1])
    if not layer.cell.built:
        layer.build(x.shape)
    if layer.go_backwards:
        x, mask = x[:, ::-1], None if mask is None else mask[:, ::-1]
    step = cells.KINDS[kind][1].from_cell(layer.cell, "float64").in_numpy()
    states = cells.start_states(owner, step, initial_state)
    return layer, runs.Run(step, x, states, mask, layer.zero_output_for_mask)


def _verify(owner, kind, cell, x, by_hand, initial_state, tolerance, mask):
    layer, run = _set_up(owner, kind, cell, x, initial_state, mask)
    if tolerance is not None:
        tolerance = checks.finite_float(owner, "tolerance", tolerance, above=0.0)
    stored = max(STORED[dtype] for dtype in _types(layer))
    papers = paper.read(owner, run, layer, by_hand, tolerance)
    allowance = run.storage(stored, max(given.rows for given in papers))
    papers = [given.widened(allowance) for given in papers]
    computed = _of_names(run.names, run.values())
    given = papers[0]
    for one in papers:
        if not np.any(one.wrong(one.pick(computed))):
            given = one
            break
    disagreement, mistakes = first_disagreement(given, given.pick(computed)), []
    if disagreement is not None:
        mistakes, reading = Search(kind, run, stored).explanations(papers)
        given = reading or given
        disagreement = first_disagreement(given, given.pick(computed))
    result = {
        "cell": kind,
        "agrees": disagreement is None,
        "first_disagreement": disagreement,
        "mistakes": mistakes,
        "diagnosis": diagnosis(disagreement, mistakes, given.note),
        "computed": {name: value.tolist() for name, value in computed.items()},
        "difference_from_keras": _difference_from_keras(layer, run, computed),
    }
    return StepReport(result, _text(result, given, computed))


def _types(layer):
    """The types in which the layer stores weights and computes."""
    return {
        keras.backend.standardize_dtype(dtype)
        for part in (layer, layer.cell)
        for dtype in (part.compute_dtype, part.variable_dtype)
    }


def _difference_from_keras(layer, run, computed):
    """The written-out equations against the code of the cell, run in float64."""
    # The functions themselves, because a config cannot name every function.
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
    twin.build((1, run.x.shape[2]))
    twin.set_weights(layer.cell.get_weights())
    keras_values = trace(
        listening_step(twin, run.step.quantities),
        run.step.quantities,
        ops.convert_to_tensor(run.x),
        run.states,
        mask=None if run.mask is None else ops.convert_to_tensor(run.mask),
        zero_masked=run.zero_masked,
        scan=stepwise,
    )
    gaps = [
        np.max(np.abs(ops.convert_to_numpy(keras_values[name])[0] - value))
        for name, value in computed.items()
    ]
    # Not Python's `max`, which ignores a NaN after another number.
    return float(np.max(gaps))


def _text(result, given, computed):
    """A row for each quantity of each step up to the last one given."""
    wrong = given.wrong(given.pick(computed))
    on_paper = {
        (n, given.names[k], unit): (number, off)
        for (n, k, unit), number, off in zip(given.places.tolist(), given.numbers, wrong)
    }
    rows, mark = [], None
    for n in range(given.rows):
        for name, values in computed.items():
            for unit, value in enumerate(values[n]):
                number, off = on_paper.get((n, name, unit), (None, False))
                texts, gap = (float(value), None), None
                if number is not None:
                    gap = f"{abs(number - value):.1e}"
                    texts = float(value), f"{number:.8g}"
                if off:
                    mark = len(rows) if mark is None else mark
                    texts = apart(value, number)
                rows.append((n + 1, unit, name, *texts, gap))
    header = ("step", "unit", "quantity", result["cell"], "by hand", "difference")
    return f"{table(header, rows, mark)}\n\n{result['diagnosis']}"
