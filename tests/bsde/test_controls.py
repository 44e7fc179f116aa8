"""Control variates and mirror images of an estimate: the mean stays, variance goes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasmodels import bsde
from kerasmodels.bsde.estimate.chunks import lower_remainder, lower_variance
from kerasmodels.bsde.estimate.controls import (
    CONTROLS,
    control_terms,
    mirrors_help,
    reduced,
)
from kerasmodels.bsde.estimate.estimator import Estimator
from kerasmodels.bsde.estimate.path_sampler import COLUMNS
from kerasmodels.bsde.recursion.iterated_integrals import parts_of_iterated_integrals
from tests.bsde.test_estimate_by_hand import AnyTime


def normals(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def controls_of(paths, **named):
    """`[3, controls, paths]`, zero but for the named ones, `[3, paths]`."""
    found = np.zeros((3, len(CONTROLS), paths))
    for name, value in named.items():
        found[:, CONTROLS.index(name)] = value
    return found


def test_terms_have_mean_zero():
    # Gauss-Hermite quadrature in two dimensions: exact for polynomials up to degree 11.
    nodes, weights = np.polynomial.hermite_e.hermegauss(6)
    dt = 0.3
    dw = np.sqrt(dt) * np.array([(a, b) for a in nodes for b in nodes])
    weight = np.array([a * b for a in weights for b in weights]) / (2 * np.pi)
    count = len(dw)
    z = np.tile([0.7, -1.1], (count, 1))
    along = z / np.linalg.norm(z, axis=1, keepdims=True)
    probed = np.repeat(normals(4, 2), count, axis=0)
    tensors = (tf.constant(v) for v in (np.full((count, 1), dt), along, probed, dw))
    dt_, along, probed, noise = tensors
    parts = parts_of_iterated_integrals(dt_, along, probed, noise)
    slope = tf.constant(2.0, "float64")
    terms = control_terms(tf.constant(z), dt_, noise, slope, parts)
    assert len(terms) == len(CONTROLS)
    for name, term in zip(CONTROLS, terms):
        means = weight @ term.numpy()[:, 0]
        spread = weight @ term.numpy()[:, 0] ** 2
        assert spread > 1e-4, name
        assert means == pytest.approx(0.0, abs=1e-12), name
    # Each is divided by J.
    doubled = control_terms(tf.constant(z), dt_, noise, 2 * slope, parts)
    for term, half in zip(terms, doubled):
        np.testing.assert_allclose(term, 2 * half, rtol=1e-12)


def test_what_the_controls_explain_is_gone_and_the_mean_is_not_moved():
    z_dw = normals(3, 400)
    # Each grid has factors of its own, and reads the controls of the other grids.
    factors = np.array([[1.0, 0.0, -2.0], [0.5, 3.0, 0.0], [0.0, 0.0, 0.0]])
    values = 7.0 + factors @ z_dw
    found = reduced(values, controls_of(400, z_dw=z_dw))
    np.testing.assert_allclose(found, np.full((3, 400), 7.0), rtol=1e-12)


def test_factors_come_from_the_other_half():
    paths = 400
    z_dw, rest = normals(paths), normals(paths, seed=1)
    values = np.tile(5.0 + 4.0 * z_dw + rest, (3, 1))
    found = reduced(values, controls_of(paths, z_dw=np.stack([z_dw, 0 * z_dw, 0 * z_dw])))
    halves = slice(0, 200), slice(200, 400)
    for fitted, applied in (halves, halves[::-1]):
        x, y = z_dw[fitted] - z_dw[fitted].mean(), values[0, fitted]
        factor = x @ (y - y.mean()) / (x @ x)
        expected = values[0, applied] - factor * z_dw[applied]
        np.testing.assert_allclose(found[0, applied], expected, rtol=1e-9)


def test_controls_that_do_not_help_or_are_too_many_are_left_out():
    values = np.tile(normals(400), (3, 1))
    controls = np.stack([normals(len(CONTROLS), 400, seed=k) for k in (1, 2, 3)])
    np.testing.assert_array_equal(reduced(values, controls), values)
    # Ten values for each factor in either half: three controls have 60 paths at least.
    z_dw = normals(3, 60)
    few = controls_of(60, z_dw=z_dw)
    assert np.var(reduced(z_dw, few)[0]) < 1e-20
    np.testing.assert_array_equal(reduced(z_dw[:, :59], few[..., :59]), z_dw[:, :59])
    # A set with a number that is not finite is left out; a smaller one is not.
    few = controls_of(400, z_dw=normals(3, 400), cube=np.full((3, 400), np.inf))
    assert np.var(reduced(few[:, 0], few)[0]) < 1e-20


def test_pairs_are_taken_where_they_vary_by_less():
    nothing = controls_of(4000)
    odd = np.tile(normals(4000), (3, 1))
    assert mirrors_help((1 + odd, nothing), (1 - odd, nothing))
    assert not mirrors_help((odd**2, nothing), (odd**2, nothing))
    # Independent values are as good alone.
    other = np.tile(normals(4000, seed=1), (3, 1))
    assert not mirrors_help((odd, nothing), (other, nothing))
    pairs = reduced(1 + odd, nothing, (1 - odd, nothing))
    np.testing.assert_allclose(pairs, np.ones((3, 4000)), rtol=1e-15)


def chunk_of(mismatch, **controls):
    """The pair (columns, u) of a chunk of 400 paths."""
    columns = np.zeros((3, len(COLUMNS), 400))
    columns[:, :2] = mismatch
    columns[:, -len(CONTROLS) :] = controls_of(400, **controls)
    return columns, np.zeros((3, 1, 400))


def test_iterated_integrals_count_together_with_the_controls():
    rest, z_dw = normals(2, 400)
    without = chunk_of(rest + z_dw)
    # Of equal variance, but a control explains 36 % or 91 % of it.
    for share, enough in ((0.6, False), (0.954, True)):
        within = share * z_dw + np.sqrt(1 - share**2) * rest
        within = chunk_of(within * np.std(rest + z_dw) / np.std(within), z_dw=z_dw)
        assert lower_remainder(without, within) is enough
    assert not lower_variance(without, chunk_of(1.01 * (rest + z_dw)))
    assert lower_variance(without, chunk_of(0.99 * (rest + z_dw)))
    # A chunk that is not finite is no better.
    assert not lower_remainder(without, chunk_of(np.full(400, np.inf)))


def test_estimate_takes_iterated_integrals_out_where_the_controls_need_them():
    estimator = Estimator(untrained(bsde.Heat(2)), chunk_size=400)
    rest, z_dw = normals(2, 400)

    def sample(chunk, u_size, z_size, iterated_integrals, sign=1):
        if iterated_integrals:
            columns, _ = chunk_of(2 * z_dw + 0.1 * rest, z_dw=z_dw)
        else:
            columns, _ = chunk_of(rest)
        return columns, np.zeros((3, len(estimator.grid) // 2 + 1, 400))

    estimator.chunks.sample = sample
    assert estimator.pilot_run() == (0.0, False)
    assert estimator(1).iterated_integrals is True


@keras.saving.register_keras_serializable(package="test_controls")
class OddPayoff(bsde.Heat):
    """Heat equation with g(x) = sum x^3, odd in the noise where x starts at zero."""

    def terminal(self, x):
        return tf.reduce_sum(x**3, axis=-1, keepdims=True)


def untrained(equation):
    """u0 = 1 and z = 0, so that the mismatch is 1 - g."""
    options = {"u0": 1.0, "z0": np.zeros(2), "dtype": "float64"}
    return bsde.GlobalModel(equation, num_steps=2, control=AnyTime(), **options)


def test_mirror_images_have_the_opposite_noise():
    estimator = Estimator(untrained(OddPayoff(2)), chunk_size=64)
    nothing = *estimator._no_sizes, False
    here, there = (estimator.chunks.sample(3, *nothing, sign)[0] for sign in (1, -1))
    g, mirrored = (1.0 - found[:, COLUMNS.index("mismatch")] for found in (here, there))
    assert np.std(g) > 0.1
    np.testing.assert_allclose(mirrored, -g, rtol=1e-12)


def test_estimate_takes_pairs_and_keeps_them_together():
    # Chunk k has the values 3 +- (k + 1), and its mirror image the opposite ones: pairs
    # have the value 3, if each chunk meets its own image.
    estimator = Estimator(untrained(bsde.Heat(2)), chunk_size=2)
    drawn = []

    def sample(chunk, u_size, z_size, iterated_integrals, sign=1):
        drawn.append((chunk, sign))
        found = np.zeros((3, len(COLUMNS), 2))
        found[:, :2] = -2.0 - sign * (chunk + 1) * np.array([1.0, -0.5])
        return found, np.zeros((3, len(estimator.grid) // 2 + 1, 2))

    estimator.chunks.sample = sample
    estimate = estimator(60)
    # u0 = 1 and the Newton step -2.
    assert estimate.u0 == pytest.approx(3.0, rel=1e-12)
    assert estimate.monte_carlo < 1e-12 and estimate.num_paths == 60
    expected = [(k, sign) for k in range(15) for sign in (1, -1)]
    # The first chunk is drawn with and without the iterated integrals.
    assert sorted(drawn) == sorted([(0, 1), *expected])


def test_interval_is_not_narrower_than_rounding():
    # The controls explain all of g = |x|^2 here, and nothing varies.
    model = bsde.GlobalModel(bsde.Heat(2), num_steps=2, control="shared")
    estimate = bsde.estimate_u0(model, 20_000)
    rounding = np.finfo("float32").eps * abs(estimate.u0)
    assert rounding <= estimate.standard_error < 3 * rounding
    low, high = estimate.interval
    assert low < 2.0 < high
