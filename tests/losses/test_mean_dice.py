"""Dice per class, against counts done by hand."""

import numpy as np

from kerasmodels import losses


def test_counts_by_hand():
    truth = np.array([[0, 0, 1, 1, 2, 2]])
    found = np.array([[0, 1, 1, 1, 2, 0]])
    metric = losses.MeanDice(4, per_class=True)
    metric.update_state(truth, np.eye(4)[found])
    values = {name: float(value) for name, value in metric.result().items()}
    expected = [2 * 1 / (2 + 2), 2 * 2 / (2 + 3), 2 * 1 / (2 + 1), 0.0]
    for k, value in enumerate(expected):
        assert abs(values[f"dice_{k}"] - value) < 1e-6
    # Class 3 is neither there nor predicted: it does not count as wrong.
    assert abs(values["mean_dice"] - (expected[1] + expected[2]) / 2) < 1e-6
    with_background = losses.MeanDice(4, background=None)
    with_background.update_state(truth, np.eye(4)[found])
    assert abs(float(with_background.result()) - sum(expected[:3]) / 3) < 1e-6


def test_all_background_scores_zero_where_pixels_score_high():
    truth = np.zeros((1, 10, 10), int)
    truth[0, 0, :5] = 1
    metric = losses.MeanDice(2)
    metric.update_state(truth, np.eye(2)[np.zeros_like(truth)])
    assert float(metric.result()) == 0.0


def test_logits_weights_ignored_voxels_and_batches():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, (4, 5, 6))
    logits = rng.normal(size=(4, 5, 6, 3))
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    whole = losses.MeanDice(3)
    whole.update_state(truth, p)
    parts = losses.MeanDice(3)
    for k in range(4):
        parts.update_state(truth[k : k + 1], 7 * logits[k : k + 1])
    assert float(whole.result()) == float(parts.result())
    weight = np.ones(truth.shape)
    weight[:, 3:] = 0
    half = losses.MeanDice(3)
    half.update_state(truth, p, sample_weight=weight)
    ignored = losses.MeanDice(3, ignore_class=255)
    ignored.update_state(np.where(weight > 0, truth, 255), p)
    top = losses.MeanDice(3)
    top.update_state(truth[:, :3], p[:, :3])
    assert float(half.result()) == float(ignored.result()) == float(top.result())


def test_counts_go_on_beyond_what_float32_can_count():
    metric = losses.MeanDice(2)
    metric.true.assign(np.array([2.0**24, 2.0**24]))
    metric.update_state(np.ones((1, 1), int), np.array([[[0.0, 1.0]]]))
    assert metric.true.numpy()[1] == 2**24 + 1
