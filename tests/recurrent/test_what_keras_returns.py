"""Outputs of Keras's layers, handed in as they are: shapes, order, masks, states."""

import keras
import numpy as np
import pytest

from kerasmodels import recurrent
from tests.helpers import refusals
from tests.recurrent.test_by_hand import VERIFY, random_cell
from tests.recurrent.test_equations import ONES, ones

gru = recurrent.verify_gru_by_hand
ONE = np.ones((1, 2, 1))


def test_a_layer_with_one_unit():
    layer = ones(return_sequences=True)
    output = layer(ONE)
    assert output.shape == (1, 2, 1)
    for values in (output, output[0], output.numpy(), output.numpy().tolist()):
        assert gru(layer, [1.0, 1.0], values)["agrees"]
    off = gru(layer, [1.0, 1.0], output.numpy() + [[[0.0], [0.1]]])
    assert off["first_disagreement"]["step"] == 2


def test_a_layer_without_sequences_returns_its_last_step():
    for units, shape in ((1, (1, 1)), (3, (1, 3))):
        layer, x = random_cell(keras.layers.LSTM, 3, units)
        output = layer(x[None].astype("float32")).numpy()
        assert output.shape == shape
        for values in (output, output[0], output.tolist()):
            report = recurrent.verify_lstm_by_hand(layer, x, values)
            assert report["agrees"] and "the last" in report["diagnosis"]
    report = recurrent.verify_lstm_by_hand(layer, x, output + 0.5)
    assert report["first_disagreement"]["step"] == 4
    # A mistake shows there too, and the first step on paper is still the first step.
    hard = recurrent.values_with_mistake(layer, x, "hard sigmoid of Keras 2 for sigmoid")
    for row in (hard["h"][:1], hard["h"][-1:]):
        report = recurrent.verify_lstm_by_hand(layer, x, np.round(row, 8))
        assert report["mistakes"] == ["hard sigmoid of Keras 2 for sigmoid"]
    assert gru(ones(), [1.0, 1.0], ONES[0])["diagnosis"] == "Every value agrees."
    # With sequences, one row that is neither is compared with the first step.
    layer, x = random_cell(keras.layers.GRU, 3, return_sequences=True)
    last = layer(x[None].astype("float32"))[:, -1].numpy()
    assert "the last" in gru(layer, x, last)["diagnosis"]
    assert gru(layer, x, last + 0.1)["first_disagreement"]["step"] == 1


@pytest.mark.parametrize("kind", VERIFY)
@pytest.mark.parametrize("sequences", [False, True])
def test_final_states_may_come_along(kind, sequences):
    options = {"return_state": True, "return_sequences": sequences, "dtype": "float64"}
    layer, x = random_cell(kind, 4, **options)
    output = list(layer(x[None]))
    assert VERIFY[kind](layer, x, output)["agrees"]
    output[-1] = output[-1] + 1e-3
    first = VERIFY[kind](layer, x, output)["first_disagreement"]
    assert (first["step"], first["quantity"]) == (4, "c" if len(output) == 3 else "h")


def test_both_halves_of_a_bidirectional_layer():
    both = keras.layers.Bidirectional(
        keras.layers.GRU(3, return_sequences=True, dtype="float64"), dtype="float64"
    )
    x = np.random.default_rng(0).normal(size=(5, 2))
    y = both(x[None]).numpy()
    assert gru(both.forward_layer, x, y[..., :3])["agrees"]
    half = y[..., 3:]
    report = gru(both.backward_layer, x, half)
    assert report["agrees"] and "order of x" in report["diagnosis"]
    turned = gru(both.backward_layer, x, half[:, ::-1])
    assert turned["diagnosis"] == "Every value agrees."
    # A value that is wrong stays wrong, and a mistake is found, in either order.
    assert not gru(both.backward_layer, x, half + 1e-3 * (half == half[0, 2]))["agrees"]
    wrong = recurrent.values_with_mistake(both.backward_layer, x, "update gate swapped")[
        "h"
    ]
    assert "update gate swapped" in gru(both.backward_layer, x, wrong)["mistakes"]
    assert "update gate swapped" in gru(both.backward_layer, x, wrong[::-1])["mistakes"]
    # The same order of a layer that runs forwards is a mistake.
    listed = gru(both.forward_layer, x, y[0, ::-1, :3])
    assert listed["mistakes"] == ["values listed from the last step to the first"]


MASKS = {"in front": [0, 0, 1, 1, 1], "behind": [1, 1, 1, 0, 0], "between": [1, 0, 1, 0, 1]}


@pytest.mark.parametrize("kind", VERIFY)
@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_masks_are_those_of_keras(kind, mask):
    mask, verify = np.array([mask], bool), VERIFY[kind]
    rng = np.random.default_rng(7)
    x = rng.normal(size=(5, 3)) * mask[0][:, None]
    start = [rng.normal(size=3) for _ in range(2 if kind is keras.layers.LSTM else 1)]
    state = start if len(start) == 2 else start[0]
    for zero, back in ((False, False), (True, True)):
        options = {"return_sequences": True, "dtype": "float64", "go_backwards": back}
        layer, _ = random_cell(kind, 7, zero_output_for_mask=zero, **options)
        y = layer(x[None], mask=mask, initial_state=[s[None] for s in start])
        report = verify(layer, x, y, state, mask=mask[0].tolist())
        assert report["agrees"], str(report)
        assert report["difference_from_keras"] <= 1e-12
        # A value at a masked step counts like any other.
        y = y.numpy()
        hidden = int(np.argmin(mask[0, :: -1 if back else 1]))
        y[0, hidden] += 0.00123456789012
        first = verify(layer, x, y, state, mask=mask)["first_disagreement"]
        assert (first["step"], first["quantity"]) == (hidden + 1, "output")


def test_mistakes_with_masks_and_starts_are_named():
    mask = np.array([[1, 0, 1, 1, 0]], bool)
    rng = np.random.default_rng(8)
    x = rng.normal(size=(5, 3)) * mask[0][:, None]
    start = rng.normal(size=(2, 3))
    layers = {}
    for zero in (False, True):
        layers[zero], _ = random_cell(
            keras.layers.LSTM, 8, return_sequences=True, dtype="float64",
            zero_output_for_mask=zero,
        )  # fmt: skip
    plain, zeros = layers[False], layers[True]

    def named(layer, values, **options):
        return recurrent.verify_lstm_by_hand(layer, x, values, **options)["mistakes"]

    def output(layer, states=None, mask=None):
        states = None if states is None else [s[None] for s in states]
        return layer(x[None], initial_state=states, mask=mask)

    held, shown = output(plain, mask=mask), output(zeros, mask=mask)
    assert named(plain, output(plain), mask=mask) == ["mask left out"]
    assert named(plain, held) == ["steps of zeros left out, as with a mask"]
    assert named(plain, shown, mask=mask) == ["zeros given out at masked steps"]
    assert named(zeros, held, mask=mask) == [
        "output repeated at masked steps, where the layer gives zeros"
    ]
    assert named(plain, output(plain), initial_state=start) == ["initial state left out"]
    assert named(plain, output(plain, start[::-1]), initial_state=start) == [
        "h and c of the initial state exchanged"
    ]
    # The state h is held where the output is zero.
    values = recurrent.values_with_mistake(zeros, x, None, mask=mask)
    np.testing.assert_array_equal(values["h"][1], values["h"][0])
    np.testing.assert_allclose(values["output"], shown[0], rtol=0, atol=1e-12)
    given = {name: value.tolist() for name, value in values.items()}
    assert recurrent.verify_lstm_by_hand(zeros, x, given, mask=mask)["agrees"]


def test_the_report_of_a_verifier_takes_a_mask():
    layer = keras.layers.GRU(2, return_sequences=True, dtype="float64")
    report = recurrent.GRUStepVerifier(layer).report(np.ones((3, 2)), mask=[1, 0, 1])
    h = report["written_out"]["h"]
    assert h[1] == h[0] != h[2] and report["keras"]["h"][1] == h[0]
    assert max(report["largest_difference"].values()) <= 1e-12


def model():
    inputs = keras.Input((4, 3))
    inner = keras.layers.GRU(2, return_sequences=True)(inputs)
    outer = keras.layers.Bidirectional(keras.layers.LSTM(2))(inner)
    return keras.Model(inputs, keras.layers.Dense(1)(outer))


X = np.ones((4, 3))
STACK = [keras.layers.LSTMCell(2), keras.layers.GRUCell(2)]
test_bad_input = refusals(
    [
        (lambda: gru(model(), X, 0.5), "Hand in `model.layers[1]`."),
        (
            lambda: recurrent.verify_lstm_by_hand(model(), X, 0.5),
            "`model.layers[2].forward_layer` or `model.layers[2].backward_layer`",
        ),
        (
            lambda: gru(keras.Sequential([keras.layers.GRU(2)]), X, 0.5),
            "Hand in `model.layers[0]`.",
        ),
        (lambda: gru(keras.layers.RNN(STACK), X, 0.5), "Hand in `layer.cell.cells[1]`."),
        (
            lambda: recurrent.GRUStepVerifier(keras.layers.StackedRNNCells(STACK)),
            "Hand in `layer.cells[1]`.",
        ),
        (
            lambda: recurrent.known_mistakes(keras.layers.RNN(STACK)),
            "`layer.cell.cells[0]` or `layer.cell.cells[1]`, with the output of the one",
        ),
        (lambda: gru(keras.layers.LSTM(2), X, 0.5), "Use `verify_lstm_by_hand`."),
        (
            lambda: recurrent.verify_lstm_by_hand(keras.layers.SimpleRNN(2), X, 0.5),
            "Use `verify_simple_rnn_by_hand`.",
        ),
        (
            lambda: recurrent.LSTMStepVerifier(keras.layers.GRU(2)),
            "Use `GRUStepVerifier`.",
        ),
        (lambda: gru(ones(), [1.0, 1.0], 0.2, mask=[1, 0, 1]), "2 bools"),
        (lambda: gru(ones(), [1.0, 1.0], 0.2, mask=[0.5, 1]), "`mask`"),
        (lambda: gru(ones(), [1.0, 1.0], {"output": 0.2}), "'candidate', 'h'"),
        (lambda: gru(ones(), [1.0, 1.0], [[0.1, 0.2]]), "1 number(s) per step"),
    ]
)
