"""Exchangeable equations are told from others, and their control is equivariant."""

import numpy as np
import pytest
from keras import ops

from kerasmodels import bsde
from tests.helpers import refusals


@pytest.mark.parametrize("name", bsde.EQUATIONS)
def test_every_equation_of_the_zoo_is_exchangeable(name):
    assert bsde.is_exchangeable(bsde.EQUATIONS[name](dim=4))


class FirstCounts(bsde.Heat):
    def terminal(self, x):
        return x[:, :1] ** 2


class OneDirection(bsde.Heat):
    def driver(self, t, x, u, z):
        return z[:, :1]


class Drifting(bsde.Heat):
    def drift(self, t, x):
        return x * ops.arange(self.dim, dtype=x.dtype)


class Correlated(bsde.Heat):
    def diffusion_prod(self, t, x, dw):
        return ops.cumsum(dw, axis=-1)


@pytest.mark.parametrize("cls", [FirstCounts, OneDirection, Drifting, Correlated])
def test_each_coefficient_can_break_the_symmetry(cls):
    # In two dimensions a permutation drawn at random is the identity half of the time.
    for dim in (2, 3, 4):
        assert not bsde.is_exchangeable(cls(dim))
    assert bsde.is_exchangeable(cls(1))


def control(features=2, **arguments):
    return bsde.ExchangeableControl(
        4, [0.25, 0.5, 0.75], features=features, dtype="float64", **arguments
    )


def inputs(batch=5):
    rng = np.random.default_rng(0)
    t = np.tile(np.array([0.25, 0.5, 0.75])[:, None], (batch, 1, 1))
    x, gradient = rng.normal(size=(2, batch, 3, 4))
    return t, x, rng.normal(size=(batch, 3, 1)), gradient


@pytest.mark.parametrize("features", [0, 2])
def test_control_reorders_with_x(features):
    layer = control(features)
    for weight in layer.trainable_weights:
        weight.assign(np.random.default_rng(1).normal(size=weight.shape))
    t, x, g, gradient = inputs()
    order = [2, 0, 3, 1]
    z = np.asarray(layer(t, x, g, gradient))
    again = np.asarray(layer(t, x[..., order], g, gradient[..., order]))
    np.testing.assert_allclose(again, z[..., order], rtol=1e-12)
    assert np.std(z, axis=-1).min() > 1e-3


def test_control_starts_as_the_terminal_gradient():
    t, x, g, gradient = inputs()
    np.testing.assert_allclose(control()(t, x, g, gradient), gradient, atol=0.3)


def test_number_of_weights_does_not_depend_on_the_dimension():
    sizes = {bsde.ExchangeableControl(d, [0.5]).count_params() for d in (1, 10, 1000)}
    assert len(sizes) == 1


def test_statistics_are_those_of_the_sample_and_linear_between():
    layer = control(0)
    t, x, g, _ = inputs(200)
    x = x * np.array([1.0, 2.0, 4.0])[:, None] + 3.0
    layer.standardize(t, x, 1.0, g)
    at = np.asarray(layer._statistics_at(np.array([[[0.0], [0.25], [0.625], [1.0]]])))[0]
    table = layer.statistics.numpy()
    np.testing.assert_allclose(table[:, 0], x.mean(axis=(0, 2)), rtol=1e-12)
    np.testing.assert_allclose(table[:, 8], x.min(axis=-1).std(axis=0), rtol=1e-12)
    np.testing.assert_allclose(at[[0, 1, 3]], table[[0, 0, 2]], rtol=1e-12)
    np.testing.assert_allclose(at[2], (table[1] + table[2]) / 2, rtol=1e-12)


def test_what_does_not_vary_keeps_its_scale():
    layer = control(0)
    t, x, *_ = inputs(10)
    layer.standardize(t, np.full_like(x, 2.0), 0.0, np.full_like(x[..., :1], 5.0))
    table = layer.statistics.numpy()
    np.testing.assert_array_equal(table[:, 5:10], 1.0)
    np.testing.assert_array_equal(table[:, 11], 1.0)


test_bad_arguments_are_refused = refusals(
    [
        (lambda: bsde.is_exchangeable("hjb"), "`equation`"),
        (lambda: bsde.is_exchangeable(bsde.Heat(2), num_points=0), "`num_points`"),
        (lambda: bsde.ExchangeableControl(0, [0.5]), "`dim`"),
        (lambda: bsde.ExchangeableControl(2, [0.5, 0.5]), "strictly increasing"),
        (lambda: bsde.ExchangeableControl(2, [0.5, np.nan]), "`times`"),
        (lambda: bsde.ExchangeableControl(2, [0.5], width=0), "`width`"),
        (lambda: bsde.ExchangeableControl(2, [0.5], features=-1), "`features`"),
    ]
)
