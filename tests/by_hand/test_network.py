"""A network trained by its own backward pass is trained as Keras would train it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasmodels import by_hand
from kerasmodels.by_hand import HandDense, HandNetwork, check_gradients, dense_network

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 5))
LABELS = np.arange(12) % 3
ONE_HOT = np.eye(3)[LABELS]


def cross_entropy(y_true, y_pred):
    """As it stands; Keras's own would make the row sum to one first."""
    return -keras.ops.sum(y_true * keras.ops.log(y_pred), axis=-1)


def binary_cross_entropy(y_true, y_pred):
    """As it stands; Keras's own would take the softmax's logits for a sigmoid's."""
    each = y_true * keras.ops.log(y_pred) + (1 - y_true) * keras.ops.log(1 - y_pred)
    return -keras.ops.sum(each, axis=-1)


# Loss, last activation, the same loss of Keras, and how much larger ours is.
PAIRS = [
    (by_hand.CrossEntropy(), "softmax", "categorical_crossentropy", 1),
    (by_hand.BinaryCrossEntropy(), "sigmoid", "binary_crossentropy", 3),
    (by_hand.SquaredError(), "identity", "mse", 3),
    (by_hand.SquaredError(half=True), "tanh", "mse", 1.5),
    (by_hand.SquaredError(), "softmax", "mse", 3),
    # Each cross-entropy behind the other's activation.
    (by_hand.CrossEntropy(), "sigmoid", cross_entropy, 1),
    (by_hand.BinaryCrossEntropy(), "softmax", binary_cross_entropy, 1),
]


def twins(loss, activation, keras_loss, share, optimizer, l2=0.0):
    """A hand network and a Keras network with equal weights and equal steps."""
    ours = dense_network([5, 4, 3], ["relu", activation], seed=3, l2=l2)
    theirs = keras.Sequential(
        [
            keras.Input((5,)),
            keras.layers.Dense(4, "relu", kernel_regularizer=keras.regularizers.L2(l2)),
            keras.layers.Dense(
                3,
                None if activation == "identity" else activation,
                kernel_regularizer=keras.regularizers.L2(l2),
            ),
        ]
    )
    theirs.set_weights(ours.get_weights())
    ours.compile(optimizer(), loss)

    def scaled(y_true, y_pred):
        return share * keras.losses.get(keras_loss)(y_true, y_pred)

    theirs.compile(optimizer(), scaled)
    return ours, theirs


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{type(pair[0]).__name__}")
@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: keras.optimizers.SGD(0.1),
        pytest.param(lambda: keras.optimizers.Adam(0.01), marks=pytest.mark.slow),
    ],
    ids=["SGD", "Adam"],
)
def test_same_steps_as_keras(pair, optimizer):
    ours, theirs = twins(*pair, optimizer, l2=0.01)
    weight = RNG.uniform(0.5, 2, 12)
    for model in (ours, theirs):
        model.fit(
            X,
            ONE_HOT,
            sample_weight=weight,
            epochs=3,
            batch_size=5,
            shuffle=False,
            verbose=0,
        )
    for ours_w, theirs_w in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        # float32, six steps.
        np.testing.assert_allclose(ours_w, theirs_w, rtol=1e-4, atol=1e-5)
    values = [m.evaluate(X, ONE_HOT, verbose=0) for m in (ours, theirs)]
    assert values[0] == pytest.approx(values[1], rel=1e-4)


def test_sum_over_the_batch_is_the_mean_times_its_size():
    results = []
    for reduction, rate in (("sum", 0.01), ("sum_over_batch_size", 0.12)):
        model = dense_network([5, 4, 3], ["tanh", "softmax"], seed=1)
        model.compile(keras.optimizers.SGD(rate), by_hand.CrossEntropy(reduction=reduction))
        model.train_on_batch(X, ONE_HOT)
        results.append(model.get_weights())
    for one, other in zip(*results):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", [int, bool, "float32", "float64"])
def test_labels_of_every_kind_mean_the_same(kind, dtype):
    found = []
    for y in (ONE_HOT.astype("float64"), ONE_HOT.astype(kind)):
        model = dense_network([5, 4, 3], ["relu", "softmax"], seed=1, dtype=dtype)
        model.compile(keras.optimizers.SGD(0.1), by_hand.CrossEntropy())
        model.fit(X, y, batch_size=5, epochs=2, shuffle=False, verbose=0)
        model.train_on_batch(X.astype("float32"), y)
        assert check_gradients(model, X, y).right
        found.append(model.get_weights())
    for one, other in zip(*found):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: keras.optimizers.SGD(0.1, loss_scale_factor=8.0),
        lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1)),
    ],
)
def test_optimizers_that_scale_the_loss_step_as_others_do(optimizer):
    found = []
    for make in (lambda: keras.optimizers.SGD(0.1), optimizer):
        model = dense_network([5, 4, 3], ["relu", "softmax"], seed=1, l2=0.1)
        model.compile(make(), by_hand.CrossEntropy())
        model.fit(X, ONE_HOT, verbose=0)
        found.append(model.get_weights())
    for one, other in zip(*found):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


def test_half_precision_trains():
    model = dense_network([5, 4, 3], ["relu", "softmax"], seed=1, dtype="mixed_float16")
    whole = dense_network([5, 4, 3], ["relu", "softmax"], seed=1)
    for each in (model, whole):
        each.compile(keras.optimizers.SGD(0.5), by_hand.CrossEntropy())
        each.fit(X, ONE_HOT, epochs=5, verbose=0)
    for one, other in zip(model.get_weights(), whole.get_weights()):
        # Half precision has three digits.
        np.testing.assert_allclose(one, other, atol=2e-2)
    assert np.any(model.get_weights()[1])


@pytest.mark.parametrize("steps_per_execution", [1, 16])
def test_several_steps_at_once_are_the_same_steps(steps_per_execution):
    # TensorFlow overlaps the turns of such a loop.
    found = []
    for _ in range(4):
        model = dense_network([5, 4, 3], ["sigmoid", "softmax"], seed=1, l2=0.01)
        model.compile(
            keras.optimizers.SGD(1.0),
            by_hand.CrossEntropy(),
            steps_per_execution=steps_per_execution,
        )
        x, y = np.tile(X, (20, 1)), np.tile(ONE_HOT, (20, 1))
        model.fit(x, y, batch_size=1, shuffle=False, verbose=0)
        found.append(model.get_weights())
    for other in found[1:]:
        for one, two in zip(found[0], other):
            np.testing.assert_array_equal(one, two)


def test_penalty_is_there_in_other_models_too():
    layer = HandDense(3, l2=0.1, half_l2=True)
    model = keras.Sequential([keras.Input((5,)), layer])
    model.compile("sgd", "mse")
    whole = model.evaluate(X, ONE_HOT, verbose=0)
    bare = float(np.mean((model.predict(X, verbose=0) - ONE_HOT) ** 2))
    penalty = 0.05 * float(np.sum(layer.kernel.numpy() ** 2))
    assert whole == pytest.approx(bare + penalty, rel=1e-5)


def test_frozen_layer_stays():
    model = dense_network([5, 4, 3], ["relu", "softmax"])
    model.stack[0].trainable = False
    model.compile("adam", by_hand.CrossEntropy())
    before = model.get_weights()
    model.fit(X, ONE_HOT, verbose=0)
    after = model.get_weights()
    np.testing.assert_array_equal(before[0], after[0])
    assert np.any(before[2] != after[2])


def test_keeps_what_it_learnt_in_a_file_and_an_export(tmp_path):
    model = dense_network([5, 4, 3], ["sigmoid", "softmax"])
    model.compile("adam", by_hand.CrossEntropy(), metrics=["accuracy"])
    model.fit(X, ONE_HOT, epochs=2, verbose=0)
    model.save(tmp_path / "net.keras")
    again = keras.saving.load_model(tmp_path / "net.keras")
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))
    again.fit(X, ONE_HOT, verbose=0)
    model.export(tmp_path / "out", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "out")
    served = loaded.serve(X.astype("float32"))
    np.testing.assert_allclose(served, model(X), rtol=1e-6)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="`activation`.*swish"):
        HandDense(3, "swish")
    with pytest.raises(ValueError, match="`mistake`"):
        HandDense(3, mistake="typo")
    with pytest.raises(ValueError, match="HandDense"):
        HandNetwork([keras.layers.Dense(3)])
    with pytest.raises(ValueError, match="at least one"):
        HandNetwork([])
    with pytest.raises(ValueError, match=r"`x`.*\(batch, features\)"):
        HandDense(3)(np.zeros((2, 3, 4)))
    with pytest.raises(ValueError, match="`activity_regularizer`"):
        HandDense(3, activity_regularizer="l2")
    with pytest.raises(ValueError, match="`reduction`"):
        by_hand.CrossEntropy(reduction="mean_with_sample_weight")
    with pytest.raises(ValueError, match="`activations`.*list of 2"):
        dense_network([5, 4, 3], ["relu"])
    with pytest.raises(ValueError, match="`mistake`.*list of 1"):
        dense_network([5, 3], ["relu"], mistake=[None, None])
    with pytest.raises(ValueError, match="`sizes`"):
        dense_network([5, 0], ["relu"])
    model = dense_network([5, 3], ["softmax"])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="`loss`.*HandLoss"):
        model.fit(X, ONE_HOT, verbose=0)
    model.compile("sgd", by_hand.CrossEntropy(), loss_weights=2.0)
    with pytest.raises(ValueError, match="`loss_weights`"):
        model.fit(X, ONE_HOT, verbose=0)


def test_start_values_may_be_an_initializer():
    start = keras.initializers.Constant(0.25)
    model = dense_network([5, 3], ["softmax"], kernel=start, bias=start)
    assert all(np.all(weight == 0.25) for weight in model.get_weights())


@pytest.mark.parametrize("y", [LABELS[:, None], ONE_HOT[:, 0], np.eye(2)[LABELS % 2]])
def test_targets_of_another_shape_are_refused(y):
    for call in ("fit", "evaluate"):
        model = dense_network([5, 3], ["softmax"])
        model.compile("sgd", by_hand.CrossEntropy())
        with pytest.raises(ValueError, match=r"`y` to be of shape \(batch, 3\)"):
            getattr(model, call)(X, y, verbose=0)
    with pytest.raises(ValueError, match="`half`"):
        by_hand.SquaredError(half="yes")


@pytest.mark.parametrize("activation", ["softmax", "unshifted_softmax"])
def test_softmax_overflows_without_its_shift(activation):
    layer = HandDense(3, activation, kernel_initializer="ones", dtype="float64")
    value = layer(np.array([[400.0, 400.0]])).numpy()
    assert np.all(np.isfinite(value)) == (activation == "softmax")
    small = layer(np.array([[0.3, 0.4]])).numpy()
    np.testing.assert_allclose(small, 1 / 3, rtol=1e-12)
