"""Every system as it was asked is told apart, and no right one is accused."""

import keras
import numpy as np
import pytest

from kerasmodels import by_hand
from kerasmodels.by_hand import RECIPES, dense_network, diagnose, side_by_side
from kerasmodels.by_hand.data import digits

# Epochs after which the difference shows; a whole training is not needed for that.
EPOCHS = {"xor": 500, "big_or_small": 5, "constant_output": 100, "spiral": 300}
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
    if recipe.defect in ("wrong gradient", "NaN outputs"):
        for one, other in zip(*(variant.start for variant in variants.values())):
            np.testing.assert_array_equal(one, other)
    fields = variants["as fixed"].to_dict()
    assert fields["before"] == [] and fields["history"]["epoch"]


@pytest.mark.parametrize("seed", range(20))
def test_no_false_alarm_over_random_networks(seed):
    rng = np.random.default_rng(seed)
    depth = rng.integers(1, 4)
    # Of very few ReLUs most may be dead by chance.
    sizes = [6, *rng.integers(8, 30, depth).tolist(), 3]
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


@pytest.mark.parametrize("offset, size", [(200.0, 1.0), (0.0, 1e-4), (-3.0, 50.0)])
def test_no_false_alarm_on_a_trained_regression(offset, size):
    # Outputs around 200 vary by little of their size, and small ones differ from their
    # mean by less than a fixed bound.
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    y = offset + size * (x @ [[1.0], [-2.0], [0.5]] + 0.3 * rng.normal(size=(60, 1)))
    model = dense_network([3, 1], ["identity"])
    slope = np.linalg.lstsq(np.c_[x, np.ones(60)], y, rcond=None)[0]
    model.set_weights([slope[:3], slope[3]])
    model.compile("sgd", by_hand.SquaredError())
    assert diagnose(model, x, y) == []


def test_no_false_alarm_on_a_common_offset_or_a_single_class():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 4))
    model = dense_network([4, 3], ["softmax"])
    model.stack[0].bias.assign(np.full(3, 500.0))
    assert found(model, x, np.eye(3)[np.arange(40) % 3]) == {}
    model.stack[0].bias.assign([30.0, 0, 0])
    assert "class priors" not in found(model, x, np.eye(3)[np.zeros(40, int)])


@pytest.mark.parametrize("hidden", [2, 3, 4])
@pytest.mark.parametrize("seed", range(3))
def test_a_kink_is_no_wrong_gradient(hidden, seed):
    # At a corner of zeros every ReLU sits on its kink.
    x = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    y = np.array([[0], [1], [1], [0]])
    for depth in (1, 2):
        sizes, hand = [2, *[hidden] * depth, 1], ["relu"] * depth + ["sigmoid"]
        model = dense_network(sizes, hand, seed)
        model.compile("sgd", by_hand.BinaryCrossEntropy())
        assert by_hand.check_gradients(model, x, y).right


@pytest.mark.parametrize("mistake", by_hand.MISTAKES)
def test_the_mistake_is_named(mistake):
    model = dense_network([4] * 3, ["tanh", "softmax"], mistake=[None, mistake])
    model.compile("sgd", by_hand.SquaredError())
    rng = np.random.default_rng(0)
    findings = diagnose(model, rng.normal(size=(4, 4)), np.eye(4))
    assert [finding.name for finding in findings] == ["wrong gradient"]
    assert f"{mistake!r} makes of it in layer_2" in findings[0].text


def test_the_own_line_of_a_subclass_is_recognised():
    class Mine(by_hand.HandDense):
        def input_gradient(self, x, dz, kernel):
            return keras.ops.matmul(dz, kernel)

        def kernel_gradient(self, x, dz, kernel):
            return keras.ops.matmul(x, dz)

    model = by_hand.HandNetwork([Mine(4, "tanh"), by_hand.HandDense(4, "sigmoid")])
    model.build((None, 4))
    model.compile("sgd", by_hand.SquaredError())
    rng = np.random.default_rng(0)
    text = diagnose(model, rng.normal(size=(4, 4)), np.eye(4))[-1].text
    assert "'transpose left out'" in text


def test_the_slips_of_a_sigmoid_are_named_where_they_are_written_out():
    # As formulas of their own: a (1 - a) given z, and given the sigmoid of a.
    class OnZ(by_hand.HandDense):
        def activation_gradient(self, z, a, upstream):
            return upstream * z * (1 - z)

    class Twice(by_hand.HandDense):
        def activation_gradient(self, z, a, upstream):
            s = 1 / (1 + keras.ops.exp(-a))
            return upstream * s * (1 - s)

    x, y = np.random.default_rng(0).normal(size=(7, 4)), np.eye(2)[[0, 1, 1, 0, 1, 0, 0]]
    names = {OnZ: "derivative taken at z", Twice: "activation applied twice"}
    for layer, name in names.items():
        hidden = layer(3, "sigmoid", name="hidden")
        model = by_hand.HandNetwork([hidden, by_hand.HandDense(2, "softmax")])
        model.build((None, 4))
        model.compile("sgd", by_hand.CrossEntropy())
        text = diagnose(model, x, y)[-1].text
        assert f"{name!r} makes of it in hidden" in text


def test_a_slip_outside_the_layers_is_no_mistake_of_one():
    class NoTwo(by_hand.SquaredError):
        def derivative(self, y_true, y_pred):
            return y_pred - y_true

    # Of an identity several mistakes change nothing.
    model = dense_network([4, 3], ["identity"])
    model.compile("sgd", NoTwo())
    x, y = np.random.default_rng(0).normal(size=(7, 4)), np.eye(3)[[0, 1, 2, 0, 1, 0, 0]]
    text = diagnose(model, x, y)[-1].text
    assert "makes of it" not in text and "the 2 of the square is missing" in text


def test_bad_batches_are_named():
    model = dense_network([2, 1], ["sigmoid"])
    with pytest.raises(ValueError, match="`loss`"):
        diagnose(model, np.ones((3, 2)), np.ones((3, 1)))
    model.compile("sgd", by_hand.BinaryCrossEntropy())
    with pytest.raises(ValueError, match=r"`y` to be of shape \(batch, 1\)"):
        diagnose(model, np.ones((3, 2)), np.ones(3))


def test_an_output_that_is_sure_and_right_is_no_defect():
    model = dense_network([2, 1], ["sigmoid"], bias=None)
    model.stack[0].kernel.assign([[100.0], [0.0]])
    x = np.array([[1.0, 0], [-1, 0], [2, 0]])
    model.compile("sgd", by_hand.BinaryCrossEntropy())
    assert diagnose(model, x, np.array([[1.0], [0], [1]])) == []
    wrong = diagnose(model, x, np.array([[0.0], [1], [0]]))
    assert [finding.name for finding in wrong] == ["saturated units"]


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
