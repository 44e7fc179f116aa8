"""The model itself is checked, whatever its constructor, and is afterwards what it was."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from kerasmodels.by_hand import check_gradients

RNG = np.random.default_rng(5)
X, Y = RNG.normal(size=(7, 4)), RNG.normal(size=(7, 2))


class Linear(keras.Model):
    """x w, with `factor` x^T error / (2 batch) for its gradient: 2 is right."""

    factor = 2.0

    def build(self, shape):
        self.w = self.add_weight(shape=(4, 2), name="w")

    def call(self, x):
        return ops.matmul(x, self.w)

    def train_step(self, data):
        x, y = data
        error = self(x) - y
        gradient = self.factor * ops.matmul(ops.transpose(x), error) / (2 * x.shape[0])
        self.optimizer.apply([gradient], [self.w])
        return {}


class Factor(Linear):
    """With an argument that Keras leaves out of the config of a model."""

    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor


class Plain(Linear):
    """The constructor of every tutorial, and an argument of a position."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor


class Given(Linear):
    """An array in the constructor, and the start weights in it."""

    def __init__(self, start, factor):
        super().__init__()
        self.start, self.factor = start, factor

    def build(self, shape):
        super().build(shape)
        self.w.assign(self.start)


class Casting(Plain):
    """A step that is written in float32, as many are."""

    def train_step(self, data):
        x, y = (tf.cast(part, tf.float32) for part in data)
        error = tf.matmul(x, tf.convert_to_tensor(self.w)) - y
        gradient = self.factor * tf.matmul(x, error, transpose_a=True) / (2.0 * len(x))
        self.optimizer.apply([gradient], [self.w])
        return {}


def compiled(model, loss="mse"):
    model.build((None, 4))
    model.compile("sgd", loss)
    return model


MAKE = [Factor, Plain, lambda factor: Given(np.ones((4, 2), "float32"), factor)]


@pytest.mark.parametrize("make", MAKE, ids=["default", "no config", "array"])
def test_the_model_is_checked_and_no_copy_of_it(make):
    assert check_gradients(compiled(make(2.0)), X, Y).right
    report = check_gradients(compiled(make(1.0)), X, Y)
    assert not report.right and report.dtype == "float64"
    assert report.weights[0].factor == pytest.approx(0.5, rel=1e-12)


def test_a_step_of_one_float_type_is_checked_in_that():
    report = check_gradients(compiled(Casting(2.0)), X, Y)
    # Seven products of float32, whose eps is 1e-7.
    assert report.right and report.dtype == "float32" and report.weights[0].error < 1e-5
    assert "Compared in float32, because in float64 the model stops" in str(report)
    report = check_gradients(compiled(Casting(1.98)), X, Y)
    assert not report.right and report.weights[0].factor == pytest.approx(0.99, rel=1e-4)


def test_the_metrics_are_there_as_in_fit():
    class Reading(Plain):
        def train_step(self, data):
            super().train_step(data)
            # Of one that is not built Keras refuses the result.
            return {metric.name: metric.result() for metric in self.metrics}

    model = Reading(2.0)
    model.build((None, 4))
    model.compile("sgd", "mse", metrics=["mae"])
    assert check_gradients(model, X, Y).failure is None


def test_gradients_that_are_rounded_are_no_wrong_ones():
    class Rounding(Plain):
        def train_step(self, data):
            x, y = (np.asarray(part, "float32") for part in data)
            error = x @ np.asarray(self.w, "float32") - y
            self.optimizer.apply([self.factor * x.T @ error / (2 * len(x))], [self.w])
            return {}

    # float32 leaves more than 1e-8 of it, and the tolerance is finer.
    model = compiled(Rounding(2.0))
    report = check_gradients(model, X, Y, tolerance=1e-8)
    assert report.right and report.dtype == "float32" and report.weights[0].error > 1e-8
    assert "rounds its gradients to float32" in str(report)
    assert not check_gradients(compiled(Rounding(1.98)), X, Y, tolerance=1e-8).right


class Stateful(keras.Model):
    """All that a step can change: numbers, containers, weights, arrays, variables."""

    def __init__(self, stops):
        super().__init__()
        self.norm, self.out = keras.layers.BatchNormalization(), keras.layers.Dense(2)
        self.drop = keras.layers.Dropout(0.5, seed=1)
        self.stops, self.count = stops, 0
        self.log, self.table, self.seen = [1], {"a": [1]}, {1}
        self.array, self.raw = np.zeros(2), tf.Variable([1.0, 2.0])

    def build(self, shape):
        self.norm.build(shape)
        self.out.build(shape)

    def call(self, x, training=False):
        return self.out(self.drop(self.norm(x, training=training), training=training))

    def train_step(self, data):
        self.count += 1
        self.log.append(2)
        self.table["a"].append(2)
        self.table["b"] = 3
        self.seen.add(2)
        self.array += 1.0
        self.raw.assign_add([1.0, 1.0])
        self.new = [1]
        self.optimizer.learning_rate = 5.0
        logs = super().train_step(data)
        if self.stops:
            raise RuntimeError("halfway")
        return logs


def state(model):
    """Everything of a model that the test can name, and the objects that hold it."""
    holders = [weight.value for weight in model.variables + model.optimizer.variables]
    numbers = [np.array(holder.numpy()) for holder in [*holders, model.raw]]
    plain = [model.count, list(model.log), {k: str(v) for k, v in model.table.items()}]
    plain += [set(model.seen), model.array.tolist(), sorted(vars(model))]
    plain += [sorted(vars(model.optimizer)), model.out.dtype_policy.name, model.built]
    plain += [
        str(model.metrics),
        float(ops.convert_to_numpy(model.optimizer.learning_rate)),
    ]
    plain += [keras.config.floatx(), keras.config.dtype_policy().name]
    plain += [tf.config.functions_run_eagerly()]
    return holders, numbers, plain


@pytest.mark.parametrize("stops", [False, True])
def test_nothing_is_left_of_a_check_also_where_the_step_stops(stops):
    model = Stateful(stops)
    model.build((None, 4))
    model.compile(keras.optimizers.Adam(0.1), "mse", metrics=["mae"])
    model(X)
    before = state(model)
    report = check_gradients(model, X, Y, max_entries=5)
    # Every evaluation drops out the same units.
    assert report.right is not stops
    assert not stops or "RuntimeError: halfway" in report.failure
    after = state(model)
    assert all(one is other for one, other in zip(before[0], after[0], strict=True))
    for one, other in zip(before[1], after[1], strict=True):
        np.testing.assert_array_equal(one, other)
    assert before[2] == after[2]


def test_models_that_cannot_be_checked_are_refused_in_words():
    with pytest.raises(ValueError, match="`model` to be compiled with a loss"):
        check_gradients(compiled(Plain(2.0), loss=None), X, Y)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, trainable=False)])
    with pytest.raises(ValueError, match="with trainable weights"):
        check_gradients(compiled(model), X, Y)


def test_a_traced_function_does_not_bring_the_old_weights_back():
    class Traced(Plain):
        @tf.function
        def product(self, x):
            return tf.cast(x, self.w.dtype) @ tf.convert_to_tensor(self.w)

        def call(self, x):
            return self.product(x)

    model = compiled(Traced(2.0))
    x = np.arange(28).reshape(7, 4) % 5
    # Of integers the check has no other type, and so the same trace.
    model(x)
    before = model.get_weights()[0]
    assert check_gradients(model, x, Y).right
    np.testing.assert_array_equal(model.get_weights()[0], before)
