"""Labels as people have them: which axis the classes are on, masks, foreground alone."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasmodels import losses

RNG = np.random.default_rng(0)
CLASSES = 4
LABELS = RNG.integers(0, CLASSES, (2, 6, 8))


def softmax(logits):
    shares = np.exp(logits)
    return shares / shares.sum(axis=-1, keepdims=True)


ONE_HOT = np.eye(CLASSES)[LABELS]
P = softmax(2 * ONE_HOT + RNG.normal(size=ONE_HOT.shape))


def sudre(truth, p, kept=slice(None)):
    """The formula per image, absent classes as in "image", over the classes `kept`."""
    values = []
    for r, q in zip(truth, p):
        r, q = r.reshape(-1, r.shape[-1])[:, kept], q.reshape(-1, q.shape[-1])[:, kept]
        count, absent = r.sum(axis=0), np.sum(r.sum(axis=0) == 0)
        share = 1 / len(r) ** 2 / max(absent, 1)
        weight = np.array([1 / c**2 if c else share for c in count])
        size = weight @ (count + q.sum(axis=0))
        values.append(1 - 2 * weight @ (r * q).sum(axis=0) / size)
    return values


def first(values):
    return np.moveaxis(values, -1, 1)


def close(value, expected):
    # float64 on both sides.
    np.testing.assert_allclose(value, expected, rtol=0, atol=1e-12)


SQUARE = RNG.integers(0, CLASSES, (2, CLASSES, CLASSES))
Q = softmax(RNG.normal(size=(2, CLASSES, CLASSES, CLASSES)))
CUBE = RNG.integers(0, 3, (1, 3, 3, 3))
CUBE_Q = softmax(RNG.normal(size=(1, 3, 3, 3, 3)))


@pytest.mark.parametrize(
    "y, p, argument",
    [
        (first(ONE_HOT), first(P), "y_pred"),
        (first(ONE_HOT).astype("uint8"), first(P).astype("float16"), "y_pred"),
        # Integers have no axis of classes: the predictions give it away.
        (SQUARE, first(Q), "y_pred"),
        (CUBE, first(CUBE_Q), "y_pred"),
        # The truth alone, beside predictions that are channels last or sigmoids.
        (first(np.eye(CLASSES)[SQUARE]), Q, "y_true"),
        (first(ONE_HOT), 0.9 * first(P) ** 2, "y_true"),
    ],
)
def test_channels_first_is_refused(y, p, argument):
    words = f"expects `{argument}` to be channels last.*sum to one along axis 1"
    with pytest.raises(ValueError, match=words):
        losses.generalized_dice(y, p)
    with pytest.raises(ValueError, match=words):
        losses.GeneralizedDice()(y, p)
    if p.shape[-1] == CLASSES:
        with pytest.raises(ValueError, match=words):
            losses.MeanDice(CLASSES).update_state(y, p)


@pytest.mark.parametrize(
    "y, p, moved",
    [
        (LABELS, first(P), ["y_pred"]),
        (LABELS[..., None], first(P), ["y_pred"]),
        (ONE_HOT, first(P), ["y_pred"]),
        (first(ONE_HOT), P, ["y_true"]),
        (LABELS[:, None], P, ["y_true"]),
        (LABELS[:, None], first(P), ["y_true", "y_pred"]),
    ],
)
def test_shapes_that_fit_once_classes_are_last_are_named(y, p, moved):
    with pytest.raises(ValueError, match="Received: shape.* channels last here") as error:
        losses.generalized_dice(y, p)
    advised = [
        name for name in ("y_true", "y_pred") if f"({name}, 1, -1)" in str(error.value)
    ]
    assert advised == moved
    by_name = {"y_true": y, "y_pred": p}
    for name in moved:
        by_name[name] = np.moveaxis(by_name[name], 1, -1)
    close(losses.generalized_dice(**by_name), sudre(ONE_HOT, P))


def test_logits_channels_first_are_known_by_the_truth():
    with pytest.raises(ValueError, match="`y_true` to be channels last"):
        losses.generalized_dice(first(ONE_HOT), 5 * first(P), from_logits=True)


def test_overlapping_regions_stay_allowed():
    regions = np.stack([LABELS >= 1, LABELS >= 2, LABELS >= 3], axis=-1).astype(float)
    sigmoid = 1 / (1 + np.exp(-RNG.normal(size=regions.shape)))
    close(losses.generalized_dice(regions, sigmoid), sudre(regions, sigmoid))
    metric = losses.MeanDice(3, background=None)
    metric.update_state(regions, sigmoid)
    assert 0 < float(metric.result()) < 1
    # An untrained network's sigmoids sum to one along any axis of two voxels.
    half = np.full((2, 2, 8, 3), 0.5)
    close(losses.generalized_dice(regions[:, :2], half), sudre(regions[:, :2], half))
    # So does a single row, everywhere in all regions.
    row = np.ones((1, 1, 8, 3))
    close(losses.generalized_dice(row, row), [0.0])


def test_one_hot_rows_and_columns_stay_allowed():
    # A permutation: every column holds each class once, as every voxel does.
    y = (np.arange(4)[:, None] + np.arange(4)) % 4
    truth, p = np.eye(4)[y][None], softmax(RNG.normal(size=(1, 4, 4, 4)))
    close(losses.generalized_dice(truth, p), sudre(truth, p))


def step(y, p):
    """The loss in a graph, as `fit` compiles it, where the sizes are not known."""
    shapes = [tf.TensorSpec([None] * (v.ndim - 1) + [v.shape[-1]], v.dtype) for v in (y, p)]
    function = tf.function(losses.GeneralizedDice(dtype="float64"), input_signature=shapes)
    return float(function(y, p))


def test_channels_first_is_refused_in_a_graph():
    with pytest.raises(tf.errors.InvalidArgumentError, match="channels last"):
        step(first(ONE_HOT), first(P))
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="`y_true` to be channels last"
    ):
        step(first(np.eye(CLASSES)[SQUARE]), Q)
    close(step(ONE_HOT, P), np.mean(sudre(ONE_HOT, P)))


MASK = LABELS > 1
TWO = softmax(RNG.normal(size=(*MASK.shape, 2)))


def test_masks_of_bools_are_labels():
    expected = sudre(np.eye(2)[MASK.astype(int)], TWO)
    for y in (MASK, MASK[..., None], np.stack([~MASK, MASK], axis=-1)):
        close(losses.generalized_dice(y, TWO), expected)
        metric = losses.MeanDice(2)
        metric.update_state(y, TWO)
        found = TWO[..., 1] > TWO[..., 0]
        dice = 2 * np.sum(MASK & found) / (MASK.sum() + found.sum())
        assert float(metric.result()) == pytest.approx(dice, abs=1e-7)
    weights = losses.generalized_dice_weights(MASK, 2)
    close(weights, losses.generalized_dice_weights(MASK.astype(int), 2))
    # Predictions and weights of voxels may be masks too.
    close(losses.generalized_dice(MASK, np.stack([~MASK, MASK], axis=-1)), [0.0, 0.0])
    kept = losses.generalized_dice(MASK, TWO, sample_weight=MASK[..., ::-1])
    close(kept, losses.generalized_dice(MASK, TWO, sample_weight=1.0 * MASK[..., ::-1]))


def test_fit_takes_a_mask_of_bools():
    # A softmax at first: the loss of an epoch is that before its only step.
    layer = keras.layers.Dense(2, activation="softmax", kernel_initializer="identity")
    model = keras.Sequential([keras.Input((6, 8, 2)), layer])
    model.compile("sgd", losses.GeneralizedDice(), metrics=[losses.MeanDice(2)])
    x = RNG.normal(size=(2, 6, 8, 2)).astype("float32")
    loss = model.fit(x, MASK, batch_size=2, verbose=0).history["loss"][0]
    expected = np.mean(sudre(np.eye(2)[MASK.astype(int)], softmax(x.astype("float64"))))
    # Sums of some hundred float32 numbers.
    assert loss == pytest.approx(expected, abs=1e-6)


# Two images of two by two, of which the foreground's dice are 1 - 2/4 and 1 - 0.8/4.3.
TRUTH = np.array([[[1.0, 1.0], [0.0, 0.0]]] * 2)
FOUND = np.array([[[0.0, 1.0], [0.0, 1.0]], [[0.4, 0.0], [0.0, 0.9]]])


def both(values):
    return np.stack([1 - values, values], axis=-1)


def test_the_foreground_alone_on_paper():
    y, p = both(TRUTH), both(FOUND)
    options = {"weighting": "uniform", "background": False}
    close(losses.generalized_dice(y, p, **options), [0.5, 1 - 2 * 0.4 / 3.3])
    loss = losses.GeneralizedDice(**options, dtype="float64")
    close(loss(y, p), (0.5 + 1 - 2 * 0.4 / 3.3) / 2)
    # One class has one weight, which cancels.
    close(losses.generalized_dice(y, p, background=False), [0.5, 1 - 2 * 0.4 / 3.3])
    # Nothing of it is there: what is predicted is wrong, unless it weighs nothing.
    none = both(np.zeros_like(TRUTH))
    close(losses.generalized_dice(none, p, background=False), [1.0, 1.0])
    close(losses.generalized_dice(none, p, absent="drop", background=False), [0.0, 0.0])
    close(losses.generalized_dice(none, none, background=False), [0.0, 0.0])


def test_the_class_that_is_left_out_is_any_class():
    y, p = LABELS[:, :1, :3], P[:, :1, :3]
    assert set(y[0].flat) < set(range(CLASSES))
    one_hot = np.eye(CLASSES)[y]
    for option, kept in ((False, [1, 2, 3]), (0, [1, 2, 3]), (2, [0, 1, 3])):
        close(losses.generalized_dice(y, p, background=option), sudre(one_hot, p, kept))
    for option in (True, None):
        close(losses.generalized_dice(y, p, background=option), sudre(one_hot, p))
    weights = losses.generalized_dice_weights
    # Counts 3, 1, 0, 0 of four voxels: the two absent classes share 1 / 16, or one has it.
    labels = np.array([[0, 0, 0, 1]])
    for options, expected in (
        ({"background": False}, [0, 1, 1 / 32, 1 / 32]),
        ({"background": 3}, [1 / 9, 1, 1 / 16, 0]),
        ({"background": 1, "absent": "largest"}, [1 / 9, 0, 1 / 9, 1 / 9]),
    ):
        # Counts are float32.
        np.testing.assert_allclose(weights(labels, 4, **options), [expected], rtol=1e-6)


def test_the_metric_takes_the_same_words():
    values = []
    for option in (0, False, None, True):
        metric = losses.MeanDice(CLASSES, background=option)
        metric.update_state(LABELS, P)
        values.append(float(metric.result()))
    assert values[0] == values[1] != values[2] == values[3]
    with pytest.raises(ValueError, match=r"`background` .* \(below 4\)"):
        losses.MeanDice(CLASSES, background=4)
    with pytest.raises(ValueError, match=r"`background` .* \(below 4\)"):
        losses.generalized_dice(LABELS, P, background=4)
