"""Weights as people write them, and as a layer stores them."""

import re

import keras
import numpy as np
import pytest

from kerasmodels import recurrent
from tests.recurrent.test_by_hand import VERIFY
from tests.recurrent.test_equations import ONES, ones
from tests.recurrent.test_mistakes_on_paper import UNITS, gru, lstm, simple_rnn

EQUATIONS = {
    keras.layers.GRU: gru,
    keras.layers.LSTM: lstm,
    keras.layers.SimpleRNN: simple_rnn,
}


def written(kind, dtype="float32", **options):
    """A layer of weights with one decimal, none of which float32 has, and those weights."""
    # TensorFlow has no orthogonal matrices of bfloat16 to start from.
    options = {"return_sequences": True, "recurrent_initializer": "zeros", **options}
    layer = kind(UNITS, dtype=dtype, **options)
    layer.build((1, 5, UNITS))
    rng = np.random.default_rng(2)
    tenths = [np.round(rng.uniform(-1.4, 1.4, w.shape), 1) for w in layer.weights]
    layer.set_weights(tenths)
    return layer, tenths, np.round(rng.normal(size=(5, UNITS)), 1)


@pytest.mark.parametrize("kind", EQUATIONS)
def test_values_of_the_weights_as_written_agree(kind):
    layer, weights, x = written(kind)
    values = np.array(EQUATIONS[kind](x, *weights)["h"])
    assert VERIFY[kind](layer, x, values)["agrees"]
    # In float64 the layer has these very weights.
    double, _, _ = written(kind, "float64")
    assert VERIFY[kind](double, x, values)["agrees"]
    # The tolerance is that of the type, and no wider: 1e-5 is seen, in float64 1e-11.
    for one, error in ((layer, 1e-5), (double, 1e-11)):
        off = values.copy()
        off[3, 1] += error
        first = VERIFY[kind](one, x, off)["first_disagreement"]
        assert (first["step"], first["unit"]) == (4, 1)


def test_a_tolerance_finer_than_the_type_is_widened():
    layer, weights, x = written(keras.layers.GRU)
    values = gru(x, *weights)["h"]
    assert recurrent.verify_gru_by_hand(layer, x, values, tolerance=1e-15)["agrees"]


@pytest.mark.parametrize("kind", EQUATIONS)
def test_mistakes_in_values_of_the_weights_as_written(kind):
    layer, weights, x = written(kind)
    changed = [weights[0], 0 * weights[1], weights[2]]
    values = EQUATIONS[kind](x, *changed)["h"]
    (name,) = VERIFY[kind](layer, x, values)["mistakes"]
    assert name.startswith("previous state left out")
    # Without the activation the values grow, and their storage errors with them.
    values = EQUATIONS[kind](x, *weights, a=lambda v: v)["h"]
    (name,) = VERIFY[kind](layer, x, values)["mistakes"]
    assert name in ("activation of the candidate left out", "activation left out")


@pytest.mark.parametrize("dtype", ["mixed_float16", "bfloat16"])
def test_half_precision_as_plain_numbers(dtype):
    layer, _, x = written(keras.layers.GRU, dtype)
    values = np.asarray(layer(x[None]))[0].astype("float64").tolist()
    assert recurrent.verify_gru_by_hand(layer, x, values)["agrees"]
    values[2][0] += 0.25
    report = recurrent.verify_gru_by_hand(layer, x, values)
    assert report["first_disagreement"]["step"] == 3


def test_numbers_that_differ_are_printed_with_the_digits_in_which_they_do():
    paper = [ONES[0], ONES[1] + 1e-9]
    report = recurrent.verify_gru_by_hand(ones(), [1.0, 1.0], paper)
    by_hand, computed = re.search(
        r"by hand (\S+), computed (\S+)\.", report["diagnosis"]
    ).groups()
    assert by_hand != computed
    assert float(by_hand) - float(computed) == pytest.approx(1e-9, rel=0.6)
    (row,) = [line for line in str(report).splitlines() if "<-- first" in line]
    assert row.split()[3] != row.split()[4]
    # Eight digits suffice elsewhere.
    assert (
        "by hand 0.55, computed 0.20482421."
        in (recurrent.verify_gru_by_hand(ones(), [1.0], 0.55)["diagnosis"])
    )
