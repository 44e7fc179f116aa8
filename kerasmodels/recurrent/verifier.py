"""Keras models that compute a recurrent layer twice and compare the results."""

import keras
from keras import ops

from kerasmodels._support import checks
from kerasmodels._support.batches import CheckedBatches
from kerasmodels._support.saving import SavedAsKeras
from kerasmodels.recurrent import cells
from kerasmodels.recurrent.paper import EXACT
from kerasmodels.recurrent.report import StepReport, apart, table
from kerasmodels.recurrent.trace import listening_step, trace


class _Largest(keras.metrics.Metric):
    """The largest value of all batches."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.largest = self.add_variable((), "zeros", name="largest")

    def update_state(self, values):
        self.largest.assign(
            ops.maximum(self.largest, ops.cast(ops.max(values), self.dtype))
        )

    def result(self):
        return ops.convert_to_tensor(self.largest)


def _pair(written, inside):
    """Two numbers for the table, with enough digits that they differ."""
    return (written, inside) if abs(written - inside) <= EXACT else apart(written, inside)


class _StepVerifier(CheckedBatches, SavedAsKeras, keras.Model):
    """The common part of the three verifiers, which differ in cell and equations."""

    kind = None

    def __init__(self, layer, **kwargs):
        owner = type(self).__name__
        layer = cells.recurrent_layer(owner, self.kind, layer)
        policy = keras.dtype_policies.get(kwargs.pop("dtype", None) or layer.dtype_policy)
        if policy != layer.dtype_policy:
            raise checks.ArgumentError(
                checks.message(
                    owner,
                    "dtype",
                    f"that of the layer, {layer.dtype_policy.name!r}",
                    f"dtype={policy.name!r}",
                    "Build the layer with this dtype.",
                )
            )
        super().__init__(dtype=policy, **kwargs)
        self.layer = layer
        # The model takes masks; its outputs have none.
        self.supports_masking = True
        self.largest_difference = _Largest(name="largest_difference")

    @property
    def equations(self):
        """The written-out equations, with the present weights.

        Raises:
            ValueError: the layer has no weights yet.
        """
        if not self.layer.cell.built:
            raise checks.ArgumentError(
                checks.message(
                    f"{type(self).__name__}.equations",
                    "layer",
                    "one with weights",
                    "one that is not built",
                    "Call the model on x first.",
                )
            )
        return cells.KINDS[self.kind][1].from_cell(self.layer.cell, self.compute_dtype)

    def check_x(self, x):
        self._check_input(x, None)

    def build(self, x_shape=None, **shapes):
        if not self.layer.built:
            self.layer.build(x_shape)

    def call(self, x, initial_state=None, mask=None):
        if not self.layer.built:
            self.layer.build(x.shape)
        self._check_input(x, mask)
        x = ops.cast(x, self.compute_dtype)
        step = self.equations
        states = self._states(step, initial_state, x)
        options = {
            "mask": mask,
            "reverse": self.layer.go_backwards,
            "zero_masked": self.layer.zero_output_for_mask,
        }
        names = step.quantities
        written = trace(step, names, x, states, **options)
        inside = trace(listening_step(self.layer.cell, names), names, x, states, **options)
        output = self.layer(x, initial_state=list(states), mask=mask, training=False)
        if self.layer.return_state:
            output = output[0]
        if not self.layer.return_sequences:
            written["output"] = written["output"][:, -1]
        inside["output"] = output
        values = {}
        for name in (*names, "output"):
            gap = ops.abs(written[name] - inside[name])
            values[name] = written[name]
            values[f"keras_{name}"] = inside[name]
            values[f"difference_{name}"] = ops.max(gap, axis=list(range(1, gap.ndim)))
        return values

    def compute_mask(self, inputs, previous_mask=None):
        return None

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return super().compute_loss(
            x=x,
            y=y,
            y_pred=y_pred["keras_output"],
            sample_weight=sample_weight,
            training=training,
        )

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        for name, value in y_pred.items():
            if name.startswith("difference_"):
                self.largest_difference.update_state(value)
        return super().compute_metrics(x, y, y_pred["keras_output"], sample_weight)

    def report(self, x, initial_state=None, mask=None):
        """Steps through one sequence and returns all values as a `StepReport`.

        Args:
            x: one sequence, `[time]` for one feature, `[time, features]` or
                `[1, time, features]`.
            initial_state: None for zeros, or the state before the first step: `units`
                numbers, for an LSTM the pair h, c.
            mask: None or one bool per step, `[time]` or `[1, time]`. A masked step
                leaves the state unchanged.

        Returns:
            `StepReport`: a dict with "quantities", "written_out", "keras" (quantity ->
            one list of `units` numbers per step), "largest_difference" (per quantity and
            of the output), which prints as a table.

        Raises:
            ValueError: `x`, `initial_state` or `mask` does not fit the layer.
        """
        owner = f"{type(self).__name__}.report"
        cell = self.layer.cell
        features = cell.kernel.shape[0] if self.layer.built else None
        x = ops.cast(cells.sequence(owner, x, features), self.compute_dtype)
        self.build(x.shape)
        states = cells.start_states(owner, self.equations, initial_state)
        states = [ops.cast(state, self.compute_dtype) for state in states]
        mask = cells.steps_mask(owner, mask, x.shape[1])
        mask = None if mask is None else ops.convert_to_tensor(mask)
        values = self(x, states, mask=mask)
        values = {name: ops.convert_to_numpy(v) for name, v in values.items()}
        names = list(self.equations.quantities)
        result = {
            "cell": self.kind,
            "dtype": self.compute_dtype,
            "quantities": names,
            "written_out": {name: values[name][0].tolist() for name in names},
            "keras": {name: values[f"keras_{name}"][0].tolist() for name in names},
            "largest_difference": {
                name: float(values[f"difference_{name}"][0]) for name in (*names, "output")
            },
        }
        rows = [
            (step + 1, unit, name, *_pair(written, inside), f"{abs(written - inside):.1e}")
            for step in range(x.shape[1])
            for name in names
            for unit, (written, inside) in enumerate(
                zip(result["written_out"][name][step], result["keras"][name][step])
            )
        ]
        text = table(
            ("step", "unit", "quantity", "written out", "Keras", "difference"), rows
        )
        largest = max(result["largest_difference"].values())
        text += f"\n\nlargest difference, output of the layer included: {largest:.1e}"
        return StepReport(result, text)

    def _states(self, step, initial_state, x):
        """The states before the first step as tensors `[batch, units]`."""
        batch = ops.shape(x)[0]
        if initial_state is None:
            return tuple(ops.zeros((batch, step.units), x.dtype) for _ in step.states)
        states = initial_state
        states = tuple(states) if isinstance(states, (list, tuple)) else (states,)
        states = tuple(ops.cast(state, x.dtype) for state in states)
        received = [tuple(state.shape) for state in states]
        if len(states) != len(step.states) or any(
            len(shape) != 2
            or shape[1] != step.units
            or None not in (shape[0], x.shape[0])
            and shape[0] != x.shape[0]
            for shape in received
        ):
            raise checks.ArgumentError(
                checks.message(
                    type(self).__name__,
                    "initial_state",
                    f"of shape (batch, {step.units}) for each of {', '.join(step.states)}",
                    f"shapes {received}",
                )
            )
        return states

    def _check_input(self, x, mask):
        shape = tuple(x.shape)
        features = shape[-1] if shape else 0
        if self.layer.cell.built:
            features = self.layer.cell.kernel.shape[0]
        if mask is not None and len(shape) == 3:
            wrong = len(mask.shape) != 2 or any(
                a != b for a, b in zip(mask.shape, shape) if None not in (a, b)
            )
            if wrong:
                raise checks.ArgumentError(
                    checks.message(
                        type(self).__name__,
                        "mask",
                        f"of shape (batch, time) = {shape[:2]}",
                        f"shape {tuple(mask.shape)}",
                    )
                )
        if len(shape) != 3 or 0 in shape or shape[2] != features:
            raise checks.ArgumentError(
                checks.message(
                    type(self).__name__,
                    "x",
                    f"of shape (batch, time, {features}), not empty",
                    f"shape {shape}",
                )
            )

    def get_config(self):
        return {
            **super().get_config(),
            "layer": keras.saving.serialize_keras_object(self.layer),
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        config["layer"] = keras.saving.deserialize_keras_object(config["layer"])
        return cls(**config)


_DOC = """A `{kind}` layer computed twice: by Keras, and by written-out equations.

{equations}

    The model trains like the layer: losses and metrics of `compile` get the layer's output,
    gradients reach the layer's weights, and `fit` and `evaluate` report
    `largest_difference`, the largest gap between the two computations.

    Args:
        layer: `keras.layers.{kind}` or `keras.layers.{kind}Cell`, built or not, with any
            units, activations, `go_backwards`, `return_sequences`, with or without biases.
            Dropout is off, because the equations have none.

    Call arguments:
        x: Tensor `[batch, time, features]`.
        initial_state: None for zeros, or a list of tensors `[batch, units]`: {states}.
        mask: None or bool tensor `[batch, time]`. A masked step leaves the state unchanged.

    Returns:
        dict of tensors. For each quantity q in {quantities}: "q" `[batch, time, units]`
        from the equations, "keras_q" from inside Keras's own cell, and "difference_q"
        `[batch]`, the largest absolute difference. "output", "keras_output" and
        "difference_output" are the same for the output of the whole layer, `[batch, units]`
        or `[batch, time, units]`. With `go_backwards` the steps are in the order in which
        the layer takes them.

    Raises:
        ValueError: `layer` is something else, or stateful; `x` has another shape.
"""


def _document(cls):
    equations = cells.KINDS[cls.kind][1]
    lines = equations.__doc__.splitlines()[2:]
    cls.__doc__ = _DOC.format(
        kind=cls.kind,
        equations="\n".join(lines).rstrip(),
        states=" and ".join(equations.states),
        quantities=", ".join(equations.quantities),
    )
    return cls


@_document
@keras.saving.register_keras_serializable(package="kerasmodels")
class GRUStepVerifier(_StepVerifier):
    kind = "GRU"


@_document
@keras.saving.register_keras_serializable(package="kerasmodels")
class LSTMStepVerifier(_StepVerifier):
    kind = "LSTM"


@_document
@keras.saving.register_keras_serializable(package="kerasmodels")
class SimpleRNNStepVerifier(_StepVerifier):
    kind = "SimpleRNN"
