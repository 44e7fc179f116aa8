"""The loss on images small enough for paper, its options, and what it refuses."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasmodels import losses
from tests.helpers import refusals
from tests.test_experiments import ROOT, load

script = load(ROOT / "experiments" / "generalized_dice.py")

# Derived in float64 and cross-checked with other libraries.
A = {
    "labels": [[[0, 0], [0, 1]]],
    "p": [[[[0.7, 0.2, 0.1], [0.6, 0.3, 0.1]], [[0.8, 0.1, 0.1], [0.3, 0.6, 0.1]]]],
    "naive": 0.9999583365627103,
    "fixed": [0.40476198979590616],
    "largest": [0.47916666666666663],
    "unweighted": 0.32500000000000007,
}
B = {
    "labels": [[[0, 0], [0, 1]], [[0, 2], [2, 0]]],
    "p": [
        [
            [
                [0.38962193679510665, 0.4169654306086446, 0.19341263259624877],
                [0.2916427549644867, 0.23827079762160802, 0.47008644741390526],
            ],
            [
                [0.3147545570560551, 0.438853129021079, 0.24639231392286606],
                [0.37860009533902744, 0.23996939513356863, 0.381430509527404],
            ],
        ],
        [
            [
                [0.24827462256097899, 0.4392091843018288, 0.3125161931371921],
                [0.46745059509716574, 0.23836413632426498, 0.2941852685785692],
            ],
            [
                [0.1948501272938884, 0.41792363570787544, 0.3872262369982362],
                [0.5432567275526097, 0.2351474838337017, 0.22159578861368862],
            ],
        ],
    ],
    "naive": 0.8112174694993292,
    "fixed": [0.7513317880149298, 0.5582956503148109],
    "largest": [0.8294332920994462, 0.6317642860774015],
    "unweighted": 0.6613835625450486,
}


def arrays(case):
    return np.array(case["labels"]), np.array(case["p"])


def close(value, expected, tolerance=1e-12):
    np.testing.assert_allclose(value, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("case", [A, B], ids="AB")
def test_values_on_paper(case):
    y, p = arrays(case)
    close(losses.generalized_dice(y, p, absent=1e-6), case["fixed"])
    close(losses.generalized_dice(y, p, absent="largest"), case["largest"])
    unweighted = losses.generalized_dice(y, p, weighting="uniform", per_image=False)
    close(unweighted, case["unweighted"])
    # The broken loss of the experiment is the published one.
    close(script.broken(y[..., None], tf.constant(p)), case["naive"], 1e-6)
    one_hot = tf.constant(np.eye(3)[y])
    close(script.as_written(one_hot, tf.constant(p)), case["naive"])
    close(
        script.as_under_tensorflow_1(y[..., None], tf.constant(p)), case["unweighted"], 1e-6
    )


def test_the_default_on_paper():
    y, p = arrays(A)
    # One class of three absent: w = 1/9, 1, 1/16; overlaps .7+.6+.8 and .6.
    overlap = (0.7 + 0.6 + 0.8) / 9 + 0.6
    size = (3 + 2.4) / 9 + (1 + 1.2) + 0.4 / 16
    close(losses.generalized_dice(y, p), [1 - 2 * overlap / size])
    # Two of four absent share that weight.
    p4 = np.concatenate([p, np.zeros_like(p[..., :1])], axis=-1)
    size = (3 + 2.4) / 9 + (1 + 1.2) + 0.4 / 32
    close(losses.generalized_dice(y, p4), [1 - 2 * overlap / size])


def test_class_weights_on_paper():
    y, _ = arrays(B)
    weights = losses.generalized_dice_weights
    close(weights(y, 3, absent=1e-6), [[1 / 9, 1, 1e-6], [1 / 4, 1e-6, 1 / 4]], 1e-7)
    close(weights(y, 3, absent="largest"), [[1 / 9, 1, 1], [1 / 4] * 3], 1e-7)
    close(weights(y, 3, absent="drop"), [[1 / 9, 1, 0], [1 / 4, 0, 1 / 4]], 1e-7)
    close(weights(y, 3), [[1 / 9, 1, 1 / 16], [1 / 4, 1 / 16, 1 / 4]], 1e-7)
    close(weights(y, 4)[0], [1 / 9, 1, 1 / 32, 1 / 32], 1e-7)
    close(weights(y, 3, "inverse"), [[1 / 3, 1, 1 / 4], [1 / 2, 1 / 4, 1 / 2]], 1e-7)
    close(weights(y, 5, "uniform"), np.ones((2, 5)))
    close(weights(y, 3, per_image=False), [1 / 25, 1, 1 / 4], 1e-7)


def leaking(side, q):
    """Right labels, 17 % class 3 of 11, with q on each of the nine absent classes."""
    labels = np.zeros(side * side, int)
    labels[: round(0.17 * side * side)] = 3
    p = np.full((side * side, 11), q)
    p[:, [0, 3]] = 0
    p[np.arange(side * side), labels] = 1 - 9 * q
    return labels.reshape(1, side, side), p.reshape(1, side, side, 11)


def test_a_right_answer_is_right_at_every_size():
    expected = {
        (28, 1e-3): {1e-6: 0.0049098046456376, "largest": 0.0260694149899158},
        (28, 1e-6): {1e-6: 4.88964359646e-06},
        (256, 1e-3): {1e-6: 0.7337857902160941, "largest": 0.0260163450806131},
    }
    for (side, q), values in expected.items():
        y, p = leaking(side, q)
        for absent, value in values.items():
            # The source's 1e-5 in the weights is not here: it moves the ninth digit.
            close(losses.generalized_dice(y, p, absent=absent), [value], 1e-7)
        assert float(losses.generalized_dice(y, p)[0]) < 0.05
    naive = {
        (28, 1e-3): 0.9999999745651899,
        (28, 1e-6): 0.9999743350866996,
        (256, 1e-3): 0.9999999999963659,
    }
    for (side, q), value in naive.items():
        y, p = leaking(side, q)
        close(script.broken(y[..., None], tf.constant(p)), value, 1e-9)
    small, large = (losses.generalized_dice(*leaking(side, 1e-3)) for side in (28, 256))
    close(small, large, 1e-5)


def test_perfect_is_zero_and_nothing_in_common_is_one():
    y, _ = arrays(B)
    right = np.eye(3)[y]
    for options in ({}, {"weighting": "inverse"}, {"absent": "drop"}, {"per_image": False}):
        assert np.all(losses.generalized_dice(y, right, **options).numpy() == 0)
        wrong = losses.generalized_dice(y, right[..., [1, 2, 0]], **options).numpy()
        assert np.all(wrong == 1)


def test_all_background():
    y, p = arrays(A)
    p = np.zeros_like(p)
    p[..., 0] = 1
    close(losses.generalized_dice(y, p, absent=1e-6), [0.625], 1e-9)
    close(script.broken(y[..., None], tf.constant(p)), 0.6249981250093749)
    y, p = leaking(28, 0.0)
    p[:] = np.eye(11)[0]
    close(script.broken(y[..., None], tf.constant(p)), 0.7182716836734695, 1e-6)


SHAPES = st.lists(st.integers(1, 4), min_size=1, max_size=3)


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(
    batch=st.integers(1, 3),
    spatial=SHAPES,
    classes=st.integers(2, 5),
    weighting=st.sampled_from(["inverse_square", "inverse", "uniform"]),
    absent=st.sampled_from(["image", "largest", "drop", 0.0, 0.3]),
    per_image=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_properties(batch, spatial, classes, weighting, absent, per_image, seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, (batch, *spatial))
    logits = rng.normal(size=(*y.shape, classes))
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    options = {"weighting": weighting, "absent": absent, "per_image": per_image}
    value = losses.generalized_dice(y, p, **options).numpy()
    assert value.shape == ((batch,) if per_image else ())
    assert np.all((value >= 0) & (value <= 1))
    one_hot = np.eye(classes)[y]
    for other in (
        losses.generalized_dice(one_hot, p, **options),
        losses.generalized_dice(y[..., None], p, **options),
        losses.generalized_dice(y, logits, from_logits=True, **options),
        losses.generalized_dice(y, p, sample_weight=2 * np.ones(y.shape), **options)
        if not isinstance(absent, float)
        else value,
    ):
        close(other, value)
    # Where the voxels lie does not matter.
    flat = y.reshape(batch, -1), p.reshape(batch, -1, classes)
    order = rng.permutation(flat[0].shape[1])
    close(losses.generalized_dice(flat[0][:, order], flat[1][:, order], **options), value)
    # Which class comes first does not matter either.
    order = rng.permutation(classes)
    close(losses.generalized_dice(one_hot[..., order], p[..., order], **options), value)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_summed_in_float32(dtype):
    # Nothing above 65504 fits float16; 256^2 = 65536 voxels.
    y, p = leaking(256, 1e-3)
    value = losses.generalized_dice(y, tf.cast(p, dtype))
    assert value.dtype == "float32"
    # The rounding of the probabilities themselves: three digits for bfloat16.
    close(value, losses.generalized_dice(y, p), 5e-3)
    loss = losses.GeneralizedDice(dtype=dtype)
    assert np.isfinite(float(loss(y, tf.cast(p, dtype))))


def test_ignored_voxels_count_nowhere():
    y, p = arrays(B)
    p = p.copy()
    kept = losses.generalized_dice(y[:, :1], p[:, :1], ignore_class=None)
    y = np.concatenate([y[:, :1], np.full_like(y[:, 1:], 255)], axis=1)
    value = losses.generalized_dice(y, p, ignore_class=255)
    close(value, kept)
    p[:, 1:] = [1.0, 0.0, 0.0]
    close(losses.generalized_dice(y, p, ignore_class=255), kept)
    nothing = losses.generalized_dice(np.full((1, 2, 2), 255), p[:1], ignore_class=255)
    assert float(nothing[0]) == 0.0
    inside = losses.generalized_dice(
        np.eye(3)[np.array(A["labels"])], A["p"], ignore_class=1
    )
    labels = losses.generalized_dice(
        np.array(A["labels"]), np.array(A["p"]), ignore_class=1
    )
    close(inside, labels, 1e-6)


def test_sample_weights():
    y, p = arrays(B)
    loss = losses.GeneralizedDice(dtype="float64")
    rows = losses.generalized_dice(y, p).numpy()
    close(loss(y, p), rows.mean())
    # Keras divides by the number of images, not by the sum of the weights.
    close(loss(y, p, np.array([1.0, 3.0])), (rows[0] + 3 * rows[1]) / 2)
    voxels = np.ones(y.shape)
    voxels[:, 1] = 0
    kept = losses.generalized_dice(y[:, :1], p[:, :1]).numpy()
    close(loss(y, p, voxels), kept.mean())
    batch = losses.GeneralizedDice(per_image=False, dtype="float64")
    first = losses.generalized_dice(y[:1], p[:1], per_image=False)
    close(batch(y, p, np.array([1.0, 0.0])), first)
    # A voxel of weight two is a voxel that is there twice.
    double = np.concatenate([y, y[:, :1]], axis=1), np.concatenate([p, p[:, :1]], axis=1)
    voxels[:] = [[2.0], [1.0]]
    close(
        losses.generalized_dice(y, p, absent="drop", sample_weight=voxels),
        losses.generalized_dice(*double, absent="drop"),
    )


def test_weights_with_a_last_axis_and_keras_masks():
    y, p = arrays(B)
    loss = losses.GeneralizedDice(dtype="float64")
    weight = np.array([1.0, 3.0])
    close(loss(y, p, weight[:, None]), loss(y, p, weight))
    # A sequence of four voxels, of which a mask leaves two.
    y, p = y.reshape(2, 4), p.reshape(2, 4, 3)
    masked = tf.constant(p)
    masked._keras_mask = tf.constant([[True, True, False, False]] * 2)
    close(loss(y, masked), loss(y[:, :2], p[:, :2]))
    masked._keras_mask = tf.constant([[True, True, False, False]] * 2)
    close(loss(y, masked, weight), loss(y[:, :2], p[:, :2], weight))


def test_nan_predictions_are_no_class():
    y, p = arrays(B)
    metric = losses.MeanDice(3)
    metric.update_state(y, np.full_like(p, np.nan))
    assert np.isnan(float(metric.result()))


def test_gradient_is_finite_and_points_the_right_way():
    y, p = arrays(A)
    logits = tf.Variable(np.log(p))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(losses.generalized_dice(y, logits, from_logits=True))
    gradient = tape.gradient(loss, logits).numpy()
    assert np.all(np.isfinite(gradient))
    right = np.take_along_axis(gradient, y[..., None], axis=-1)
    assert np.all(right < 0)
    step = 1e-6
    bumped = np.log(p)
    bumped[0, 1, 0, 2] += step
    change = losses.generalized_dice(y, bumped, from_logits=True)[0] - loss
    close(change / step, gradient[0, 1, 0, 2], 1e-5)


def test_it_is_not_what_keras_calls_dice():
    y, p = arrays(A)
    ours = losses.generalized_dice(y, p, weighting="uniform", per_image=False)
    close(keras.losses.Dice(dtype="float64")(np.eye(3)[y], p), ours, 1e-6)
    assert abs(float(losses.generalized_dice(y, p)[0]) - float(ours)) > 0.05


Y, P = arrays(B)


test_bad_input = refusals(
    [
        (lambda: losses.generalized_dice(Y[0], P[0, 0, :2]), "`y_pred`"),
        (lambda: losses.generalized_dice(Y, P[..., :1]), "1 - p and p"),
        (lambda: losses.generalized_dice(Y[:0], P[:0]), "at least one image"),
        (lambda: losses.generalized_dice(Y[:1], P), "`y_true`"),
        (lambda: losses.generalized_dice(np.eye(4)[Y], P), "`y_true`"),
        (lambda: losses.generalized_dice(Y + 1, P), "labels in 0 ... 2"),
        (lambda: losses.generalized_dice(Y - 1, P), "labels in 0 ... 2"),
        (
            lambda: losses.generalized_dice(Y.astype("int64") + 2**32, P),
            "labels in 0 ... 2",
        ),
        (lambda: losses.generalized_dice(Y * 0.5, P), "integer labels"),
        (lambda: losses.generalized_dice_weights([0, 1, 2], 3), "`y_true`"),
        (lambda: losses.generalized_dice(Y, P, weighting=np.ones(2)), "`weighting`"),
        (lambda: losses.GeneralizedDice(absent="x"), "or a number"),
        (lambda: losses.generalized_dice(2 * np.eye(3)[Y], P), "one-hot"),
        (lambda: losses.generalized_dice(Y, 5 * P - 2), "from_logits=True"),
        (lambda: losses.generalized_dice(Y, P, from_logits=True), "Leave out from_logits"),
        (lambda: losses.generalized_dice(Y, P, weighting="square"), "'inverse_square'"),
        (lambda: losses.generalized_dice(Y, P, absent="larges"), "Did you mean 'largest'?"),
        (lambda: losses.generalized_dice(Y, P, absent=-1), "`absent`"),
        (lambda: losses.generalized_dice(Y, P, absent=None), "`absent`"),
        (lambda: losses.generalized_dice(Y, P, per_image="yes"), "True or False"),
        (lambda: losses.generalized_dice(Y, P, ignore_class=1.5), "an integer"),
        (
            lambda: losses.generalized_dice(np.eye(3)[Y], P, ignore_class=7),
            "one of the 3 classes",
        ),
        (lambda: losses.generalized_dice(Y, P, sample_weight=np.ones(3)), "per image"),
        (lambda: losses.generalized_dice(Y, P, sample_weight=-np.ones(2)), "at least zero"),
        (lambda: losses.GeneralizedDice(weighting="x"), "`GeneralizedDice`"),
        (lambda: losses.generalized_dice_weights(Y, 2), "labels in 0 ... 1"),
        (lambda: losses.generalized_dice_weights(Y, 1), "`num_classes`"),
        (lambda: losses.MeanDice(1), "`num_classes`"),
        (lambda: losses.MeanDice(3, background=3), "`background`"),
        (lambda: losses.MeanDice(4).update_state(Y, P), "`num_classes`"),
        (lambda: losses.MeanDice(3).update_state(Y + 1, P), "labels in 0 ... 2"),
    ]
)


def test_bad_labels_stop_a_fit():
    def fit(jit_compile):
        model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Conv2D(3, 1)])
        model.compile(
            "sgd", losses.GeneralizedDice(from_logits=True), jit_compile=jit_compile
        )
        y = np.zeros((2, 4, 4), int)
        y[0, 0, 0] = 3
        return model.fit(np.ones((2, 4, 4, 1)), y, verbose=0).history["loss"]

    with pytest.raises(tf.errors.InvalidArgumentError, match="labels in 0 ... 2"):
        fit(False)
    # XLA cannot stop; the loss is NaN.
    assert np.isnan(fit(True))
