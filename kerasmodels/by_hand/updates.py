"""Record of the updates of a `train_step`: gradients for optimizers, and assignments.

Each optimizer of the model records the gradients that it is given, and each weight the
values that it is assigned. The caller chooses whether a weight then moves, because code
that updates a layer too early computes another gradient if it does.
"""

import dataclasses
import numbers

import keras
import numpy as np
import tensorflow as tf

from kerasmodels.by_hand.set_aside import set_aside

# Names of attributes that are learning rates.
_RATES = ("learning_rate", "lr", "eta")


@dataclasses.dataclass
class Step:
    """One `train_step`. Weights go by their number among the trainable ones.

    Attributes:
        gradients: dict of arrays: the sum of the gradients that optimizers were given.
        changes: dict of arrays: the sum of the changes that the step assigned itself.
        order: list: the weights in the order of their first update.
        count: int: the number of updates; one call of an optimizer is one.
        types: set of str: the float types of the gradients that optimizers were given.
        failure: None or str.
        carried: list: the numbers of untrained weights that the step changes and that have
            the shape of a trained weight, as a velocity has.
    """

    gradients: dict = dataclasses.field(default_factory=dict)
    changes: dict = dataclasses.field(default_factory=dict)
    order: list = dataclasses.field(default_factory=list)
    count: int = 0
    types: set = dataclasses.field(default_factory=set)
    failure: str | None = None
    carried: list = dataclasses.field(default_factory=list)

    def add(self, found, number, value):
        if number not in self.order:
            self.order.append(number)
        # Two gradients of different shapes have no sum, so the later one is kept.
        old = found.get(number)
        same = old is not None and old.shape == value.shape
        found[number] = old + value if same else value


def run_step(model, data, moving=(), rate=None):
    """Runs `model.train_step(data)`, undoes its effects, and returns a `Step`.

    Args:
        model: `keras.Model`, compiled and built.
        data: tuple, as Keras hands it to a `train_step`.
        moving: the numbers of the weights that an update moves. An optimizer moves them by
            half their size, whatever its rate, so that later gradients change clearly.
        rate: None, or the value of each learning rate in the optimizers and the model.
    """
    with set_aside(model) as things:
        step = Step()
        weights = [
            _Weight(number, weight.value, number in moving, step)
            for number, weight in enumerate(model.trainable_variables)
        ]
        known = {id(weight.storage): weight for weight in weights}
        for thing in things:
            if isinstance(thing, keras.optimizers.Optimizer):
                _Recorder(thing, model, known, step).stand_in(rate)
            elif rate is not None and not isinstance(thing, (dict, list, tuple, set)):
                _set_rates(thing, rate)
        before = [weight.value.numpy() for weight in model.non_trainable_variables]
        try:
            model.train_step(data)
        except Exception as error:
            step.failure = words(error)
        shapes = {weight.start.shape for weight in weights}
        for number, weight in enumerate(model.non_trainable_variables[: len(before)]):
            fits = before[number].shape in shapes and before[number].dtype.kind == "f"
            if fits and not np.array_equal(weight.value.numpy(), before[number]):
                step.carried.append(number)
        for weight in weights:
            weight.see_the_rest()
    return step


def words(error):
    """An exception in one line."""
    text = " ".join(" ".join([str(error), *getattr(error, "__notes__", [])]).split())
    told = isinstance(error, (ValueError, TypeError, tf.errors.OpError)) and text
    return text if told else f"{type(error).__name__}: {text}"


class _Weight:
    """The variable of a weight, with a record of its assignments."""

    def __init__(self, number, storage, moves, step):
        self.number, self.storage, self.moves, self.step = number, storage, moves, step
        self.start, self.moved = storage.numpy(), 0.0
        self.really_assign = storage.assign
        # Every assignment of Keras uses one of these three methods.
        storage.assign = self.assign
        storage.assign_add = lambda value, *_, **__: self.assign(
            storage + tf.cast(value, storage.dtype)
        )
        storage.assign_sub = lambda value, *_, **__: self.assign(
            storage - tf.cast(value, storage.dtype)
        )

    def assign(self, value, *_, **__):
        value = tf.cast(tf.convert_to_tensor(value), self.storage.dtype)
        change = value.numpy() - self.storage.numpy()
        self.step.count += 1
        self.step.add(self.step.changes, self.number, change.astype("float64"))
        if self.moves:
            self._move(change)
        return self.storage

    def apply(self, gradient):
        self.step.add(self.step.gradients, self.number, gradient)
        largest = np.max(np.abs(gradient), initial=0.0)
        fits = gradient.shape == self.start.shape and np.isfinite(largest) and largest > 0
        if self.moves and fits:
            size = np.max(np.abs(self.start).astype("float64"), initial=0.0)
            self._move(-gradient * (0.5 * (size or 1.0) / largest))

    def _move(self, change):
        change = change.astype(self.start.dtype)
        self.moved = self.moved + change
        self.really_assign(self.storage.numpy() + change)

    def see_the_rest(self):
        """Adds changes that were made without the recorded methods."""
        rest = self.storage.numpy() - self.start - self.moved
        size, moved = (np.max(np.abs(v), initial=0.0) for v in (rest, self.moved))
        # A smaller rest is rounding error of the sum.
        if size > 1e-3 * moved:
            self.step.add(self.step.changes, self.number, rest.astype("float64"))


class _Recorder:
    """Replacement for two methods of an optimizer while a step runs."""

    def __init__(self, optimizer, model, known, step):
        self.optimizer, self.known, self.step = optimizer, known, step
        self.variables = None
        if optimizer.built:
            self.variables = list(optimizer._trainable_variables)
        elif optimizer is model.optimizer:
            # `fit` builds it on these before the first step.
            self.variables = list(model.trainable_variables)

    def stand_in(self, rate):
        # Not by setattr, because Keras and TensorFlow track attributes there.
        vars(self.optimizer).update(apply=self.apply, build=self.build)
        if rate is not None:
            rate = keras.Variable(rate, dtype=keras.config.floatx(), trainable=False)
            vars(self.optimizer)["_learning_rate"] = rate

    def build(self, variables):
        self.variables = list(variables)

    def apply(self, grads, trainable_variables=None):
        grads = list(grads)
        if trainable_variables is None:
            trainable_variables = self.variables
            if trainable_variables is None or len(grads) != len(trainable_variables):
                held = "none" if trainable_variables is None else len(trainable_variables)
                raise ValueError(
                    f"{self.optimizer.name}.apply was given {len(grads)} gradients and no "
                    f"weights, and the optimizer was built on {held}."
                )
        # A `train_step` multiplies its gradients by this scale for such an optimizer.
        scale = float(keras.ops.convert_to_numpy(self.optimizer.scale_loss(1.0)))
        self.step.count += 1
        for gradient, variable in zip(grads, trainable_variables):
            storage = variable.value if isinstance(variable, keras.Variable) else variable
            weight = self.known.get(id(storage))
            if weight is not None and gradient is not None:
                gradient = tf.convert_to_tensor(gradient)
                self.step.types.add(gradient.dtype.name)
                weight.apply(gradient.numpy().astype("float64") / scale)


def _set_rates(thing, rate):
    """Sets the learning-rate attributes of a layer or model to `rate`."""
    for name in _RATES:
        value = vars(thing).get(name)
        if isinstance(value, numbers.Real) and not isinstance(value, bool):
            vars(thing)[name] = rate
        elif isinstance(value, (keras.Variable, tf.Variable)) and value.shape == ():
            value.assign(rate)
