"""Steps of a recurrent cell over a sequence, with every intermediate value kept."""

from keras import ops


def trace(
    step, quantities, x, states, mask=None, reverse=False, zero_masked=False, scan=ops.scan
):
    """Steps over the time axis of `x` and returns every quantity at every step.

    At a masked step the states stay as they were, and the output repeats the one before
    (zeros at the first step, or everywhere if `zero_masked`), as in `keras.layers.RNN`.

    Args:
        step: function (x `[batch, features]`, states) -> (values, states), both values
            and states `[batch, units]`. The first state is h.
        quantities: names of the values that `step` returns.
        x: Tensor `[batch, time, features]`.
        states: tuple of tensors `[batch, units]`, before the first step.
        mask: None or bool tensor `[batch, time]`.
        reverse: bool. Start at the last time.
        scan: function. `ops.scan`, or `stepwise` outside of a graph.

    Returns:
        dict of tensors `[batch, time, units]`, in the order of the steps: the quantities,
        and "output", the output of the layer.
    """
    if mask is None:
        mask = ops.ones_like(x[..., 0], dtype="bool")
    mask = ops.cast(mask, "bool")[..., None]
    if reverse:
        x, mask = ops.flip(x, axis=1), ops.flip(mask, axis=1)

    def body(carry, inputs):
        x, mask = inputs
        values, states = step(x, carry["states"])
        new = {name: values[name] for name in quantities}
        old = dict(zip(("h", "c"), carry["states"]))
        kept = {name: ops.where(mask, new[name], old[name]) for name in new if name in old}
        before = ops.zeros_like(new["h"]) if zero_masked else carry["output"]
        carry = {
            **new,
            **kept,
            "output": ops.where(mask, new["h"], before),
            "states": tuple(ops.where(mask, n, o) for n, o in zip(states, carry["states"])),
        }
        # Keras's scan needs outputs with the structure of the carry.
        return carry, carry

    states = tuple(states)
    empty = ops.zeros_like(states[0])
    start = {**{name: empty for name in (*quantities, "output")}, "states": states}
    _, values = scan(body, start, (ops.swapaxes(x, 0, 1), ops.swapaxes(mask, 0, 1)))
    del values["states"]
    return {name: ops.swapaxes(value, 0, 1) for name, value in values.items()}


def stepwise(body, carry, inputs):
    """`ops.scan` as a loop of Python, which is several times faster outside of a graph."""
    rows = []
    for n in range(inputs[0].shape[0]):
        carry, row = body(carry, tuple(part[n] for part in inputs))
        rows.append(row)
    names = [name for name in rows[0] if name != "states"]
    stacked = {name: ops.stack([row[name] for row in rows]) for name in names}
    return carry, {**stacked, "states": None}


class _Recorder:
    """A function that records its inputs and outputs."""

    def __init__(self, function):
        self.function, self.inputs, self.outputs = function, [], []

    def __call__(self, x):
        self.inputs.append(x)
        self.outputs.append(self.function(x))
        return self.outputs[-1]


def listening_step(cell, quantities):
    """A step of Keras's own cell that also returns the values inside the cell.

    A Keras cell does not return its gates, but each gate is the result of a call to one of
    its activation functions. A second object with the same attributes, weights included,
    gets activation functions that record their results; the user's cell is not changed.
    (`copy.copy` of a Keras layer would make new weights.)
    """

    def step(x, states):
        inner, gates = _Recorder(cell.activation), None
        listener = object.__new__(type(cell))
        vars(listener).update(vars(cell), activation=inner)
        if hasattr(cell, "recurrent_activation"):
            gates = _Recorder(cell.recurrent_activation)
            vars(listener)["recurrent_activation"] = gates
        h, new = listener(x, list(states), training=False)
        new = tuple(new) if isinstance(new, (list, tuple)) else (new,)
        values = {"h": h}
        if len(states) == 2:
            values["c"] = new[1]
        if gates is None:
            values["preactivation"] = inner.inputs[0]
        else:
            names = [n for n in quantities if n not in ("candidate", "c", "h")]
            values.update(zip(names, gates.outputs), candidate=inner.outputs[0])
        return values, new

    return step
