"""The control processes agree with each other, and with their formulas."""

import numpy as np
import pytest

from kerasmodels import bsde
from kerasmodels.bsde.control.network import init_seeds


def trained_subnets(dtype, batch_norm=False, count=4, dim=3):
    """Subnets with weights, statistics and scales that all differ."""
    rng = np.random.default_rng(0)
    nets = [
        bsde.ZSubnet(dim, seed=s, batch_norm=batch_norm, dtype=dtype)
        for s in init_seeds(0, count)
    ]
    for net in nets:
        for weight in net.weights:
            weight.assign(weight + rng.uniform(0.1, 1.0, weight.shape))
        net.standardize(rng.normal(1.0, 2.0, (50, dim)), rng.uniform(1, 3))
    return nets


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-5), ("float64", 1e-12)])
def test_stacked_equals_per_step_in_u_N(dtype, tolerance, batch_norm):
    nets = trained_subnets(dtype, batch_norm)
    equation = bsde.HJB(3, control_cost=0.1)
    models = [
        bsde.GlobalModel(
            equation, num_steps=5, control=control, u0=1.0, z0=[1, 2, 3], dtype=dtype
        )
        for control in (nets, bsde.StackedControl.from_subnets(nets))
    ]
    x, dw = bsde.sample_paths(equation, 32, num_steps=5, seed=0, dtype=dtype)
    t = bsde.tile_times(models[0].grid, 32, dtype)
    u = [np.array(model((x, dw, t))) for model in models]
    assert np.std(u[0]) > 0.1
    np.testing.assert_allclose(u[1], u[0], rtol=tolerance, atol=tolerance)


def test_stacked_batch_norm_has_statistics_of_its_own_at_every_time():
    nets = trained_subnets("float64", batch_norm=True)
    stack = bsde.StackedControl.from_subnets(nets)
    x = np.random.default_rng(1).normal(size=(32, 4, 3)) * np.arange(1, 5)[:, None]
    t = np.zeros((32, 4, 1))
    per_step = bsde.PerStepControl(nets, dtype="float64")
    np.testing.assert_allclose(
        stack(t, x, training=True), per_step(t, x, training=True), rtol=1e-10
    )


def test_subnet_has_the_published_number_of_parameters():
    def trainable(dim):
        return sum(int(np.prod(w.shape)) for w in bsde.ZSubnet(dim).trainable_weights)

    assert trainable(1) == 166
    assert trainable(100) == 34_420


def test_subnet_against_numpy():
    net = bsde.ZSubnet(2, hidden=[4], activation="tanh", dtype="float64")
    x = np.random.default_rng(0).normal(3.0, 2.0, (6, 2))
    net.standardize(x, 5.0)
    kernel, bias, last_kernel, last_bias = (w.numpy() for w in net.trainable_weights)
    h = np.tanh((x - x.mean(0)) / x.std(0) @ kernel + bias)
    np.testing.assert_allclose(net(x), 5 * (h @ last_kernel + last_bias), rtol=1e-13)


def test_coordinate_that_does_not_vary_is_not_divided_by_zero():
    net = bsde.ZSubnet(2)
    net.standardize(np.array([[1.0, 5.0], [2.0, 5.0]]), 0.0)
    np.testing.assert_array_equal(net.input_scale.numpy(), [0.5, 1.0])
    assert float(net.output_scale.numpy()) == 1.0


def test_fresh_control_is_standardised_by_the_model_and_given_one_is_not():
    equation = bsde.BlackScholesBasket(2)
    fresh = bsde.GlobalModel(equation, num_steps=4)
    assert 90 < float(np.mean(fresh.control.input_mean.numpy())) < 110
    given = bsde.StackedControl(3, 2, standardized=True)
    bsde.GlobalModel(equation, num_steps=4, control=given)
    assert float(np.max(given.input_mean.numpy())) == 0.0


def test_exact_control_is_the_exact_gradient():
    # Heat: u = |x|^2 + d (T - t), sigma = 1, so z = 2 x.
    x = np.random.default_rng(0).normal(size=(4, 3, 2))
    z = bsde.ExactControl(bsde.Heat(2), dtype="float64")(np.zeros((4, 3, 1)), x)
    np.testing.assert_allclose(z, 2 * x, rtol=1e-14)


@pytest.mark.parametrize("num_times", [3, None])
def test_terminal_skip_starts_near_one(num_times):
    g = np.random.default_rng(0).normal(size=(50, 3, 1)).astype("float32")
    t = np.tile(np.float32([0.2, 0.5, 0.9])[:, None], (50, 1, 1))
    amount = bsde.TerminalSkip(num_times)(t, g, np.ones((50, 3, 1), "float32"))
    np.testing.assert_allclose(amount, 1.0, atol=0.2)


@pytest.mark.parametrize("num_times", [3, None])
def test_terminal_skip_at_one_time_is_that_time_of_all(num_times):
    skip = bsde.TerminalSkip(num_times, terminal_time=2.0, dtype="float64")
    rng = np.random.default_rng(0)
    for weight in skip.weights:
        weight.assign(rng.normal(size=weight.shape))
    t, g, gradient = (
        np.tile([[0.2], [0.5], [0.9]], (4, 1, 1)),
        *rng.normal(size=(2, 4, 3, 1)),
    )
    z = np.asarray(skip(t, g, gradient))
    assert np.std(z / gradient) > 0.1
    for n in range(3):
        alone = skip.at(n, t[:, n], g[:, n], gradient[:, n])
        np.testing.assert_allclose(alone, z[:, n], rtol=1e-12)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: bsde.ZSubnet(0), "`dim`"),
        (lambda: bsde.ZSubnet(2, hidden=[0]), "`hidden`"),
        (lambda: bsde.ZSubnet(2, hidden=5), "`hidden` to be a list"),
        (lambda: bsde.StackedControl(0, 2), "`num_times`"),
        (lambda: bsde.PerStepControl([]), "`subnets`"),
        (lambda: bsde.StackedControl.from_subnets([]), "`subnets`"),
        (
            lambda: bsde.StackedControl.from_subnets([bsde.ZSubnet(2), bsde.ZSubnet(3)]),
            "one architecture",
        ),
        (lambda: bsde.ExactControl(bsde.AllenCahn(2)), "exact_solution"),
        (lambda: bsde.TerminalSkip(2, scale=0.0), "`scale`"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
