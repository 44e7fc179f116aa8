"""The check finds every planted mistake, names its layer, and stays silent elsewhere."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasmodels import by_hand
from kerasmodels.by_hand import MISTAKES, check_gradients, dense_network, explain_backward
from kerasmodels.by_hand.references import as_graph

RNG = np.random.default_rng(0)


def compiled(model, loss=None):
    model.compile("sgd", by_hand.CrossEntropy() if loss is None else loss)
    return model


def batch(samples, features, classes):
    y = np.eye(classes)[RNG.integers(0, classes, samples)]
    return RNG.normal(size=(samples, features)), y


@pytest.mark.parametrize("mistake", MISTAKES)
def test_every_mistake_in_every_layer_is_found(mistake):
    # Every size is the same, which is how most of these live on.
    activations, data = ["tanh", "sigmoid", "softmax"], batch(4, 4, 4)
    model = dense_network([4] * 4, activations)
    # Not the cross-entropy, with which a softmax needs no derivative of its own.
    compiled(model, by_hand.SquaredError())
    for place, layer in enumerate(model.stack):
        layer.mistake = mistake
        report = check_gradients(model, *data, max_entries=4)
        layer.mistake = None
        # What a layer hands back makes the one before it the first that is wrong; what
        # the first layer hands back nobody reads.
        wrong = place - ("input_gradient" in MISTAKES[mistake])
        if wrong < 0 or (mistake == "softmax entry by entry" and place < 2):
            assert report.right
            continue
        assert not report.right and report.failure is None
        assert report.first_wrong == model.stack[wrong].kernel.path.rpartition("/")[0]
        names = [
            name
            for name in ("kernel", "bias")
            if any(
                w.wrong and w.weight == f"{report.first_wrong}/{name}"
                for w in report.weights
            )
        ]
        assert f"Look at {report.first_wrong} first: {', '.join(names)}." in str(report)


def test_a_mistake_that_stops_says_where():
    model = dense_network(
        [5, 4, 3], ["relu", "softmax"], mistake=["transpose left out", None]
    )
    report = check_gradients(compiled(model), *batch(7, 5, 3))
    assert not report.right
    assert model.stack[0].kernel.path in report.failure


@pytest.mark.parametrize("seed", range(5))
def test_right_networks_are_right(seed):
    model = dense_network(
        [6, 5, 4, 3], ["relu", "tanh", "softmax"], seed, l2=0.1, half_l2=True
    )
    report = check_gradients(compiled(model), *batch(7, 6, 3), sample_weight=np.arange(7.0))
    assert report.right and report.first_wrong is None
    assert max(weight.error for weight in report.weights) < 1e-9
    assert max(weight.difference_error for weight in report.weights) < 1e-5
    assert "Every gradient agrees" in str(report)


def test_it_changes_nothing_in_the_model():
    model = compiled(dense_network([6, 3], ["softmax"]))
    before = model.get_weights()
    check_gradients(model, *batch(7, 6, 3))
    for one, other in zip(before, model.get_weights()):
        np.testing.assert_array_equal(one, other)
    assert keras.config.floatx() == "float32"


@keras.saving.register_keras_serializable(package="tests")
class OwnGradient(keras.layers.Layer):
    """x^2 w, with a derivative of its own."""

    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def build(self, shape):
        self.w = self.add_weight(shape=(), initializer="ones", name="w")

    def call(self, x):
        factor = self.factor

        @tf.custom_gradient
        def square(x):
            return x * x, lambda upstream: upstream * factor * x

        return self.w * square(x)

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


def test_the_error_is_seen_against_differences_where_the_tape_believes_the_layer():
    # A custom gradient deceives the tape too: only differences tell.
    for factor, right in ((2.0, True), (3.0, False)):
        model = keras.Sequential(
            [keras.Input((3,)), keras.layers.Dense(4), OwnGradient(factor)]
        )
        model.compile("sgd", "mse")
        report = check_gradients(model, RNG.normal(size=(5, 3)), RNG.normal(size=(5, 4)))
        assert report.right is right
        if not right:
            # Behind the layer nothing is wrong.
            assert [weight.wrong for weight in report.weights] == [True, True, False]


class Unregistered(keras.Model):
    """A model of an embedding, with a gradient that Keras computes."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.embed, self.out = keras.layers.Embedding(5, 3), keras.layers.Dense(2)
        self.unused = self.add_weight(shape=(2,), name="unused")

    def build(self, shape):
        self.embed.build(shape)
        self.out.build((None, 3))

    def call(self, x):
        return self.out(keras.ops.mean(self.embed(x), axis=1))


def test_models_of_all_kinds_are_checked():
    model = Unregistered()
    model.build((None, 4))
    model.compile("sgd", ["mse"])
    # Lists of numbers; integers that stay integers; a weight that nobody reads.
    report = check_gradients(model, [[0, 1, 2, 4], [3, 3, 1, 0]], [[0.5, 1.0], [2.0, 0.0]])
    assert report.right and len(report.weights) == 4


def test_two_layers_of_one_name_are_told_apart():
    layers = [by_hand.HandDense(4, "tanh", name="h") for _ in range(2)]
    model = compiled(by_hand.HandNetwork(layers), by_hand.SquaredError())
    model.build((None, 4))
    x, y = batch(4, 4, 4)
    assert check_gradients(model, x, y).right
    before = model.get_weights()
    model.train_on_batch(x, y)
    assert all(np.any(a != b) for a, b in zip(before, model.get_weights()))
    with pytest.raises(ValueError, match="different layers"):
        by_hand.HandNetwork([layers[0], layers[0]])


def test_uncompiled_models_are_refused():
    with pytest.raises(ValueError, match="compiled"):
        check_gradients(dense_network([3, 2], ["softmax"]), *batch(4, 3, 2))


def test_the_shapes_are_explained():
    model = compiled(dense_network([6, 5, 3], ["relu", "softmax"]))
    text = explain_backward(model, *batch(7, 6, 3))
    assert "(5x7) (7x3) -> 5x3" in text and "(6x7) (7x5) -> 6x5" in text
    assert "sum over the 7 samples" in text
    assert "softmax and loss cancel" in text
    assert text.index("5x3") < text.index("6x5")
    with pytest.raises(ValueError, match="HandNetwork"):
        explain_backward(keras.Sequential(), None, None)


def test_the_loss_of_the_differences_is_a_graph_only_where_a_graph_gives_its_value():
    x = tf.constant([1.0, 2.0], "float64")

    def plain():
        return tf.reduce_sum(x)

    def branches():
        # A tensor of a graph has no value.
        return tf.reduce_sum(x if tf.reduce_sum(x).numpy() > 0 else -x)

    calls = []

    def counts():
        # A graph repeats the number of calls that it was traced with.
        calls.append(1)
        return tf.reduce_sum(x) * len(calls)

    graph = as_graph(plain, plain())
    assert graph is not plain and float(graph()) == 3.0
    for loss in (branches, counts):
        assert as_graph(loss, loss()) is loss
