"""What the systems reach when they are trained as they work, and as they were asked."""

import numpy as np
import pytest

from kerasmodels import by_hand
from kerasmodels.by_hand import RECIPES, side_by_side

# Epochs; accuracy on the test set, at least as it works and at most as it was asked.
REACHED = {
    "two_layer_net": (30, 0.9, None),
    "deep_mlp": (10, 0.75, 0.25),
    "matrix_backprop": (10, 0.88, 0.2),
    "digits_mlp": (15, 0.9, None),
    "softmax_loss": (15, 0.9, 0.2),
    "big_or_small": (80, 0.9, 0.7),
    "constant_output": (300, 0.8, 0.2),
}


# In `make test` each recipe trains until its defect shows (test_diagnose.py).
@pytest.mark.slow
@pytest.mark.parametrize("name", REACHED)
def test_accuracy_with_and_without_the_defect(name):
    epochs, at_least, at_most = REACHED[name]
    variants = side_by_side(RECIPES[name], epochs=epochs)
    assert variants["as fixed"].test_accuracy > at_least
    if at_most is None:
        assert variants["as asked"].failure
    else:
        assert variants["as asked"].test_accuracy < at_most


@pytest.mark.slow
def test_both_gradients_of_the_notebook_learn():
    variants = side_by_side(RECIPES["digits_notebook"])
    assert all(variant.test_accuracy > 0.9 for variant in variants.values())


@pytest.mark.slow
def test_ignored_input_ends_in_the_shares_of_the_classes():
    asked, fixed = side_by_side(RECIPES["constant_output"]).values()
    x, y = asked.train
    assert fixed.history["accuracy"][-1] > 0.95
    assert len(np.unique(np.argmax(fixed.model(x), axis=1))) == 10
    said = np.asarray(asked.model(x))
    np.testing.assert_allclose(said, np.broadcast_to(y.mean(axis=0), said.shape), atol=1e-5)
    assert len(np.unique(np.argmax(said, axis=1))) == 1
    floor = by_hand.loss_of_shares(y.mean(axis=0))
    # float32, summed over the batch.
    assert asked.history["loss"][-1] == pytest.approx(floor, abs=1e-5)


@pytest.mark.slow
def test_xor_is_solved():
    fixed = side_by_side(RECIPES["xor"])["as fixed"]
    x, y = fixed.train
    assert np.max(np.abs(fixed.model(x) - y)) < 0.03


@pytest.mark.slow
def test_hidden_layer_learns_the_spiral():
    variants = side_by_side(RECIPES["spiral"], epochs=500)
    assert variants["as asked"].test_accuracy < 0.55
    assert variants["as fixed"].test_accuracy > 0.9


def test_same_seed_same_run():
    runs = [side_by_side(RECIPES["big_or_small"], 4, epochs=3) for _ in range(2)]
    assert runs[0]["as fixed"].to_dict() == runs[1]["as fixed"].to_dict()
