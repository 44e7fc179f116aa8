"""The labels have the right mean, and the workflow ends in a trained model."""

import numpy as np
import pytest
import tensorflow as tf

from kerasmodels import bsde
from tests.helpers import paths, rms

GRID = [0.0, 0.2, 0.6, 1.0]


@pytest.mark.parametrize("labels", ["pathwise", "malliavin"])
@pytest.mark.parametrize(
    "equation", [bsde.Heat(2, x0=0.5), bsde.BlackScholesBarenblatt(2, rate=0.0)]
)
def test_labels_regress_on_the_exact_control(equation, labels):
    # No driver, so the mean of z given x is the exact control: their difference is
    # uncorrelated with every function of x. 1 and x_1 stand for all.
    x, z = bsde.z_samples(equation, GRID, 20_000, labels=labels, dtype="float64")
    same_x, exact = bsde.z_samples(equation, GRID, 20_000, labels="exact", dtype="float64")
    np.testing.assert_array_equal(x, same_x)
    for feature in (np.ones_like(x), x[..., :1]):
        product = (z - exact) * feature
        error = product.std(axis=0) / len(x) ** 0.5
        # 12 numbers, each within 4.5 standard errors.
        assert np.all(np.abs(product.mean(axis=0)) < 4.5 * error + 1e-12)


def test_exact_labels_are_the_exact_control():
    x, z = bsde.z_samples(bsde.Heat(2), GRID, 10, labels="exact", dtype="float64")
    np.testing.assert_allclose(z, 2 * x, rtol=1e-13)


@pytest.mark.slow
def test_subnet_learns_a_linear_control():
    # z = 2 x with x of variance 0.1: var z = 0.4, published 10 epochs leave 0.0022.
    rng = np.random.default_rng(0)
    x = rng.normal(0.5, 0.1**0.5, (4096, 1, 1)).astype("float32")
    subnets, losses = bsde.fit_subnets(x, 2 * x)
    test = rng.normal(0.5, 0.1**0.5, (500, 1)).astype("float32")
    assert rms(subnets[0](test) - 2 * test) ** 2 < 0.01
    assert losses[0] < 0.01


def test_workflow_files_frozen_then_joint(tmp_path):
    equation = bsde.Heat(1, x0=0.5)
    subnets, losses = bsde.pretrain_subnets(
        equation, 4, tmp_path, num_paths=1024, epochs=5, hidden=[16], batch_size=64
    )
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        f"z_00{n}.keras" for n in (1, 2, 3)
    ]
    assert len(losses) == 3
    model = bsde.GlobalModel(equation, 4, control=subnets, train_control=False, u0=0.0)
    assert [w.name for w in model.trainable_weights] == ["u0", "z0"]
    x, dw, t = paths(model, 4096)
    target = equation.terminal(x[:, -1])
    before = [w.numpy() for w in model.control.weights]
    model.compile(bsde.decaying_adam(0.1, 192), loss="mse")
    model.fit((x, dw, t), target, epochs=3, batch_size=64, verbose=0)
    # u0 = 0.25 + 1, z0 = 1; the floor of the loss is 2 T^2 / N = 0.5.
    assert float(model.u0.numpy()) == pytest.approx(1.25, abs=0.1)
    assert float(model.z0.numpy()[0]) == pytest.approx(1.0, abs=0.2)
    for a, w in zip(before, model.control.weights):
        np.testing.assert_array_equal(a, w.numpy())
    model.train_control = True
    model.compile("adam", loss="mse")
    model.fit((x, dw, t), target, epochs=1, verbose=0)
    moved = [
        not np.array_equal(a, w.numpy()) for a, w in zip(before, model.control.weights)
    ]
    assert sum(moved) == 3 * 4


def test_reloaded_subnets_are_the_same_functions(tmp_path):
    subnets = [bsde.ZSubnet(2, seed=s, standardized=True) for s in range(3)]
    bsde.save_subnets(subnets, tmp_path)
    x = tf.random.stateless_normal((5, 2), (0, 0))
    for a, b in zip(subnets, bsde.load_subnets(tmp_path)):
        np.testing.assert_array_equal(a(x), b(x))


def test_missing_file_is_named(tmp_path):
    bsde.save_subnets([bsde.ZSubnet(2), bsde.ZSubnet(2)], tmp_path)
    (tmp_path / "z_001.keras").unlink()
    with pytest.raises(ValueError, match="without gaps.*z_002.keras"):
        bsde.load_subnets(tmp_path)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: bsde.z_samples(bsde.AllenCahn(2), 4, 8, labels="exact"), "pathwise"),
        (lambda: bsde.z_samples(bsde.Heat(2), 4, 8, labels="patwise"), "Did you mean"),
        (lambda: bsde.z_samples(bsde.Heat(2), 1, 8), "inner times"),
        (lambda: bsde.fit_subnets(np.ones((4, 2)), np.ones((4, 2))), r"\(4, 2\)"),
        (
            lambda: bsde.fit_subnets(np.ones((4, 2, 1)), np.ones((4, 3, 1))),
            r"z.shape=\(4, 3, 1\)",
        ),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_shorter_list_replaces_a_longer_one(tmp_path):
    for count in (4, 2):
        nets = [bsde.ZSubnet(2, seed=s, standardized=True) for s in range(count)]
        bsde.save_subnets(nets, tmp_path)
    assert len(bsde.load_subnets(tmp_path)) == 2
