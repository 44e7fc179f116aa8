"""The loss as a class: what Keras hands on, masks and weights at once, and its errors."""

import numpy as np
import pytest
import tensorflow as tf

from kerasmodels import losses
from kerasmodels._support import memory
from tests.losses.test_generalized_dice import B, arrays, close

MASK = np.array([[[1.0, 1.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 1.0]]])


def masked(p):
    """The predictions with a mask as a layer of Keras leaves it."""
    p = tf.constant(p)
    p._keras_mask = tf.constant(MASK > 0)
    return p


def test_name_and_reduction_are_those_asked_for():
    y, p = arrays(B)
    rows = losses.generalized_dice(y, p).numpy()
    loss = losses.GeneralizedDice(reduction="sum", name="overlap", dtype="float64")
    assert loss.name == "overlap" and loss.get_config()["name"] == "overlap"
    close(loss(y, p), rows.sum())
    close(losses.GeneralizedDice(reduction=None, dtype="float64")(y, p), rows)
    assert losses.GeneralizedDice().name == "generalized_dice"


@pytest.mark.parametrize("per_image", [True, False])
def test_a_mask_and_weights_of_voxels_multiply(per_image):
    y, p = arrays(B)
    loss = losses.GeneralizedDice(per_image=per_image, dtype="float64")
    # Powers of two: nothing is rounded on the way.
    weight = np.array([[[1.0, 2.0], [4.0, 0.5]], [[2.0, 0.25], [1.0, 8.0]]])
    expected = loss(y, p, weight * MASK)
    close(loss(y, masked(p), weight), expected)
    assert abs(float(expected - loss(y, p, weight))) > 1e-3
    assert abs(float(expected - loss(y, p, MASK))) > 1e-3


def test_a_mask_and_weights_of_images_multiply_in_one_ratio():
    y, p = arrays(B)
    loss = losses.GeneralizedDice(per_image=False, dtype="float64")
    weight = np.array([1.0, 4.0])
    expected = loss(y, p, weight[:, None, None] * MASK)
    for shape in ((2,), (2, 1)):
        close(loss(y, masked(p), weight.reshape(shape)), expected)
    assert abs(float(expected - loss(y, p, MASK))) > 1e-3


def test_errors_name_the_loss_and_its_argument(monkeypatch):
    y, p = arrays(B)
    with pytest.raises(ValueError, match="^`generalized_dice` expects `absent`"):
        losses.generalized_dice(y, p, absent=-1.0)
    with pytest.raises(ValueError, match="^`GeneralizedDice` expects `ignore_class`"):
        losses.GeneralizedDice(ignore_class=0.5)
    # Eight voxels and a thousand million classes, twice, of four bytes.
    monkeypatch.setattr(memory, "available", lambda: 16 * 10**9)
    words = "^`generalized_dice_weights` expects `num_classes` .* would need 64 GB"
    with pytest.raises(ValueError, match=words):
        losses.generalized_dice_weights(y, 10**9)
