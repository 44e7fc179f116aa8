"""Forward SDEs with a step of their own: their laws in closed form, by quadrature."""

import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
import scipy.stats
import tensorflow as tf
from keras import ops

from kerasmodels import bsde
from kerasmodels.bsde.processes.cox_ingersoll_ross import _folded, square_root_step
from kerasmodels.bsde.verify.checking import _check_step
from tests.helpers import refusals


class Plain:
    """What an equation needs beside its process."""

    def driver(self, t, x, u, z):
        return 0 * u

    def terminal(self, x):
        return ops.sum(x, axis=-1, keepdims=True)


class Geometric(Plain, bsde.CorrelatedGeometricBrownian):
    pass


class Reverting(Plain, bsde.OrnsteinUhlenbeck):
    pass


class Rate(Plain, bsde.HullWhite):
    pass


class SquareRoot(Plain, bsde.CoxIngersollRoss):
    pass


class Price(Plain, bsde.Heston):
    pass


CORRELATION = np.array([[1.0, 0.6, -0.2], [0.6, 1.0, 0.1], [-0.2, 0.1, 1.0]])
LOADINGS = np.array([[0.3, 0.1], [0.2, -0.2], [0.1, 0.0]])
FORWARD = bsde.curve([0.0, 1.0, 3.0], [0.02, 0.05, 0.03])


def tensors(*values):
    return [tf.constant(value, "float64") for value in values]


def step(process, t, dt, x, dw):
    """The step from one state, for each row of increments."""
    dw = np.atleast_2d(dw)
    t, x = np.full((len(dw), 1), t), np.tile(x, (len(dw), 1))
    return np.asarray(process.step(*tensors(t, [[dt]], x, dw)))


@pytest.mark.parametrize(
    "volatility, correlation",
    [(0.3, None), ([0.2, 0.3, 0.0], CORRELATION), (LOADINGS, None), (0.3, np.ones((3, 3)))],
)
def test_geometric_brownian_motion(volatility, correlation):
    rates, x, dt = np.array([0.05, 0.0, -0.1]), np.array([1.0, 2.0, 3.0]), 0.7
    process = Geometric(3, 1.0, x, rates, volatility, correlation)
    count = process.noise_dim
    rows = np.concatenate([np.zeros((1, count)), np.eye(count)])
    logs = np.log(step(process, 0.0, dt, x, rows) / x)
    # log X is linear in dW.
    sigma = (logs[1:] - logs[0]).T
    own = np.broadcast_to(volatility, (3,)) if np.ndim(volatility) < 2 else None
    covariance = LOADINGS @ LOADINGS.T
    if own is not None:
        between = np.eye(3) if correlation is None else correlation
        covariance = own[:, None] * between * own
    np.testing.assert_allclose(sigma @ sigma.T, covariance, atol=1e-9)
    # E X = x e^(r dt).
    mean = logs[0] + np.diag(covariance) * dt / 2
    np.testing.assert_allclose(mean, rates * dt, atol=1e-9)
    t, states, dw = tensors(np.zeros((count, 1)), np.tile(x, (count, 1)), np.eye(count))
    np.testing.assert_allclose(process.diffusion_prod(t, states, dw), sigma.T * x)


def law_of_gaussian_step(process, t, dt):
    """The triple (A, b, S): X' = A x + b + S dW; A is diagonal."""
    dim, count = process.dim, process.noise_dim
    none, ones = np.zeros(count), np.ones(dim)
    rest = step(process, t, dt, 0 * ones, none)[0]
    decay = step(process, t, dt, ones, none)[0] - rest
    return decay, rest, (step(process, t, dt, 0 * ones, np.eye(count)) - rest).T


@pytest.mark.parametrize(
    "volatility, correlation", [([0.3, 0.2, 0.1], CORRELATION), (LOADINGS, None)]
)
def test_ornstein_uhlenbeck(volatility, correlation):
    k, level, dt = np.array([0.5, 3.0, 0.0]), np.array([1.0, -2.0, 5.0]), 0.25
    process = Reverting(3, 1.0, 0.0, k, level, volatility, correlation)
    decay, rest, sigma = law_of_gaussian_step(process, 0.0, dt)
    np.testing.assert_allclose(decay, np.exp(-k * dt), rtol=1e-12)
    np.testing.assert_allclose(rest, level * (1 - np.exp(-k * dt)), atol=1e-14)
    own = np.asarray(volatility)
    covariance = own @ own.T if own.ndim == 2 else own[:, None] * CORRELATION * own

    def over_a_step(i, j):
        return scipy.integrate.quad(lambda s: np.exp(-(k[i] + k[j]) * s), 0, dt)[0]

    exact = [[covariance[i, j] * over_a_step(i, j) for j in range(3)] for i in range(3)]
    found = sigma @ sigma.T * dt
    np.testing.assert_allclose(np.diag(found), np.diag(exact), rtol=1e-10)
    # Of two coordinates, up to second order.
    off = ~np.eye(3, dtype=bool)
    gap = (k[:, None] - k)[off] ** 2 * dt**2 / 24
    ratio = found[off] / np.asarray(exact)[off] - 1
    np.testing.assert_allclose(ratio, gap, rtol=0.05)


def test_ornstein_uhlenbeck_of_a_curve():
    level, k = bsde.curve([0.0, 0.3, 1.0], [1.0, 3.0, -1.0]), 2.0
    process = Reverting(1, 1.0, 0.0, k, level, 0.1)

    def exact(t, dt):
        def values(s):
            return k * np.exp(-k * (t + dt - s)) * np.interp(s, level.times, level.values)

        middle = min(max(0.3, t), t + dt)
        parts = (t, middle), (middle, t + dt)
        return sum(scipy.integrate.quad(values, *part)[0] for part in parts)

    # Exact on a straight piece; across a knot of third order in the step.
    assert law_of_gaussian_step(process, 0.4, 0.2)[1][0] == pytest.approx(
        exact(0.4, 0.2), rel=1e-10
    )
    errors = [
        abs(law_of_gaussian_step(process, 0.3 - dt / 3, dt)[1][0] - exact(0.3 - dt / 3, dt))
        for dt in (0.1, 0.05)
    ]
    assert errors[1] > 1e-9 and errors[0] / errors[1] > 6


def test_hull_white_meets_the_curve_it_was_fitted_to():
    process, n = Rate(3.0, FORWARD, 0.4, 0.03), 400
    dt = 3.0 / n
    decay, _, sigma = law_of_gaussian_step(process, 0.0, dt)
    t, none = dt * np.arange(n)[:, None], np.zeros((n, 1))
    rest = np.asarray(process.step(*tensors(t, [[dt]], none, none)))[:, 0]
    mean, weight = np.full(n + 1, process.x0[0]), np.zeros((n + 1, n))
    for k in range(n):
        mean[k + 1] = decay[0] * mean[k] + rest[k]
        weight[k + 1] = decay[0] * weight[k]
        weight[k + 1, k] = sigma[0, 0] * dt**0.5
    rule = np.full(n + 1, dt)
    rule[[0, -1]] /= 2
    # int r dt is Gaussian: ln E exp(-int r) = -mean + variance / 2.
    found = -rule @ mean + np.sum((rule @ weight) ** 2) / 2
    forward = -(0.035 * 1.0 + 0.04 * 2.0)
    # The trapezoidal rule with 400 steps.
    assert found == pytest.approx(forward, abs=1e-6)
    # And the variance of r itself.
    variance = 0.03**2 * (1 - np.exp(-2 * 0.4 * 3.0)) / (2 * 0.4)
    assert np.sum(weight[-1] ** 2) == pytest.approx(variance, rel=1e-10)


def test_folded_normal():
    z = np.linspace(-5.0, 5.0, 41)[:, None]
    b = np.array([1.0, 1.3, 2.0, 4.0, 5.9, 6.1, 50.0])
    q = np.asarray(_folded(tf.constant(b), tf.constant(z)))
    assert np.all(np.diff(q, axis=0) >= 0) and np.all(q >= 0)
    low = scipy.stats.norm.cdf(q - b) - scipy.stats.norm.cdf(-q - b)
    high = scipy.stats.norm.sf(q - b) + scipy.stats.norm.cdf(-q - b)
    np.testing.assert_allclose(low, scipy.stats.norm.cdf(z) + 0 * q, atol=1e-9)
    # The upper tail to the digits that it has.
    upper = z[:, 0] > 0
    np.testing.assert_allclose(
        high[upper], np.broadcast_to(scipy.stats.norm.sf(z), q.shape)[upper], rtol=1e-6
    )


def moments_of_square_root(x, dt, k, level, s):
    decay = np.exp(-k * dt)
    reach = (1 - decay) / k if k else dt
    mean = x * decay + level * (1 - decay)
    variance = s**2 * reach * (x * decay + level * k * reach / 2)
    return mean, variance


@pytest.mark.parametrize(
    "x, k, level, s, quadratic",
    [
        (0.04, 2.0, 0.04, 0.3, True),
        (1.0, 0.0, 0.5, 1.0, True),
        (0.02, 0.5, 0.04, 0.4, True),
        (0.001, 0.5, 0.04, 0.4, False),
        (0.0, 1.0, 0.04, 1.0, False),
    ],
)
def test_mean_and_variance_of_the_square_root_step(x, k, level, s, quadratic):
    dt = 0.1
    # Midpoints of equal shares of the probability.
    u = (np.arange(200_000) + 0.5) / 200_000
    dw = scipy.stats.norm.ppf(u)[:, None] * dt**0.5
    law = square_root_step(*tensors([[x]], [[dt]], dw), k, level, s)
    end = np.asarray(law.end)[:, 0]
    assert bool(law.quadratic[0, 0]) is quadratic
    assert np.all(end >= 0) and np.all(np.diff(end) >= 0)
    mean, variance = moments_of_square_root(x, dt, k, level, s)
    # The tails that the midpoints leave out.
    assert end.mean() == pytest.approx(mean, rel=1e-4)
    assert end.var() == pytest.approx(variance, rel=1e-3)


def quadrature(points=60):
    nodes, weights = np.polynomial.hermite_e.hermegauss(points)
    return nodes[:, None], weights / weights.sum()


def test_square_root_step_is_of_second_order():
    k, level, s, x = 1.5, 0.8, 0.6, 1.1
    process, (z, weights), errors = SquareRoot(1, 1.0, x, k, level, s), quadrature(), []
    # d E X^p / dt = p k (level E X^(p-1) - E X^p) + p (p - 1) s^2 E X^(p-1) / 2.
    generator = np.zeros((5, 5))
    for p in range(1, 5):
        generator[p, p] = -p * k
        generator[p, p - 1] = p * k * level + p * (p - 1) * s**2 / 2
    for dt in (0.04, 0.02):
        exact = scipy.linalg.expm(dt * generator) @ x ** np.arange(5)
        end = step(process, 0.0, dt, [x], z * dt**0.5)
        found = weights @ end ** np.arange(5)
        # Mean and variance are exact.
        np.testing.assert_allclose(found[:3], exact[:3], rtol=1e-10)
        errors.append(np.abs(found - exact)[3:])
    # Over one step the error is of third order.
    assert np.all(np.log2(errors[0] / errors[1]) > 2.7)


def test_heston_step():
    r, k, level, xi, rho = 0.03, 1.5, 0.2, 0.3, -0.7
    # So far from zero that the quadrature is exact.
    s, v = 2.0, 0.36
    process = Price(1.0, (s, v), r, k, level, xi, rho)
    (z, weights), errors = quadrature(24), []
    first, second = np.meshgrid(z[:, 0], z[:, 0], indexing="ij")
    both = np.stack([first.ravel(), second.ravel()], axis=1)
    weights = np.outer(weights, weights).ravel()
    # Of E S, E S v, E S v^2, which close: d<v> = xi^2 v dt, d<S, v> = rho xi S v dt.
    generator = np.zeros((3, 3))
    for p in range(3):
        generator[p, p] = r - p * k + p * rho * xi
        if p:
            generator[p, p - 1] = p * k * level + p * (p - 1) * xi**2 / 2

    def riccati(_, y):
        # ln E S^2 = a + b v.
        return [
            2 * r + k * level * y[1],
            1 + (2 * rho * xi - k) * y[1] + xi**2 * y[1] ** 2 / 2,
        ]

    for dt in (0.04, 0.02):
        end = step(process, 0.0, dt, [s, v], both * dt**0.5)
        found = [weights @ (end[:, 0] * end[:, 1] ** p) for p in range(3)]
        exact = scipy.linalg.expm(dt * generator) @ (s * v ** np.arange(3))
        # The price discounted is a martingale.
        assert found[0] == pytest.approx(exact[0], rel=1e-9)
        a, b = scipy.integrate.solve_ivp(
            riccati, (0, dt), [0, 0], rtol=1e-11, atol=1e-13
        ).y[:, -1]
        square = weights @ end[:, 0] ** 2 - s**2 * np.exp(a + b * v)
        errors.append(np.abs([*(np.array(found) - exact)[1:], square]))
    assert np.all(np.log2(errors[0] / errors[1]) > 2.7)


def test_heston_step_from_no_variance():
    process = Price(1.0, (1.0, 0.0), 0.02, 0.5, 0.04, 1.0, -0.9)
    # Midpoints of equal shares of the law of v, and a quadrature for the rest of S.
    first = scipy.stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    (second, weights), dt = quadrature(6), 0.1
    dw = np.stack([np.repeat(first, 6), np.tile(second[:, 0], 20_000)], axis=1) * dt**0.5
    end = step(process, 0.0, dt, [1.0, 0.0], dw)
    assert np.all(end[:, 1] >= 0) and np.any(end[:, 1] == 0)
    mean = np.mean(end[:, 0].reshape(-1, 6) @ weights)
    # The tail of v that the midpoints leave out.
    assert mean == pytest.approx(np.exp(0.02 * dt), rel=1e-6)


PROCESSES = [
    Geometric(3, 1.0, 1.0, 0.1, 0.2, CORRELATION),
    Reverting(3, 1.0, 1.0, [1.0, 2.0, 0.0], 0.5, LOADINGS),
    Reverting(2, 1.0, 1.0, 1.0, FORWARD, 0.1),
    Rate(2.0, FORWARD, 0.1, 0.01),
    SquareRoot(2, 1.0, [1.0, 0.5], [0.0, 1.0], 0.5, [[0.3], [0.4]]),
    Price(1.0, (1.0, 0.04), 0.02, 2.0, 0.04, 0.3, -0.7),
]
names = [type(process).__name__ for process in PROCESSES]


@pytest.mark.parametrize("process", PROCESSES, ids=names)
def test_coefficients_step_and_config_go_together(process):
    bsde.check_equation(process, num_points=3)


AT_ZERO = [SquareRoot(1, 1.0, 0.1, 1.0, 0.1, 0.5), PROCESSES[-1]]


@pytest.mark.parametrize("process", AT_ZERO, ids=["SquareRoot", "Price"])
def test_check_of_a_step_at_zero(process):
    # At zero sigma vanishes, and the law of a step is not that of its tangent.
    x = np.tile(process.x0, (4, 1))
    x[:, -1] = [0.0, 1e-7, 1e-6, 0.1]
    arguments = tensors(np.full((4, 1), 0.5), x)
    _check_step(process, *arguments, seed=0)
    # A wrong mean is still seen at the last point.
    step = type(process).step
    wrong = type("Wrong", (type(process),), {"step": lambda *a: step(*a) + 0.1 * a[2]})
    process = wrong.from_config(process.get_config())
    with pytest.raises(bsde.EquationError, match="`drift`: its mean"):
        _check_step(process, *arguments, seed=0)


@pytest.mark.parametrize("process", PROCESSES, ids=names)
def test_step_of_length_zero_moves_nothing(process):
    for dtype in ("float32", "float64"):
        x = tf.constant(process.x0[None], dtype)
        zero = tf.zeros((1, 1), dtype)
        end = process.step(zero + 0.5, zero, x, tf.zeros((1, process.noise_dim), dtype))
        if isinstance(process, Rate):
            # Away from the mean of its time, so that rounding shows.
            np.testing.assert_allclose(end, x, rtol=1e-6)
            continue
        np.testing.assert_array_equal(end, x)


def refused(make, *arguments, **changes):
    return lambda: make(*arguments, **changes)


test_refusals = refusals(
    [
        (refused(Geometric, 2, 1.0, 1.0, 0.0, [0.1, -0.2]), "at least 0"),
        (refused(Geometric, 2, 1.0, 1.0, 0.0, 0.1, [[1.0, 0.5]]), "symmetric"),
        (refused(Geometric, 2, 1.0, 1.0, 0.0, 0.1, [[1.0, 1.5], [1.5, 1.0]]), "eigenvalue"),
        (refused(Geometric, 2, 1.0, 1.0, 0.0, [[0.1]]), "2 rows of loadings"),
        (refused(Geometric, 2, 1.0, 1.0, 0.0, np.ones((2, 1)), np.eye(2)), "left out"),
        (refused(Geometric, 2, 1.0, 1.0, [0.1, 0.2, 0.3], 0.1), "drift_rate"),
        (
            refused(Reverting, 2, 1.0, 0.0, 1.0, bsde.curve([0.0], np.ones((1, 3))), 0.1),
            "curve of 1 or 2",
        ),
        (refused(Rate, 1.0, 0.03, 0.1, 0.01), "Curve"),
        (refused(Rate, 1.0, bsde.curve([0.0], [1.0], "constant"), 0.1, 0.01), "linear"),
        (refused(SquareRoot, 1, 1.0, -0.1, 1.0, 1.0, 1.0), "x0"),
        (refused(SquareRoot, 1, 1.0, 0.1, -1.0, 1.0, 1.0), "reversion"),
        (refused(Price, 1.0, (0.0, 0.1), 0.0, 1.0, 1.0, 1.0, 0.0), "a price above 0"),
        (refused(Price, 1.0, (1.0, 0.1), 0.0, 1.0, 1.0, 1.0, -1.5), "between -1 and 1"),
    ]
)
