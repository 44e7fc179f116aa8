"""Values on paper: what is wrong with them, by name."""

import json

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasmodels import recurrent
from tests.helpers import refusals
from tests.recurrent.test_equations import ONES, ones, randomize

SWAPPED = 0.5567699411459397
VERIFY = {
    keras.layers.GRU: recurrent.verify_gru_by_hand,
    keras.layers.LSTM: recurrent.verify_lstm_by_hand,
    keras.layers.SimpleRNN: recurrent.verify_simple_rnn_by_hand,
}


def random_cell(kind, seed, units=3, **options):
    """Square and asymmetric, so that every mistake makes a difference."""
    layer = kind(units, **options)
    layer.build((1, 4, units))
    rng = np.random.default_rng(seed)
    randomize(layer, rng)
    return layer, rng.normal(size=(4, units))


def test_the_classic_case():
    report = recurrent.verify_gru_by_hand(ones(), [1.0, 1.0], 0.55)
    assert report["mistakes"] == ["update gate swapped"]
    assert not report["agrees"]
    first = report["first_disagreement"]
    assert (first["step"], first["quantity"], first["by_hand"]) == (1, "h", 0.55)
    assert first["computed"] == pytest.approx(ONES[0], abs=1e-12)
    assert "update gate swapped" in str(report) and "<-- first disagreement" in str(report)
    assert json.loads(json.dumps(report)) == report
    again = recurrent.verify_gru_by_hand(ones(), [1.0, 1.0], [SWAPPED])
    assert again["mistakes"] == ["update gate swapped"]


def test_right_values_agree_at_every_precision():
    cell = ones()
    for values in (
        ONES[:2],
        [0.20482421, 0.34675308],
        [0.20482421, 0.34675306],
        [0.2, 0.35],
    ):
        report = recurrent.verify_gru_by_hand(cell, [1.0, 1.0], values)
        assert report["agrees"], str(report)
        assert report["mistakes"] == [] and report["first_disagreement"] is None
        assert report["difference_from_keras"] <= 1e-12
    # As many digits as float64 has are taken at their word.
    off = recurrent.verify_gru_by_hand(cell, [1.0, 1.0], [ONES[0], ONES[1] + 1e-9])
    assert off["first_disagreement"]["step"] == 2
    float32 = np.array(ONES[:2], "float32")
    assert recurrent.verify_gru_by_hand(cell, [1.0, 1.0], float32)["agrees"]
    assert not recurrent.verify_gru_by_hand(cell, [1.0], 0.21, tolerance=1e-3)["agrees"]
    assert recurrent.verify_gru_by_hand(cell, [1.0], 0.21, tolerance=1e-2)["agrees"]


def test_the_first_quantity_that_is_wrong_is_named():
    values = recurrent.values_with_mistake(ones(), [1.0] * 3, None)
    paper = {name: value[:, 0].tolist() for name, value in values.items()}
    paper["candidate"][1] += 0.1
    paper["h"][1] += 0.02
    report = recurrent.verify_gru_by_hand(ones(), [1.0] * 3, paper)
    first = report["first_disagreement"]
    assert (first["step"], first["quantity"]) == (2, "candidate")
    assert report["mistakes"] == []
    assert "No known mistake" in report["diagnosis"]


def test_the_output_of_the_layer_itself_agrees_in_every_form():
    layer = keras.layers.GRU(3, return_sequences=True)
    x = np.random.default_rng(0).normal(size=(4, 2)).astype("float32")
    out = layer(x[None])
    rows = out.numpy()[0]
    for values in (out, out[0], rows, rows.tolist(), list(rows), np.round(rows, 3)):
        report = recurrent.verify_gru_by_hand(layer, x, values)
        assert report["agrees"], str(report)
    half = keras.layers.GRU(
        3, return_sequences=True, dtype="bfloat16", recurrent_initializer="zeros"
    )
    half.build((1, 4, 2))
    half.set_weights(layer.get_weights())
    assert recurrent.verify_gru_by_hand(half, x, half(x[None])[0])["agrees"]


def test_a_string_keeps_its_trailing_zeros():
    assert recurrent.verify_gru_by_hand(ones(), [1.0], 0.3)["agrees"]
    assert not recurrent.verify_gru_by_hand(ones(), [1.0], "0.30")["agrees"]
    assert recurrent.verify_gru_by_hand(ones(), [1.0], ["0.20"])["agrees"]


def test_another_convention_for_z_is_named():
    report = recurrent.verify_gru_by_hand(ones(), [1.0], {"z": [0.2689], "h": [0.2048]})
    assert report["mistakes"] == [
        "z as the share of the candidate (another convention, the same h)"
    ]


def test_any_activation_function():
    layer = keras.layers.GRU(2, activation=lambda x: x / (1 + x * x))
    report = recurrent.verify_gru_by_hand(layer, np.ones((3, 2)), [[0.1, 0.2]])
    assert report["difference_from_keras"] <= 1e-12


def test_values_may_be_left_out():
    paper = {"z": [0.7311, None, float("nan")], "h": [None, 0.34675]}
    assert recurrent.verify_gru_by_hand(ones(), [1.0] * 4, paper)["agrees"]


@pytest.mark.parametrize(
    "kind, options, count",
    [
        (keras.layers.GRU, {}, 46),
        pytest.param(
            *(keras.layers.GRU, {"reset_after": False}, 39), marks=pytest.mark.slow
        ),
        pytest.param(
            *(keras.layers.GRU, {"recurrent_activation": "hard_sigmoid"}, 46),
            marks=pytest.mark.slow,
        ),
        pytest.param(*(keras.layers.LSTM, {}, 95), marks=pytest.mark.slow),
        (keras.layers.SimpleRNN, {}, 12),
    ],
    ids=str,
)
def test_every_mistake_is_named_from_four_decimals(kind, options, count):
    layer, x = random_cell(kind, 1, **options)
    made = 0
    for mistake in recurrent.known_mistakes(layer):
        values = recurrent.values_with_mistake(layer, x, mistake)
        if values is not None:
            made += 1
            paper = {"h": np.round(values["h"], 4).tolist()}
            if VERIFY[kind](layer, x, paper)["agrees"]:
                assert mistake.endswith("the same h)")
                paper["z"] = np.round(values["z"], 4).tolist()
            assert VERIFY[kind](layer, x, paper)["mistakes"] == [mistake]
    assert made == count


@settings(max_examples=15, deadline=None, derandomize=True, database=None)
@given(
    kind=st.sampled_from(list(VERIFY)), seed=st.integers(0, 2**16), units=st.integers(2, 4)
)
def test_right_values_of_random_cells_agree(kind, seed, units):
    layer, x = random_cell(kind, seed, units)
    values = recurrent.values_with_mistake(layer, x, None)
    report = VERIFY[kind](layer, x, {name: v.tolist() for name, v in values.items()})
    assert report["agrees"] and report["difference_from_keras"] <= 1e-12


def test_two_mistakes_at_once():
    layer, x = random_cell(keras.layers.GRU, 2)
    twin = keras.layers.GRU(3, recurrent_activation="hard_sigmoid")
    twin.build((1, 4, 3))
    twin.set_weights(layer.get_weights())
    values = recurrent.values_with_mistake(twin, x, "update gate swapped")["h"]
    report = recurrent.verify_gru_by_hand(layer, x, values.tolist())
    assert report["mistakes"] == ["update gate swapped + hard sigmoid for sigmoid"]


def test_a_mistake_without_effect_is_not_offered():
    # Without biases there is none to drop; with one unit a transpose changes nothing.
    report = recurrent.verify_gru_by_hand(ones(), [1.0, 1.0], [0.9, 0.9])
    assert report["mistakes"] == []


def test_backwards_and_states_are_followed():
    layer = ones(go_backwards=True)
    values = recurrent.values_with_mistake(layer, [1.0, 2.0], None, initial_state=[0.5])
    forward = recurrent.values_with_mistake(ones(), [2.0, 1.0], None, initial_state=0.5)
    np.testing.assert_array_equal(values["h"], forward["h"])
    assert recurrent.verify_gru_by_hand(
        layer, [1.0, 2.0], values["h"].tolist(), initial_state=0.5
    )["agrees"]


def test_the_cell_is_left_as_it_was():
    cell = keras.layers.GRUCell(2)
    cell.build((1, 3))
    before, activation = cell.get_weights(), cell.activation
    recurrent.verify_gru_by_hand(cell, np.ones((2, 3)), [[0.1, 0.2]])
    assert cell.activation is activation
    for a, b in zip(before, cell.get_weights()):
        np.testing.assert_array_equal(a, b)


X = np.ones((4, 3))


def built():
    layer = keras.layers.GRU(2)
    layer.build((1, 4, 3))
    return layer


test_bad_input = refusals(
    [
        (lambda: recurrent.verify_gru_by_hand(keras.layers.LSTM(1), [1.0], 0.5), "GRUCell"),
        (
            lambda: recurrent.verify_lstm_by_hand(keras.layers.GRU(1), [1.0], 0.5),
            "LSTMCell",
        ),
        (lambda: recurrent.GRUStepVerifier(keras.layers.Dense(2)), "`layer`"),
        (lambda: recurrent.GRUStepVerifier("gru"), "`layer`"),
        (lambda: recurrent.GRUStepVerifier(keras.layers.GRU), "`layer`"),
        (
            lambda: recurrent.GRUStepVerifier(
                keras.layers.Bidirectional(keras.layers.GRU(2))
            ),
            "forward_layer",
        ),
        (
            lambda: recurrent.GRUStepVerifier(keras.layers.GRU(2, stateful=True)),
            "stateful=False",
        ),
        (lambda: recurrent.known_mistakes(keras.layers.Dense(1)), "`cell`"),
        (lambda: recurrent.values_with_mistake(ones(), [1.0], "swap"), "`mistake`"),
        (
            lambda: recurrent.values_with_mistake(ones(), [1.0], "update gate swaped"),
            "Did you mean 'update gate swapped'?",
        ),
        (
            lambda: recurrent.verify_gru_by_hand(built(), [[1.0, 2.0]], [[1, 1]]),
            "3 features",
        ),
        (
            lambda: recurrent.verify_gru_by_hand(built(), X[:0], [[1, 1]]),
            "at least one step",
        ),
        (lambda: recurrent.verify_gru_by_hand(built(), X * np.nan, [[1, 1]]), "finite"),
        (lambda: recurrent.verify_gru_by_hand(built(), "x", [[1, 1]]), "finite"),
        (lambda: recurrent.verify_gru_by_hand(built(), X, 0.5), "2 number(s) per step"),
        (lambda: recurrent.verify_gru_by_hand(built(), X, [[1, 1]] * 5), "at most 4 steps"),
        (lambda: recurrent.verify_gru_by_hand(built(), X, {"zz": 1}), "'z'"),
        (lambda: recurrent.verify_gru_by_hand(built(), X, {}), "at least one value"),
        (lambda: recurrent.verify_gru_by_hand(built(), X, [["a", "b"]]), "finite number"),
        (lambda: recurrent.verify_gru_by_hand(built(), X, [[1, 1]], [1.0]), "2 numbers"),
        (
            lambda: recurrent.verify_gru_by_hand(built(), X, [[1, 1]], tolerance=-1),
            "`tolerance`",
        ),
        (
            lambda: recurrent.verify_lstm_by_hand(
                keras.layers.LSTM(2), X, [[1, 1]], [[1.0, 2.0]]
            ),
            "h (2 numbers) and c (2 numbers)",
        ),
        (
            lambda: recurrent.verify_lstm_by_hand(keras.layers.LSTM(2), X, [[1, 1]], 0.5),
            "h (2",
        ),
        (lambda: recurrent.GRUStepVerifier(built(), dtype="float64"), "that of the layer"),
        (
            lambda: recurrent.GRUStepVerifier(built())(X[None], np.ones((1, 5))),
            "(batch, 2)",
        ),
        (lambda: recurrent.GRUStepVerifier(built())(X[None], np.ones(2)), "(batch, 2)"),
        (
            lambda: recurrent.GRUStepVerifier(built())(X[None], mask=np.ones((1, 3), bool)),
            "(1, 4)",
        ),
        (lambda: recurrent.GRUStepVerifier(built())(X[None][:0]), "not empty"),
        (lambda: recurrent.GRUStepVerifier(built())(X), "(batch, time, 3)"),
        (lambda: recurrent.GRUStepVerifier(built())(X[None, :, :2]), "(batch, time, 3)"),
        (lambda: recurrent.GRUStepVerifier(built()).report(X[:, :2]), "3 features"),
    ]
)
