"""The sequence, its cycle, and an LSTM of which every weight trains."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasmodels import recurrent


def test_sequence_from_zero():
    found = recurrent.sequence(0.0, 26)
    np.testing.assert_array_equal(found[:11], np.arange(11))
    falls = [-0.5440211108893698, 0.4559788891106302]
    np.testing.assert_allclose(found[11:13], falls, rtol=1e-12)
    wanted = [10.45597888911063, -0.857916631370919, 0.142083368629081, 1.142083368629081]
    np.testing.assert_allclose(found[22:], wanted, rtol=1e-12)


def test_every_start_below_ten_ends_in_one_cycle():
    ends = recurrent.sequence(np.random.default_rng(0).uniform(0, 10, 20), 2000)[:, -12:]
    s = -0.7408648908940295
    assert s == pytest.approx(np.sin(s + 11), abs=1e-12)
    np.testing.assert_allclose(np.sort(ends, axis=1)[:, 0], s, rtol=1e-9)
    # And none of them ever leaves [-1, 11).
    assert np.all(ends >= -1) and np.all(ends < 11)


def test_windows_are_the_sequence():
    x, y = recurrent.windows(5, 8, seed=1)
    assert x.shape == (5, 8, 1) and y.shape == (5, 1)
    for row, target in zip(x, y):
        np.testing.assert_allclose(
            recurrent.sequence(np.float64(row[0, 0]), 9)[1:],
            np.append(row[1:, 0], target),
            # float32 starts; the sine keeps errors small.
            atol=1e-5,
        )


def test_every_weight_gets_a_gradient():
    x, y = recurrent.windows(64, 8)
    for scaled in (True, False):
        model = recurrent.SequenceLSTM(8, scaled=scaled)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x) - y))
        gradients = tape.gradient(loss, [w.value for w in model.trainable_weights])
        assert len(gradients) == 5
        assert all(float(tf.norm(gradient)) > 0 for gradient in gradients)


@pytest.mark.slow
def test_it_learns_both_branches():
    x, y = recurrent.windows(3000, 8)
    model = recurrent.SequenceLSTM(32)
    rate = keras.optimizers.schedules.CosineDecay(5e-3, 60 * 94, alpha=0.01)
    model.compile(keras.optimizers.Adam(rate), "mse", steps_per_execution=16)
    model.fit(x, y, batch_size=32, epochs=60, shuffle=False, verbose=0)
    errors = recurrent.errors_by_regime(model, *recurrent.windows(1000, 8, seed=1))
    # The deviation of the sine where the last value is uniform in [10, 11).
    constant = np.std(np.sin(np.linspace(10, 11, 10_001)))
    # Better there than any constant.
    assert errors["sin"]["rmse"] < constant
    assert errors["plus one"]["rmse"] < 0.2
    # Where the map jumps it is worse than elsewhere.
    assert errors["near the jump"]["rmse"] > 3 * errors["plus one"]["rmse"]
    assert sum(errors[k]["count"] for k in ("sin", "plus one", "near the jump")) == 1000


def test_roll_out_feeds_predictions_back():
    model = recurrent.SequenceLSTM(4)
    start = recurrent.sequence([3.3, 1.0], 8)
    found = model.roll_out(start, 3)
    window = start
    for step in range(3):
        wanted = model(window[..., None].astype("float32")).numpy()[:, 0]
        np.testing.assert_allclose(found[:, step], wanted, rtol=1e-6)
        window = np.concatenate([window[:, 1:], wanted[:, None]], axis=1)


@pytest.mark.parametrize(
    "call, match",
    [
        (lambda: recurrent.SequenceLSTM(0), "`units`"),
        (lambda: recurrent.SequenceLSTM(scaled=2), "`scaled`"),
        (lambda: recurrent.sequence(np.nan, 3), "`start`"),
        (lambda: recurrent.sequence(0.0, 0), "`length`"),
        (lambda: recurrent.windows(0, 3), "`count`"),
    ],
)
def test_bad_input_is_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call()
