"""Accuracy as a loss, and the threshold that is best on given scores."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasmodels import neurons
from tests.helpers import refusals

METRICS = ["accuracy", "balanced_accuracy", "f1"]


def metric_value(metric, y, predicted):
    tp, fp = np.sum(predicted & y), np.sum(predicted & ~y)
    fn, tn = np.sum(~predicted & y), np.sum(~predicted & ~y)
    return {
        "accuracy": (tp + tn) / len(y),
        "balanced_accuracy": (tp / (tp + fn) + tn / (tn + fp)) / 2,
        "f1": 2 * tp / (2 * tp + fp + fn),
    }[metric]


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    pairs=st.lists(st.tuples(st.integers(-4, 4), st.booleans()), min_size=2, max_size=12),
    metric=st.sampled_from(METRICS),
)
def test_best_threshold_against_trying_all(pairs, metric):
    scores = np.array([s for s, _ in pairs], "float64")
    y = np.array([label for _, label in pairs])
    y[0], y[1] = True, False
    threshold, value = neurons.best_threshold(y, scores, metric)
    tried = [metric_value(metric, y, scores > cut) for cut in np.arange(-5.5, 5.5)]
    assert value == pytest.approx(max(tried), abs=1e-12)
    assert metric_value(metric, y, scores > threshold) == pytest.approx(value, abs=1e-12)


def test_neighbouring_floats_are_not_cut_apart():
    scores = np.array([1.0, np.nextafter(1.0, 2.0)])
    threshold, value = neurons.best_threshold(np.array([0, 1]), scores)
    assert metric_value("accuracy", np.array([False, True]), scores > threshold) == value


def test_smooth_accuracy_is_a_smoothed_share_of_errors():
    y, p = np.array([[0.0], [1.0], [1.0]]), np.array([[0.2], [0.7], [0.4]])
    logit = np.log(p / (1 - p))
    margin = (2 * y - 1) * logit
    expected = 1 / (1 + np.exp(margin / 0.5))
    for value in (
        neurons.smooth_accuracy(y, p, 0.5),
        neurons.smooth_accuracy(y, logit, 0.5, from_logits=True),
    ):
        np.testing.assert_allclose(value, expected[:, 0], rtol=0, atol=1e-12)
    # One of three is wrong.
    loss = neurons.SmoothAccuracy(1e-3, dtype="float64")
    np.testing.assert_allclose(loss(y, p), 1 / 3, atol=1e-12)
    # At temperature one with a sigmoid it is 1 - p of the right class.
    np.testing.assert_allclose(
        neurons.smooth_accuracy(y, p), np.where(y > 0, 1 - p, p)[:, 0], atol=1e-12
    )


def test_temperature_falls_over_epochs_or_steps_and_reaches_a_compiled_graph():
    x, y = np.ones((8, 1)), np.ones((8, 1))
    for jit_compile in (False, True):
        model = neurons.SigmoidUnit(weight=0.0, bias=-1.0)
        loss = neurons.SmoothAccuracy()
        model.compile(keras.optimizers.SGD(0.0), loss, jit_compile=jit_compile)
        cool = neurons.AnnealTemperature(2.0, 0.02)
        history = model.fit(x, y, epochs=3, verbose=0, callbacks=[cool]).history
        expected = [1 / (1 + np.exp(-1 / t)) for t in (2.0, 0.2, 0.02)]
        np.testing.assert_allclose(history["loss"], expected, rtol=1e-5)
        assert loss.temperature == pytest.approx(0.02)
    # By steps: 0, 1 in the first `fit`, 2, 3 in the second, then it stays.
    model = neurons.SigmoidUnit()
    model.compile("sgd", loss)
    cool = neurons.AnnealTemperature(1.0, 0.01, steps=4)
    for last_step in (1, 3, 3):
        model.fit(x, y, epochs=2, verbose=0, callbacks=[cool])
        assert loss.temperature == pytest.approx(0.01 ** (last_step / 3))


def test_cooling_on_the_five_points_beats_cross_entropy():
    x, y = neurons.five_points()
    rng = np.random.default_rng(0)
    model = neurons.SigmoidUnit(
        units=400, weight=rng.normal(size=(1, 400)), bias=rng.normal(size=400)
    )
    model.compile(keras.optimizers.SGD(0.01 * 400), neurons.SmoothAccuracy())
    steps = 4000
    cool = [neurons.AnnealTemperature(1.0, 0.1, steps)]
    targets = np.repeat(y[:, None], 400, axis=1)
    prediction = neurons.descend(model, x, targets, steps, [0, steps], cool)["prediction"]
    four = [np.sum(np.sum((p > 0.5) == (targets > 0.5), axis=0) == 4) for p in prediction]
    # 62 start there; cross-entropy ends at 0, squared error at 128 (see test_units).
    assert four[0] == 62 and four[1] > 128


def test_eights_are_split_without_overlap():
    parts = neurons.eights(0)
    sizes = [len(x) for x, _ in parts]
    assert sum(sizes) == 1797 and all(x.shape[1] == 16 for x, _ in parts)
    for _, y in parts:
        assert abs(y.mean() - 174 / 1797) < 0.002
    np.testing.assert_allclose(parts[0][0].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(parts[0][0].std(axis=0), 1, atol=1e-12)
    assert not np.array_equal(parts[0][0], neurons.eights(1)[0][0])


Y, S = np.array([0, 1, 1]), np.array([0.1, 0.4, 0.3])


test_bad_input = refusals(
    [
        (lambda: neurons.best_threshold(Y, S[:2]), "2 labels"),
        (lambda: neurons.best_threshold(Y + 1, S), "0 and 1"),
        (lambda: neurons.best_threshold(0 * Y, S), "both present"),
        (lambda: neurons.best_threshold(Y[:0], S[:0]), "both present"),
        (lambda: neurons.best_threshold(Y, S * np.nan), "finite"),
        (lambda: neurons.best_threshold(Y, S, "acuracy"), "Did you mean 'accuracy'?"),
        (lambda: neurons.SmoothAccuracy(0.0), "`temperature`"),
        (lambda: neurons.SmoothAccuracy(from_logits=1), "True or False"),
        (lambda: neurons.smooth_accuracy(Y, S, -1.0), "`temperature`"),
        (lambda: neurons.smooth_accuracy(Y, S, np.float32(-1)), "`temperature`"),
        (lambda: neurons.smooth_accuracy(2 * Y - 1, S), "labels 0 and 1"),
        (lambda: neurons.smooth_accuracy(Y, 3 * S), "from_logits=True"),
        (lambda: neurons.smooth_accuracy(Y, np.ones((3, 2))), "of the shape of y_pred"),
        (lambda: neurons.best_threshold(Y, np.ones((3, 2))), "(n, 1)"),
        (lambda: neurons.AnnealTemperature(start=0), "`start`"),
        (lambda: neurons.AnnealTemperature(steps=0), "`steps`"),
    ]
)


def test_labels_with_and_without_the_last_axis_are_the_same():
    y, p = np.array([0.0, 1, 1, 1, 0]), np.array([0.2, 0.7, 0.4, 0.9, 0.1])
    # At temperature one the loss is 1 - p of the right class: (.2+.3+.6+.1+.1) / 5.
    for labels in (y, y[:, None], y.astype(int)):
        assert float(neurons.SmoothAccuracy()(labels, p[:, None])) == pytest.approx(0.26)
    half = neurons.smooth_accuracy(np.array([[1.0]]), np.array([[1.0]], "float16"))
    assert float(half[0]) < 1e-6


def test_extreme_scores_are_cut():
    # Beside 1e20 one is nothing; the sum of two large numbers overflows.
    for scores in ([1e20, 2e20], [1e308, 1.5e308], [-2e20, -1e20]):
        scores = np.array(scores)
        for y in ([0, 1], [1, 0]):
            y = np.array(y)
            threshold, value = neurons.best_threshold(y, scores)
            assert np.mean((scores > threshold) == y) == value


def test_annealing_needs_more_than_one_epoch_or_steps():
    model = neurons.SigmoidUnit()
    model.compile("sgd", neurons.SmoothAccuracy())
    with pytest.raises(ValueError, match="`steps`"):
        neurons.descend(model, S, Y, 10, callbacks=[neurons.AnnealTemperature()])
    model.compile("sgd", [neurons.SmoothAccuracy()])
    model.fit(S, Y, epochs=2, verbose=0, callbacks=[neurons.AnnealTemperature()])
    assert model.loss[0].temperature == pytest.approx(0.1)


def test_annealing_needs_a_loss_with_a_temperature():
    model = neurons.SigmoidUnit()
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="SmoothAccuracy"):
        model.fit(S, Y, verbose=0, callbacks=[neurons.AnnealTemperature()])
