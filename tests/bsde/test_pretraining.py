"""The labels have the right mean, and the workflow ends in a trained model."""

import re

import keras
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
    x, z = bsde.z_samples(equation, 20_000, grid=GRID, labels=labels, dtype="float64")
    same_x, exact = bsde.z_samples(
        equation, 20_000, grid=GRID, labels="exact", dtype="float64"
    )
    np.testing.assert_array_equal(x, same_x)
    for feature in (np.ones_like(x), x[..., :1]):
        product = (z - exact) * feature
        error = product.std(axis=0) / len(x) ** 0.5
        # 12 numbers, each within 4.5 standard errors.
        assert np.all(np.abs(product.mean(axis=0)) < 4.5 * error + 1e-12)


def test_exact_labels_are_the_exact_control():
    x, z = bsde.z_samples(bsde.Heat(2), 10, grid=GRID, labels="exact", dtype="float64")
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
        equation,
        tmp_path,
        num_steps=4,
        num_paths=1024,
        epochs=5,
        hidden=[16],
        batch_size=64,
    )
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        f"z_00{n}.keras" for n in (1, 2, 3)
    ]
    assert len(losses) == 3
    model = bsde.GlobalModel(
        equation, num_steps=4, control=subnets, train_control=False, u0=0.0
    )
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


def plain(seed=0):
    """A network of somebody else's, with weights that no initializer gives."""
    network = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(3, "tanh"), keras.layers.Dense(2)]
    )
    rng = np.random.default_rng(seed)
    network.set_weights([rng.normal(size=w.shape) for w in network.weights])
    return network


X = np.random.default_rng(1).normal(size=(5, 2)).astype("float32")


def test_files_with_any_names_come_in_the_order_of_the_list(tmp_path):
    networks, names = [plain(s) for s in range(3)], ["net10.keras", "net9.keras", "a.keras"]
    for network, name in zip(networks, names):
        network.save(tmp_path / name)
    # As strings and as paths.
    found = bsde.load_subnets(
        [str(tmp_path / names[0]), *(tmp_path / n for n in names[1:])]
    )
    for network, again in zip(networks, found, strict=True):
        np.testing.assert_array_equal(again(X), network(X))
    with pytest.raises(ValueError, match=r"a.keras.*`load_subnets\(\[first, second"):
        bsde.load_subnets(tmp_path)


@pytest.mark.parametrize("make", [set, iter, dict.fromkeys])
def test_files_in_no_order_get_the_line_that_gives_them_one(make):
    with pytest.raises(ValueError, match=r"`folder` to be a folder, or a list .*`sorted"):
        bsde.load_subnets(make(["b.keras", "a.keras"]))


def advice(path):
    """The code between the last backticks of the refusal of a file."""
    with pytest.raises(ValueError) as error:
        bsde.load_subnets([path])
    return re.findall("`([^`]+)`", str(error.value))[-1]


def test_advice_for_an_hdf5_file_makes_a_file_that_loads(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    network = plain()
    # The loss by its name is what Keras 3 cannot read back from such a file.
    network.compile("adam", loss="mse")
    network.save("old.h5")
    exec(advice(tmp_path / "old.h5"))  # noqa: S102 - the advice of this package
    np.testing.assert_array_equal(bsde.load_subnets(["old.keras"])[0](X), network(X))


def test_advice_for_a_saved_model_makes_a_network(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    network = plain()

    class OfKeras2(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 2), name="dense_input")])
        def serve(self, x):
            return {"dense_1": network(x)}

    module = OfKeras2()
    module.network = network
    tf.saved_model.save(module, "old", signatures=module.serve)
    names = {"keras": keras, "dim": 2}
    exec(advice(tmp_path / "old"), names)  # noqa: S102 - the advice of this package
    # The same sums in a graph.
    np.testing.assert_allclose(names["network"](X), network(X), rtol=1e-5)
    model = bsde.GlobalModel(
        bsde.Heat(2), num_steps=2, control=[names["network"]], u0=0.0, z0=0.0
    )
    assert len(model.trainable_weights) == 2 + 4


@pytest.mark.parametrize(
    "number, words",
    [
        (3, r"Received: 3. Drop the first.*`networks\[1:\]`"),
        (4, r"Received: 4. Drop the first.*drop the last.*`networks\[1:-1\]`"),
        (5, r"Received: 5\.$"),
    ],
)
def test_a_network_for_time_0_has_no_place(number, words):
    networks = [plain() for _ in range(number)]
    with pytest.raises(ValueError, match=words):
        bsde.GlobalModel(bsde.Heat(2), num_steps=3, control=networks, u0=0.0, z0=0.0)


@pytest.mark.parametrize(
    "call",
    [
        lambda files: bsde.GlobalModel(bsde.Heat(2), num_steps=3, control=files),
        lambda files: bsde.PerStepControl(files),
        lambda files: bsde.solve(bsde.Heat(2), num_steps=3, subnets=files),
    ],
)
def test_names_of_files_are_no_networks(call):
    with pytest.raises(ValueError, match=r"`bsde.load_subnets\(paths\)` reads"):
        call(["z_1.keras", "z_2.keras"])


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: bsde.z_samples(bsde.AllenCahn(2), 8, num_steps=4, labels="exact"),
            "pathwise",
        ),
        (
            lambda: bsde.z_samples(bsde.Heat(2), 8, num_steps=4, labels="patwise"),
            "Did you mean",
        ),
        (lambda: bsde.z_samples(bsde.Heat(2), 8, num_steps=1), "inner times"),
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
