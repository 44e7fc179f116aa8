"""Numbers for cells small enough for paper, and agreement with Keras to 1e-12."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from kerasmodels import recurrent

# Derived in float64 and cross-checked with PyTorch: weights one, x = 1 throughout.
ONES = [0.20482421480982513, 0.3467530828749194, 0.4516965920590552, 0.5325410412976497]
ONES_3_UNITS = [
    0.20482421480982513,
    0.32142636905723426,
    0.3989082494219336,
    0.45595131724716814,
]
BIAS_ONE = {
    True: [0.0471680689567777, 0.09014501149733861, 0.1295402783383004],
    False: [0.11491490445494841, 0.2070341622736357, 0.28316413278515284],
}
HARD_SIGMOID = [0.2538647, 0.42079002]


def ones(layer=keras.layers.GRU, units=1, **options):
    options = {"kernel_initializer": "ones", "recurrent_initializer": "ones", **options}
    return layer(units, **options, dtype="float64")


def h_of(report):
    return np.array(report["written_out"]["h"])


def close(value, expected):
    np.testing.assert_allclose(value, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("reset_after", [True, False])
@pytest.mark.parametrize("units, expected", [(1, ONES), (3, ONES_3_UNITS)])
def test_weights_one_biases_zero(reset_after, units, expected):
    layer = ones(units=units, reset_after=reset_after)
    report = recurrent.GRUStepVerifier(layer).report([1.0] * 4)
    close(h_of(report), np.repeat(np.array(expected)[:, None], units, axis=1))
    assert max(report["largest_difference"].values()) <= 1e-12
    if units == 1:
        close(report["written_out"]["z"][0], 0.7310585786300049)
        close(report["written_out"]["r"][0], 0.7310585786300049)
        close(report["written_out"]["candidate"][0], 0.7615941559557649)
    parameters = {(1, True): 12, (1, False): 9, (3, True): 54, (3, False): 45}
    assert layer.count_params() == parameters[units, reset_after]


@pytest.mark.parametrize("reset_after", [True, False])
def test_biases_one_are_applied_twice_with_reset_after(reset_after):
    layer = ones(bias_initializer="ones", reset_after=reset_after)
    report = recurrent.GRUStepVerifier(layer).report([1.0] * 3)
    close(h_of(report)[:, 0], BIAS_ONE[reset_after])


def test_hard_sigmoid_is_the_one_of_keras_3():
    layer = ones(recurrent_activation="hard_sigmoid")
    report = recurrent.GRUStepVerifier(layer).report([1.0, 1.0])
    close(h_of(report)[0], np.tanh(1) / 3)
    # The source is a float32 print.
    np.testing.assert_allclose(h_of(report)[:, 0], HARD_SIGMOID, rtol=0, atol=5e-8)


def test_lstm_and_simple_rnn_on_paper():
    def s(x):
        return 1 / (1 + np.exp(-x))

    layer = ones(keras.layers.LSTM, bias_initializer="zeros", unit_forget_bias=False)
    report = recurrent.LSTMStepVerifier(layer).report([1.0, 1.0])
    c1 = s(1) * np.tanh(1)
    h1 = s(1) * np.tanh(c1)
    c2 = s(1 + h1) * c1 + s(1 + h1) * np.tanh(1 + h1)
    close(h_of(report)[:, 0], [h1, s(1 + h1) * np.tanh(c2)])
    close(np.array(report["written_out"]["c"])[:, 0], [c1, c2])
    report = recurrent.SimpleRNNStepVerifier(ones(keras.layers.SimpleRNN)).report(
        [1.0, 1.0]
    )
    close(h_of(report)[:, 0], [np.tanh(1), np.tanh(1 + np.tanh(1))])


LAYERS = {
    keras.layers.GRU: recurrent.GRUStepVerifier,
    keras.layers.LSTM: recurrent.LSTMStepVerifier,
    keras.layers.SimpleRNN: recurrent.SimpleRNNStepVerifier,
}


def randomize(layer, rng):
    layer.set_weights([rng.normal(size=w.shape) for w in layer.weights])


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(
    kind=st.sampled_from(list(LAYERS)),
    units=st.integers(1, 4),
    features=st.integers(1, 3),
    steps=st.integers(1, 5),
    use_bias=st.booleans(),
    reset_after=st.booleans(),
    activation=st.sampled_from(["tanh", "relu", "linear", "softsign"]),
    gates=st.sampled_from(["sigmoid", "hard_sigmoid", "tanh"]),
    go_backwards=st.booleans(),
    return_sequences=st.booleans(),
    return_state=st.booleans(),
    unroll=st.booleans(),
    with_state=st.booleans(),
    with_mask=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_equations_agree_with_keras(
    kind, units, features, steps, use_bias, reset_after, activation, gates, go_backwards,
    return_sequences, return_state, unroll, with_state, with_mask, seed,
):  # fmt: skip
    options = {"activation": activation, "use_bias": use_bias}
    if kind is not keras.layers.SimpleRNN:
        options["recurrent_activation"] = gates
    if kind is keras.layers.GRU:
        options["reset_after"] = reset_after
    layer = kind(
        units,
        go_backwards=go_backwards,
        return_sequences=return_sequences,
        return_state=return_state,
        unroll=unroll,
        dtype="float64",
        **options,
    )
    rng = np.random.default_rng(seed)
    verifier = LAYERS[kind](layer)
    x = rng.normal(size=(2, steps, features))
    verifier.build(x.shape)
    # Small weights: an unbounded activation would grow beyond what 1e-12 can mean.
    layer.set_weights([0.5 * rng.normal(size=w.shape) for w in layer.weights])
    states = 2 if kind is keras.layers.LSTM else 1
    state = [rng.normal(size=(2, units)) for _ in range(states)] if with_state else None
    mask = rng.random((2, steps)) < 0.6 if with_mask else None
    values = verifier(x, initial_state=state, mask=mask)
    for name in (*verifier.equations.quantities, "output"):
        assert np.all(ops.convert_to_numpy(values[f"difference_{name}"]) <= 1e-12), name
        assert values[name].shape == values[f"keras_{name}"].shape
    expected = layer(x, initial_state=state, mask=mask)
    expected = expected[0] if return_state else expected
    np.testing.assert_array_equal(values["keras_output"], expected)
    np.testing.assert_allclose(values["output"], expected, rtol=0, atol=1e-12)


def test_zero_output_for_mask_and_cells_alone():
    rng = np.random.default_rng(0)
    mask = np.array([[True, False, True, False]])
    layer = keras.layers.RNN(
        keras.layers.GRUCell(2, dtype="float64"),
        return_sequences=True,
        zero_output_for_mask=True,
        dtype="float64",
    )
    values = recurrent.GRUStepVerifier(layer)(rng.normal(size=(1, 4, 3)), mask=mask)
    assert np.all(values["output"].numpy()[0, [1, 3]] == 0)
    assert float(values["difference_output"][0]) <= 1e-12
    cell = keras.layers.LSTMCell(2, dtype="float64")
    values = recurrent.LSTMStepVerifier(cell)(rng.normal(size=(1, 4, 3)))
    assert values["output"].shape == (1, 4, 2)


def test_a_keras_mask_is_read_and_ends_here():
    x = np.ones((1, 3, 2), "float32")
    x[0, 1] = 0.0
    masked = keras.layers.Masking()(x)
    verifier = recurrent.GRUStepVerifier(keras.layers.GRU(2, return_sequences=True))
    values = verifier(masked)
    np.testing.assert_array_equal(values["h"][0, 1], values["h"][0, 0])
    assert not np.allclose(values["h"][0, 2], values["h"][0, 1])


class HalfCell(keras.layers.GRUCell):
    """A cell of somebody's own that goes only half of the way."""

    def call(self, inputs, states, training=False):
        h, _ = super().call(inputs, states, training)
        h = (h + states[0]) / 2
        return h, [h]


def test_a_cell_with_other_equations_is_noticed():
    layer = keras.layers.RNN(HalfCell(3), return_sequences=True)
    report = recurrent.GRUStepVerifier(layer).report(np.ones((4, 2)))
    assert report["largest_difference"]["h"] > 1e-2
    # The gates of the first step are still the same.
    np.testing.assert_allclose(report["written_out"]["z"][0], report["keras"]["z"][0])


def test_report_is_a_plain_dict_and_a_table():
    report = recurrent.GRUStepVerifier(ones()).report([1.0, 1.0])
    assert json.loads(json.dumps(report)) == report
    lines = str(report).splitlines()
    assert lines[0].split() == "step unit quantity written out Keras difference".split()
    assert lines[4].split()[:5] == ["1", "0", "h", "0.20482421", "0.20482421"]
    assert lines[8].split()[:4] == ["2", "0", "h", "0.34675308"]
    assert repr(report) == str(report)


def test_report_starts_from_a_given_state():
    verifier = recurrent.LSTMStepVerifier(keras.layers.LSTM(2, dtype="float64"))
    x, h, c = np.ones((2, 3)), np.array([0.1, -0.2]), np.array([0.3, 0.4])
    whole = verifier.report(x)
    first = verifier.report(x[:1])
    state = first["written_out"]["h"][0], first["written_out"]["c"][0]
    close(
        verifier.report(x[1:], state)["written_out"]["h"][0], whole["written_out"]["h"][1]
    )
    assert verifier.report(x, (h, c))["written_out"]["h"] != whole["written_out"]["h"]


def test_training_through_the_verifier_is_training_the_layer():
    x = np.random.default_rng(0).normal(size=(8, 5, 3)).astype("float32")
    y = np.random.default_rng(1).normal(size=(8, 2)).astype("float32")
    layer = keras.layers.GRU(2)
    alone = keras.Sequential([keras.Input((5, 3)), layer])
    weights = layer.get_weights()
    alone.compile(keras.optimizers.SGD(0.1), "mse")
    alone.fit(x, y, epochs=3, shuffle=False, verbose=0)
    expected = layer.get_weights()
    layer.set_weights(weights)
    verifier = recurrent.GRUStepVerifier(layer)
    verifier.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"])
    history = verifier.fit(x, y, epochs=3, shuffle=False, verbose=0).history
    for value, wanted in zip(layer.get_weights(), expected):
        np.testing.assert_allclose(value, wanted, rtol=0, atol=1e-6)
    assert max(history["largest_difference"]) < 1e-6 and "mae" in history
    # The written-out equations have the same gradient.
    with tf.GradientTape(persistent=True) as tape:
        values = verifier(x)
        losses = [tf.reduce_mean(values[k] ** 2) for k in ("output", "keras_output")]
    weights = [w.value for w in layer.trainable_weights]
    for a, b in zip(*(tape.gradient(loss, weights) for loss in losses)):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-6)
