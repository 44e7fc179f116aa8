"""The recursion on hand-made numbers, its order, and what the model refuses."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasmodels
from kerasmodels import bsde
from tests.helpers import Hand, Twice, paths, rms

X = np.reshape([0.5, 0.7, 0.4], (1, 3, 1))
DW = np.reshape([0.2, -0.3], (1, 2, 1))
T = np.array([0.0, 0.5, 1.0])


def hand_model(**driver):
    return bsde.GlobalModel(
        Hand(**driver),
        grid=T,
        control=[Twice(dtype="float64")],
        u0=1.5,
        z0=[1.0],
        dtype="float64",
    )


def test_two_steps_without_driver_by_hand():
    # 1.5 + 1 * 0.2 + 1.4 * (-0.3)
    assert float(hand_model()((X, DW, T))[0, 0]) == pytest.approx(1.28, abs=1e-14)


def test_two_steps_with_driver_by_hand():
    # With + f dt and f = .1 u + z x + t the value is 2.44625: our driver is -f.
    # u1 = 1.5 + (.15 + .5 + 0) / 2 + .2 = 2.025
    # u2 = 2.025 + (.2025 + .98 + .5) / 2 - .42 = 2.44625
    u, z = hand_model(a=-0.1, b=-1.0, c=-1.0).trajectory((X, DW, T))
    np.testing.assert_allclose(u[0, :, 0], [1.5, 2.025, 2.44625], atol=1e-14)
    np.testing.assert_allclose(z[0, :, 0], [1.0, 1.4], atol=1e-14)


def test_recursion_against_numpy_in_three_dimensions_and_uneven_steps():
    equation = Hand(dim=3, a=0.3, b=-0.2, c=0.5)
    grid = np.array([0.0, 0.1, 0.4, 0.45, 1.0])
    z0 = np.array([1.0, -2.0, 0.5])
    model = bsde.GlobalModel(
        equation,
        grid=grid,
        control=[Twice(dtype="float64") for _ in range(3)],
        u0=0.7,
        z0=z0,
        dtype="float64",
    )
    x, dw, t = (np.array(v) for v in paths(model, 5))
    u = np.full(5, 0.7)
    for n in range(4):
        z = np.tile(z0, (5, 1)) if n == 0 else 2 * x[:, n]
        f = 0.3 * u - 0.2 * (z * x[:, n]).sum(1) + 0.5 * grid[n]
        u = u - f * (grid[n + 1] - grid[n]) + (z * dw[:, n]).sum(1)
    np.testing.assert_allclose(model((x, dw, t))[:, 0], u, rtol=1e-13)


ORDER_CASES = [
    bsde.Burgers(dim=4),
    bsde.QuadraticGradient(dim=4),
    bsde.ReactionDiffusion(dim=4),
    bsde.BlackScholesBarenblatt(dim=4),
    bsde.Heat(dim=4),
]


def exact_mismatch(equation, num_steps):
    """Root mean square of u_N - g(x_N) with the exact u0, z0 and z in the recursion."""
    start = tf.constant(equation.x0[None, :])
    t0 = tf.zeros((1, 1), "float64")
    z0 = np.nan_to_num(equation.exact_z(t0, start).numpy()[0])
    model = bsde.GlobalModel(
        equation,
        num_steps=num_steps,
        control=bsde.ExactControl(equation, dtype="float64"),
        u0=float(equation.exact_solution(t0, start)[0, 0]),
        z0=z0,
        dtype="float64",
    )
    x, dw, t = paths(model, 2000)
    return rms(model((x, dw, t)) - equation.terminal(x[:, -1]))


@pytest.mark.parametrize("equation", ORDER_CASES, ids=lambda e: type(e).__name__)
def test_mismatch_with_exact_z_shrinks_like_root_dt(equation):
    errors = [exact_mismatch(equation, n) for n in (8, 32, 128)]
    slope = np.log(errors[0] / errors[2]) / np.log(128 / 8)
    # 0.5 in the limit; 2000 paths and 8 steps leave a few hundredths.
    assert 0.4 < slope < 0.65, errors


def test_order_test_sees_a_flipped_driver():
    @keras.saving.register_keras_serializable(package="tests.global_model")
    class Flipped(bsde.Burgers):
        def driver(self, t, x, u, z):
            return -super().driver(t, x, u, z)

    errors = [exact_mismatch(Flipped(dim=4), n) for n in (8, 128)]
    assert errors[1] > 0.6 * errors[0]


def test_heat_loss_floor():
    # With exact z the smallest mean squared mismatch is 2 d T^2 / N.
    dim, num_steps = 3, 20
    error = exact_mismatch(bsde.Heat(dim, x0=0.5), num_steps)
    # 2000 paths: the mean of squares has a standard error of about 3 %.
    assert error**2 == pytest.approx(2 * dim / num_steps, rel=0.1)


def test_frozen_model_has_two_trainable_weights_and_joint_has_all():
    frozen = bsde.GlobalModel(
        bsde.Heat(2), num_steps=10, control="per-step", train_control=False
    )
    assert [w.name for w in frozen.trainable_weights] == ["u0", "z0"]
    frozen.train_control = True
    # Two numbers, and three dense layers of kernel and bias for each of 9 inner times.
    assert len(frozen.trainable_weights) == 2 + 6 * 9


def test_frozen_control_stays_put_through_fit_save_and_fit(tmp_path):
    model = bsde.GlobalModel(
        bsde.Heat(2),
        num_steps=4,
        control="per-step",
        train_control=False,
        terminal_skip=True,
    )
    data = bsde.path_dataset(model.equation, 16, num_steps=4, num_batches=3)

    def fit(model):
        model.compile("adam", loss="mse")
        model.fit(data, verbose=0)
        return [w.numpy() for w in model.control.weights]

    before = [w.numpy() for w in model.control.weights]
    after = fit(model)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert len(loaded.trainable_weights) == 2
    for a, b, c in zip(before, after, fit(loaded)):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)


def test_one_frozen_subnet_stays_frozen_after_loading(tmp_path):
    model = bsde.GlobalModel(bsde.Heat(2), num_steps=4, control="per-step")
    model.control.subnets[1].trainable = False
    count = len(model.trainable_weights)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert [s.trainable for s in loaded.control.subnets] == [True, False, True]
    assert len(loaded.trainable_weights) == count == 2 + 6 * 2


def test_one_time_step_needs_no_control():
    model = bsde.GlobalModel(bsde.Heat(2), num_steps=1, u0=1.0, z0=[0.5, 0.25])
    x, dw, t = paths(model, 3)
    expected = 1.0 + dw[:, 0] @ np.float32([[0.5], [0.25]])
    np.testing.assert_allclose(model((x, dw, t)), expected, rtol=1e-6)
    model.compile("adam", loss="mse")
    model.fit(bsde.path_dataset(model.equation, 8, num_steps=1, num_batches=2), verbose=0)


def test_u0_starts_at_mean_of_terminal_and_z0_at_its_gradient():
    equation = bsde.Heat(3, x0=[1.0, 2.0, 0.0])
    model = bsde.GlobalModel(equation, num_steps=4)
    # |x0|^2 + d T = 8 and 2 x0; 2^14 paths give standard errors below 0.05.
    assert float(model.u0.numpy()) == pytest.approx(8.0, abs=0.2)
    np.testing.assert_allclose(model.z0.numpy(), [2.0, 4.0, 0.0], atol=0.1)


def test_saved_optimizer_continues(tmp_path):
    def fit(model, start, epochs):
        data = bsde.path_dataset(model.equation, 16, num_steps=4, start_step=start)
        model.fit(data, epochs=epochs, steps_per_epoch=2, verbose=0)
        return [w.numpy() for w in model.weights]

    whole, half = (bsde.GlobalModel(bsde.HJB(2), num_steps=4) for _ in range(2))
    for model in (whole, half):
        model.compile("adam", loss="mse")
    expected = fit(whole, 0, 2)
    fit(half, 0, 1)
    half.save(tmp_path / "m.keras")
    again = fit(keras.saving.load_model(tmp_path / "m.keras"), 2, 1)
    for a, b in zip(expected, again):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_same_seed_same_run_other_seed_other_run():
    def run(seed):
        few = {"steps": 10, "batch_size": 8, "num_paths": 256, "max_rounds": 1}
        solution = bsde.solve(bsde.HJB(3), num_steps=2, seed=seed, **few)
        return [w.numpy() for w in solution.model.weights]

    first, second, other = run(1), run(1), run(2)
    assert all(np.array_equal(a, b) for a, b in zip(first, second))
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize("control", ["stacked", "per-step", "shared"])
def test_z_is_constant_between_grid_times(control):
    model = bsde.GlobalModel(
        bsde.HJB(2), grid=[0.0, 0.2, 0.7, 1.0], control=control, terminal_skip=True
    )
    x, dw, t = paths(model, 3)
    _, z = model.trajectory((x, dw, t))
    for n, times in enumerate(([0.0, 0.1], [0.2, 0.5], [0.7, 1.0])):
        for time in times:
            got = model.z(np.full((3, 1), time, "float32"), x[:, n])
            np.testing.assert_allclose(got, z[:, n], rtol=1e-5, atol=1e-6)


BAD_INPUTS = {
    "rank 2": (lambda x, dw, t: (x[..., 0], dw[..., 0], t), "Add the last axis"),
    "times": (lambda x, dw, t: (x[:, :-1], dw[:, :-1], t[:-1]), r"x.shape=\(4, 4, 2\)"),
    "dim": (lambda x, dw, t: (x[..., :1], dw[..., :1], t), r"dw.shape=\(4, 4, 1\)"),
    "batch": (lambda x, dw, t: (x[:3], dw, t), "batch sizes differ"),
    "t rank": (lambda x, dw, t: (x, dw, t[:, None]), r"t.shape=\(5, 1\)"),
    "nan": (lambda x, dw, t: (x + np.nan, dw, t), "40 NaN.* in x.*index"),
    "inf": (lambda x, dw, t: (x, dw + np.inf, t), "infinite values in dw"),
    "grid": (lambda x, dw, t: (x, dw, t**2), "its own grid"),
    "W": (lambda x, dw, t: (x, np.cumsum(x, axis=1), t), r"`np.diff\(W, axis=1\)`"),
    "t of N": (lambda x, dw, t: (x, dw, t[:-1]), "need the terminal time too"),
    "x of N": (lambda x, dw, t: (x[:, :-1], dw, t), "need the terminal time too"),
    "all of N": (
        lambda x, dw, t: (x[:, :-1], x[:, :-1], t[:-1]),
        "4 steps have 5 times: x and t need the terminal time too",
    ),
    "empty": (lambda x, dw, t: (x[:0], dw[:0], t), "no paths"),
    "pair": (lambda x, dw, t: (x, dw), r"the tuple \(x, dw, t\)"),
}


@pytest.fixture(scope="module")
def heat():
    return bsde.GlobalModel(bsde.Heat(2), num_steps=4)


@pytest.mark.parametrize("case", BAD_INPUTS)
@pytest.mark.parametrize("how", ["call", "predict"])
def test_bad_inputs_are_refused_with_their_shapes(case, how, heat):
    change, message = BAD_INPUTS[case]
    model = heat
    x, dw, t = paths(model, 4)
    bad = change(x.numpy(), dw.numpy(), model.grid.astype("float32"))
    with pytest.raises(ValueError, match=message):
        model(bad) if how == "call" else model.predict(bad, verbose=0)


def test_nan_in_a_data_set_is_refused_inside_the_graph():
    model = bsde.GlobalModel(bsde.Heat(2), num_steps=4)
    x, dw, t = paths(model, 4)
    data = tf.data.Dataset.from_tensors(((x * np.nan, dw, t), x[:, -1, :1]))
    model.compile("adam", loss="mse", jit_compile=False)
    with pytest.raises(tf.errors.InvalidArgumentError, match="NaN or infinite"):
        model.fit(data, verbose=0)


def test_data_set_of_another_shape_is_refused_with_its_shapes():
    model = bsde.GlobalModel(bsde.Heat(2), num_steps=4)
    model.compile("adam", loss="mse")
    for equation, num_steps in ((bsde.Heat(3), 4), (bsde.Heat(2), 5)):
        data = bsde.path_dataset(equation, 8, num_batches=1, num_steps=num_steps)
        with pytest.raises(ValueError, match="steps over 4 intervals in dimension 2"):
            model.fit(data, verbose=0)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"equation": "hjb"}, "`equation` to be an instance of `Equation`"),
        ({"num_steps": 0}, "`num_steps` to be an integer of at least 1"),
        ({"num_steps": None}, "one of `num_steps`.* and `grid`.*Received: neither"),
        ({"grid": [0.0, 1.0]}, "one of `num_steps`.* and `grid`.*Received: both"),
        ({"num_steps": None, "grid": [0.0, 0.5, 0.4, 1.0]}, "strictly increasing"),
        (
            {"num_steps": None, "grid": [0.0, 0.5]},
            r"need the terminal time too, `np.append\(grid, 1\)`",
        ),
        ({"control": "staked"}, "Did you mean 'stacked'"),
        ({"control": [bsde.ZSubnet(2)]}, "needs 3 networks.*Received: 1"),
        ({"control": bsde.StackedControl(3, 5)}, "dimension 5"),
        ({"control": 3}, "a control process"),
        ({"u0": "one"}, "`u0` to be a finite number"),
        ({"z0": [1.0, 2.0, 3.0]}, "`z0` to be .* 2 finite numbers"),
        ({"seed": -1}, "`seed`"),
        ({"seed": 2**63}, "`seed`"),
        ({"equation": bsde.Heat}, r"Pass an instance: Heat\(...\)"),
        ({"terminal_skip": "yes"}, "`terminal_skip` to be True or False"),
        ({"train_control": "no"}, "`train_control` to be True or False"),
        ({"terminal_skip": bsde.TerminalSkip(2)}, "3 inner times. Received: 2"),
        ({"control": keras.Sequential([keras.layers.Dense(2)])}, "in a list of 3"),
        ({"control": [keras.layers.Dense(5)] * 3}, r"Received: \(1, 3, 5\)"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    arguments = {"equation": bsde.Heat(2), "num_steps": 4, **arguments}
    with pytest.raises(ValueError, match=message):
        bsde.GlobalModel(**arguments)


@keras.saving.register_keras_serializable(package="tests")
class PlainControl(keras.layers.Layer):
    """z = tanh((t, x) V + c) U + b of a user, without a `build`."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hidden, self.out = keras.layers.Dense(4, "tanh"), keras.layers.Dense(2)

    def call(self, t, x):
        return self.out(self.hidden(keras.ops.concatenate([t, x], axis=-1)))


class PlainModel(PlainControl, keras.Model):
    pass


@keras.saving.register_keras_serializable(package="tests")
class BuiltFromOneShape(keras.layers.Layer):
    def build(self, shape):
        self.scale = self.add_weight(shape=(2,), initializer="ones", name="scale")

    def call(self, t, x):
        return self.scale * x


@pytest.mark.parametrize("cls", [PlainControl, PlainModel, BuiltFromOneShape])
def test_a_plain_layer_is_a_control_process(cls):
    layer = cls()
    model = bsde.GlobalModel(bsde.Heat(2), num_steps=4, control=layer, u0=0.0, z0=0.0)
    assert layer.built and len(model.trainable_weights) == 2 + len(layer.weights) > 2
    x, dw, t = (np.array(v) for v in paths(model, 3))
    _, z = model.trajectory((x, dw, t))
    if cls is BuiltFromOneShape:
        expected = x[:, 1:-1]
    else:
        v, c, u, b = (w.numpy() for w in layer.weights)
        h = np.concatenate([t, x], axis=-1)[:, 1:-1]
        expected = np.tanh(h @ v + c) @ u + b
    # Float32 sums.
    np.testing.assert_allclose(z[:, 1:], expected, rtol=1e-5, atol=1e-6)


def test_a_plain_layer_comes_back_from_a_file(tmp_path):
    model = bsde.GlobalModel(
        bsde.Heat(2), num_steps=4, control=PlainControl(), u0=0.0, z0=0.0
    )
    for weight in model.weights:
        weight.assign(weight + 0.1)
    model.save(tmp_path / "m.keras")
    inputs = paths(model, 3)
    for load in (keras.saving.load_model, kerasmodels.load_model):
        again = load(tmp_path / "m.keras")
        np.testing.assert_array_equal(again(inputs), model(inputs))


@pytest.mark.parametrize("name", ["m.h5", "M.HDF5"])
def test_hdf5_is_refused_before_anything_is_written(name, tmp_path):
    model = hand_model()
    with pytest.raises(ValueError, match=r"Use .keras: `model.save\('.*/[mM].keras'\)`"):
        model.save(tmp_path / name)
    # The message about weights is Keras's own.
    with pytest.raises(ValueError, match="must end in `.weights.h5`"):
        model.save_weights(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_file_holds_a_users_registered_equation(tmp_path):
    model = bsde.GlobalModel(
        Hand(dim=2, a=0.3, x0=[1.0, 2.0]), num_steps=3, terminal_skip=True
    )
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert type(loaded.equation) is Hand
    assert loaded.equation.get_config() == model.equation.get_config()
    inputs = paths(model)
    np.testing.assert_array_equal(loaded(inputs), model(inputs))


def test_grid_of_all_paths_may_be_given_once():
    model = bsde.GlobalModel(bsde.Heat(2), num_steps=4)
    x, dw, t = (np.array(v) for v in paths(model, 5))
    y = np.array(model.equation.terminal(x[:, -1]))
    expected = model.predict((x, dw, t), verbose=0)
    np.testing.assert_array_equal(model.predict((x, dw, model.grid), verbose=0), expected)
    model.compile("adam", loss="mse")
    model.fit((x, dw, model.grid), y, 5, verbose=0)
    assert np.isfinite(model.evaluate((x, dw, model.grid), y, verbose=0))


def test_skip_is_bound_to_the_grid_like_the_networks():
    model = bsde.GlobalModel(
        bsde.Heat(2), num_steps=4, control="shared", terminal_skip=bsde.TerminalSkip(3)
    )
    x, dw, t = paths(model, 3)
    with pytest.raises(ValueError, match="its own grid"):
        model((x, dw, t**2))
    # One a(t, g) for all times goes with a control process of that kind.
    for skip in (False, True):
        free = bsde.GlobalModel(
            bsde.Heat(2), num_steps=4, control="shared", terminal_skip=skip
        )
        assert free((x, dw, t**2)).shape == (3, 1)


@pytest.mark.parametrize(
    "target, message",
    [
        (lambda y: None, "Received: nothing"),
        (lambda y: np.repeat(y, 3, axis=1), r"\(batch, 1\)"),
        (lambda y: y[:, :, None], r"\(batch, 1\)"),
        (lambda y: y * np.nan, "`y` to be an array of finite numbers"),
    ],
)
def test_targets_of_another_shape_are_refused(target, message):
    model = bsde.GlobalModel(bsde.Heat(2), num_steps=4)
    x, dw, t = (np.array(v) for v in paths(model, 4))
    y = target(np.array(model.equation.terminal(x[:, -1])))
    model.compile("adam", loss="mse")
    with pytest.raises(ValueError, match=message):
        model.fit((x, dw, t), y, verbose=0)


@pytest.mark.parametrize("t, x", [((4,), (3, 2)), ((3, 1), (3, 5)), ((3, 2), (3, 2))])
def test_z_refuses_other_shapes(t, x):
    model = bsde.GlobalModel(bsde.Heat(2), num_steps=4)
    with pytest.raises(ValueError, match=r"`t` of shape \(batch, 1\)"):
        model.z(np.zeros(t), np.zeros(x))


def test_u0_and_z0_move_in_units_of_the_solution():
    # One step of gradient descent on a loss of slope 1 moves the weights by the rate.
    model = bsde.GlobalModel(
        bsde.Heat(2), num_steps=3, u0=5.0, z0=[1.0, 2.0], scales=(10.0, 100.0)
    )
    assert float(model.u0) == 5.0
    for weight in model.trainable_weights[:2]:
        weight.assign(weight + 0.5)
    assert float(model.u0) == 10.0
    np.testing.assert_array_equal(model.z0, [51.0, 52.0])
    model.set_u0(7.0)
    assert float(model.u0) == pytest.approx(7.0, rel=1e-6)


def test_units_are_the_spread_of_g_and_of_its_gradient():
    # |X_T|^2 in one dimension: variance 2 + 4 x0^2, gradient 2 X_T of mean square 8.
    model = bsde.GlobalModel(bsde.Heat(1, x0=1.0), num_steps=3)
    u_scale, z_scale = model.get_config()["scales"]
    assert u_scale == pytest.approx(6**0.5, rel=0.05)
    assert z_scale == pytest.approx(8**0.5, rel=0.05)


def test_networks_in_bfloat16_leave_paths_and_u_in_float32():
    model = bsde.GlobalModel(
        bsde.Heat(3), num_steps=4, terminal_skip=True, dtype="mixed_bfloat16"
    )
    x, dw, t = paths(model, 5)
    u, z = model.trajectory((x, dw, t))
    assert x.dtype == u.dtype == z.dtype == tf.float32
    assert model.control.compute_dtype == "bfloat16"
    model.compile("adam", loss="mse")
    history = model.fit(
        bsde.path_dataset(bsde.Heat(3), 16, num_steps=4, num_batches=3), verbose=0
    )
    assert np.isfinite(history.history["loss"][0])
