"""Reference derivatives of a model's loss, by a tape and by differences."""

import dataclasses

import numpy as np
import tensorflow as tf

EPS = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}


@dataclasses.dataclass(frozen=True)
class Precision:
    """Tolerances and steps that belong to a float type.

    Attributes:
        dtype: str.
        tolerance: float. Relative error from which two gradients are different.
        least: float. Smallest size of a gradient, relative to the largest of all weights,
            that errors are divided by.
        step: float. The step of a difference, relative to the weight.
        rounding: float. The rounding error of such a difference for a loss of one.
    """

    dtype: str
    tolerance: float
    least: float
    step: float
    rounding: float


def precision(dtype, tolerance):
    """The `Precision` of a float type for a given tolerance."""
    eps = EPS[dtype]
    if dtype == "float64":
        # The step is small, so that few steps cross the kink of a ReLU.
        tolerance, least, step = tolerance, 1e-7, 1e-6
    else:
        # Half of the digits; the step makes rounding and curvature errors equal.
        tolerance, least, step = max(tolerance, eps**0.5), eps**0.5, eps ** (1 / 3)
    return Precision(dtype, tolerance, least, step, rounding=45 * eps / step)


def types_of(model):
    """The types in which a model stores or computes."""
    types = {layer.compute_dtype for layer in model._flatten_layers()}
    return types | {weight.dtype for weight in model.trainable_variables}


def coarsest(types):
    """The float type with the fewest digits; other types are ignored."""
    return max(types & EPS.keys(), key=EPS.get, default="float64")


class Loss:
    """The compiled loss of a model on one batch, as a function of the model's weights.

    Each evaluation restores the state from before it, so that all of them have the same
    masks of a dropout and the same states of a recurrent layer.
    """

    def __init__(self, model, x, y, sample_weight):
        self.model, self.batch = model, (x, y, sample_weight)
        trainable = {id(weight) for weight in model.trainable_variables}
        states = [v.value for v in model.variables if id(v) not in trainable]
        self.start = [(state, state.numpy()) for state in states]
        with tf.GradientTape() as tape:
            value = self._value()
        self.value = float(value)
        self.by_tape = [
            # The gradient of an embedding has slices.
            np.zeros(w.shape) if g is None else _array(g)
            for g, w in zip(
                tape.gradient(value, model.trainable_variables), model.trainable_variables
            )
        ]
        self.start = [(s, old) for s, old in self.start if np.any(s.numpy() != old)]
        self._reset()
        self.evaluate = as_graph(self._value, value)
        self._reset()

    def _value(self):
        x, y, sample_weight = self.batch
        return self.model.compute_loss(x, y, self.model(x, training=True), sample_weight)

    def _reset(self):
        for state, old in self.start:
            state.assign(old)

    def __call__(self):
        value = float(self.evaluate())
        self._reset()
        return value

    def differences(self, weight, max_entries, relative_step):
        """One-sided slopes at some entries of a weight: smaller, larger, and entry."""
        start, here = np.array(weight.numpy()), self()
        rng = np.random.default_rng(0)
        entries = rng.permutation(start.size)[:max_entries]
        found = []
        for entry in entries:
            slopes = []
            for sign in (1, -1):
                moved = start.copy()
                moved.flat[entry] += (
                    sign * relative_step * max(1.0, abs(float(moved.flat[entry])))
                )
                weight.assign(moved)
                # The step after rounding to the type of the weight.
                step = float(moved.flat[entry]) - float(start.flat[entry])
                slopes.append((self() - here) / step)
            found.append(sorted(slopes))
        weight.assign(start)
        return *np.transpose(found), entries


def _array(gradient):
    return np.asarray(tf.convert_to_tensor(gradient)).astype("float64")


def as_graph(loss, value):
    """`loss` as a graph, because the differences evaluate it some hundred times.

    A model whose Python code does not work as a graph keeps its `loss`: where the graph
    raises an error, or where its value is not `value`.
    """
    try:
        # A concrete function is a graph even where functions run eagerly.
        graph = tf.function(loss).get_concrete_function()
        found = float(graph())
    except Exception:
        return loss
    # A graph may add in another order.
    eps = 1e-12 if tf.as_dtype(value.dtype) == tf.float64 else 1e-5
    same = np.isclose(found, float(value), rtol=eps, atol=0.0, equal_nan=True)
    return graph if same else loss
