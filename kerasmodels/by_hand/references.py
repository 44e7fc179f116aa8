"""Derivatives of a model's loss that nobody worked out: by a tape, and by differences."""

import dataclasses

import numpy as np
import tensorflow as tf

EPS = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}


@dataclasses.dataclass(frozen=True)
class Precision:
    """What a float type can tell apart.

    Attributes:
        dtype: str.
        tolerance: float. Relative error from which two gradients are different.
        least: float. Size of a gradient, beside the largest of them, below which it is
            taken for that.
        step: float. Of a difference, relative to the weight.
        rounding: float. What is left in such a difference of a loss of one.
    """

    dtype: str
    tolerance: float
    least: float
    step: float
    rounding: float


def precision(dtype, tolerance):
    """The `Precision` of a float type for a wanted tolerance."""
    eps = EPS[dtype]
    if dtype == "float64":
        # The step is small, because a ReLU has a kink in its way.
        tolerance, least, step = tolerance, 1e-7, 1e-6
    else:
        # Half of the digits; and the step at which rounding and curvature are equal.
        tolerance, least, step = max(tolerance, eps**0.5), eps**0.5, eps ** (1 / 3)
    return Precision(dtype, tolerance, least, step, rounding=45 * eps / step)


def types_of(model):
    """The types in which a model stores or computes."""
    types = {layer.compute_dtype for layer in model._flatten_layers()}
    return types | {weight.dtype for weight in model.trainable_variables}


def coarsest(types):
    """The float type with the fewest digits; integers have none to lose."""
    return max(types & EPS.keys(), key=EPS.get, default="float64")


class Loss:
    """The loss that a model is compiled with, of one batch, as a function of its weights.

    Each evaluation leaves the state that it starts from, so that the masks of a dropout and
    the states of a recurrent layer are those of the first.
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
            # Of an embedding it comes in slices.
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
        """Slopes to both sides of some entries of a weight: low, high, which."""
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
                # As it is stored.
                step = float(moved.flat[entry]) - float(start.flat[entry])
                slopes.append((self() - here) / step)
            found.append(sorted(slopes))
        weight.assign(start)
        return *np.transpose(found), entries


def _array(gradient):
    return np.asarray(tf.convert_to_tensor(gradient)).astype("float64")


def as_graph(loss, value):
    """`loss` as a graph, because the differences evaluate it some hundred times.

    A model whose Python code a graph cannot hold keeps its `loss`: the graph fails, or
    its value is not the `value` that the code gives.
    """
    try:
        # This one is a graph even where functions run eagerly; those in it are its code.
        graph = tf.function(loss).get_concrete_function()
        found = float(graph())
    except Exception:
        return loss
    # A graph may add in another order.
    eps = 1e-12 if tf.as_dtype(value.dtype) == tf.float64 else 1e-5
    same = np.isclose(found, float(value), rtol=eps, atol=0.0, equal_nan=True)
    return graph if same else loss
