"""Every system as it was asked is told apart, and no right one is accused."""

import keras
import numpy as np
import pytest

from kerasmodels import by_hand
from kerasmodels.by_hand import RECIPES, dense_network, diagnose, side_by_side
from kerasmodels.by_hand.data import digits

# Epochs after which the difference shows; a whole training is not needed for that.
EPOCHS = {"xor": 500, "big_or_small": 5, "constant_output": 300, "spiral": 300}
EPOCHS |= {"deep_mlp": 2, "matrix_backprop": 2}


@pytest.fixture(scope="module", params=RECIPES)
def trained(request):
    recipe = RECIPES[request.param]
    return recipe, side_by_side(recipe, epochs=EPOCHS.get(request.param, 3))


def test_the_defect_is_named_and_the_fixed_one_is_not_accused(trained):
    recipe, variants = trained
    asked, fixed = variants["as asked"], variants["as fixed"]
    assert recipe.defect in {finding.name for finding in asked.before + asked.after}
    assert fixed.before == [] and fixed.after == []
    assert fixed.failure is None and fixed.report.right
    # NaN is no gradient either.
    assert asked.report.right == (recipe.defect not in ("wrong gradient", "NaN outputs"))


def test_both_ways_start_from_equal_weights_unless_these_are_the_defect(trained):
    recipe, variants = trained
    if recipe.defect == "wrong gradient":
        for one, other in zip(*(variant.start for variant in variants.values())):
            np.testing.assert_array_equal(one, other)
    fields = variants["as fixed"].to_dict()
    assert fields["before"] == [] and fields["history"]["epoch"]


@pytest.mark.parametrize("seed", range(20))
def test_no_false_alarm_over_random_networks(seed):
    rng = np.random.default_rng(seed)
    depth = rng.integers(1, 4)
    # Of very few ReLUs most may be dead by chance.
    sizes = [6, *rng.integers(8, 30, depth), 3]
    hidden = rng.choice(["relu", "tanh", "sigmoid"], depth).tolist()
    loss, last = [
        (by_hand.CrossEntropy(), "softmax"),
        (by_hand.BinaryCrossEntropy(), "sigmoid"),
        (by_hand.SquaredError(), "identity"),
        (by_hand.SquaredError(half=True), "softmax"),
    ][rng.integers(4)]
    model = dense_network(sizes, [*hidden, last], seed)
    model.compile("adam", loss)
    x, y = rng.normal(size=(40, 6)), np.eye(3)[rng.integers(0, 3, 40)]
    assert diagnose(model, x, y) == []


def found(model, x, y):
    model.compile("sgd", by_hand.CrossEntropy())
    return {finding.name: finding.number for finding in diagnose(model, x, y)}


def test_the_look_alikes_one_by_one():
    (x, y), _ = digits()
    x, y = x[:200], y[:200]
    model = dense_network([64, 20, 10], ["relu", "softmax"])
    model.stack[0].bias.assign(np.full(20, -100.0))
    numbers = found(model, x, y)
    assert numbers["dead ReLUs"] == 1.0 and "vanished signal" in numbers
    model = dense_network([64, 10], ["unshifted_softmax"])
    assert found(model, 1000 * x, y)["NaN outputs"] > 0.2
    # Output biases alone, at the logarithms of the shares: what ignoring x ends in.
    model = dense_network([64, 10], ["softmax"], kernel=lambda seed: "zeros")
    model.stack[0].bias.assign(np.log(y.mean(axis=0)))
    assert found(model, x, y)["class priors"] < 1e-6


def test_an_output_that_is_sure_and_right_is_no_defect():
    model = dense_network([2, 1], ["sigmoid"], bias=None)
    model.stack[0].kernel.assign([[100.0], [0.0]])
    x = np.array([[1.0, 0], [-1, 0], [2, 0]])
    model.compile("sgd", by_hand.BinaryCrossEntropy())
    assert diagnose(model, x, np.array([[1.0], [0], [1]])) == []
    wrong = diagnose(model, x, np.array([[0.0], [1], [0]]))
    assert [finding.name for finding in wrong] == ["saturated units"]


def test_product_for_sum_in_the_start():
    # sqrt(6 / (n m)) against sqrt(6 / (n + m)), and where the bias goes.
    for shape, limit in (((784, 128), 0.0077323696767466736), ((128, 10), 0.0684653197)):
        values = np.asarray(by_hand.ProductUniform(0)(shape))
        assert np.max(np.abs(values)) == pytest.approx(limit, rel=1e-2)
        assert np.std(values) == pytest.approx(limit / 3**0.5, rel=0.05)
    assert np.max(np.abs(by_hand.ProductUniform(0)((10,)))) < 0.7746
    glorot = np.asarray(keras.initializers.GlorotUniform(0)((128, 128)))
    product = np.asarray(by_hand.ProductUniform(0)((128, 128)))
    assert np.max(glorot) / np.max(product) == pytest.approx(8.0, rel=1e-2)


def spread_of_logits(kernel):
    (x, _), _ = digits()
    model = dense_network(
        [64, 128, 128, 128, 10], ["relu"] * 3 + ["softmax"], kernel=kernel
    )
    _, caches = model.forward(x[:300].astype("float32"))
    return np.mean(np.std(caches[-1][1], axis=0))


def test_three_layers_from_the_product_say_nothing():
    glorot = spread_of_logits(keras.initializers.GlorotUniform)
    assert glorot / spread_of_logits(by_hand.ProductUniform) > 100
