"""NaN is no class: comparisons pass it on, and do not turn it into class 0."""

import keras
import numpy as np
import pytest

from kerasmodels import losses, neurons

NAN = float("nan")


def test_perceptron_and_threshold_rule_answer_nan_with_nan():
    # A tensor: arrays that are not finite are refused.
    x = keras.ops.convert_to_tensor([[1.0], [NAN], [-1.0]])
    perceptron = neurons.Perceptron(weight=[[1.0]], bias=0.0)
    np.testing.assert_equal(np.asarray(perceptron(x)), [[1.0], [NAN], [0.0]])
    rule = neurons.ThresholdRule()
    rule.build((None, 1))
    np.testing.assert_equal(np.asarray(rule(x)), [[1.0], [NAN], [0.0]])


def test_perceptron_of_weights_that_are_nan_does_not_train_on():
    model = neurons.Perceptron(weight=[[1.0]], bias=0.0)
    model.compile(keras.optimizers.SGD(1.0))
    model.build((None, 1))
    model.kernel.assign([[NAN]])
    logs = model.train_on_batch(np.ones((2, 1)), np.zeros(2), return_dict=True)
    # As class 0 the answers would be right.
    assert np.isnan(logs["loss"])


def test_labels_and_weights_that_are_nan_are_refused():
    predictions = np.full((1, 2, 2), 0.5)
    truth = np.array([[[1.0, 0.0], [NAN, 1.0]]])
    with pytest.raises(ValueError, match="`y_true` to be one-hot labels between 0 and 1"):
        losses.generalized_dice(truth, predictions)
    weights = np.array([[1.0, NAN]])
    with pytest.raises(ValueError, match="`sample_weight` to be at least zero"):
        losses.generalized_dice(np.array([[0, 1]]), predictions, sample_weight=weights)
    with pytest.raises(ValueError, match="`y_true` to be labels 0 and 1"):
        neurons.smooth_accuracy([1.0, NAN], [0.2, 0.7])
