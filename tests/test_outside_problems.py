"""The values of the equations that are not built in, computed once more another way.

Where a problem has one dimension the equation itself is solved by the method of lines, with
its own coefficients, which tests the value and the code of the coefficients together.
"""

import pathlib
import sys

import keras
import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
import scipy.stats
import tensorflow as tf

from kerasmodels import bsde

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "benchmarks"))

import outside_problems as problems  # noqa: E402
from outside_problems import diffusions, drivers, kinks, options, rates  # noqa: E402
from outside_problems.finite_differences import backward_value  # noqa: E402
from outside_problems.normal import orthant  # noqa: E402


def by_lines(equation, low, high, num_points=500, breaks=()):
    """u(0, x0) of a one-dimensional equation, from its own methods."""
    x, width = np.linspace(low, high, num_points + 1, retstep=True)
    states, one = tf.constant(x[:, None]), tf.ones((num_points + 1, 1), "float64")

    def column(value):
        return np.asarray(value)[:, 0]

    def derivative(time_left, u):
        t = one * (equation.terminal_time - time_left)
        sigma = column(equation.diffusion_prod(t, states, one))
        slope = np.gradient(u, width)
        bend = np.zeros_like(u)
        bend[1:-1] = (u[2:] - 2 * u[1:-1] + u[:-2]) / width**2
        arguments = (tf.constant(value[:, None]) for value in (u, sigma * slope))
        change = sigma**2 / 2 * bend + column(equation.drift(t, states)) * slope
        return change + column(equation.driver(t, states, *arguments))

    u, ends = column(equation.terminal(states)), [0.0, *breaks, equation.terminal_time]
    for span in zip(ends, ends[1:]):
        u = scipy.integrate.solve_ivp(
            derivative, span, u, "LSODA", rtol=1e-6, atol=1e-8, lband=1, uband=1
        ).y[:, -1]
    return float(np.interp(equation.x0[0], x, u))


# The interval, and by how much the grid may be off. At a kink the error is of second order
# in the width, and at a jump too if it lies in the middle of a cell.
LINES = {
    "OU": (diffusions.OrnsteinUhlenbeck(dim=1), (-4.0, 4.0), 1e-4),
    "squares": (diffusions.GeometricSquares(dim=1), (0.0, 9.0), 1e-3),
    "double well": (diffusions.DoubleWell(), (-4.0, 4.0), 3e-4),
    "running cost": (diffusions.RunningCost(dim=1), (-6.0, 6.0), 1e-3),
    "CEV": (options.CEVCall(), (0.0, 400.0), 1e-3),
    "digital": (options.Digital(), (0.0, 500 / 1.245), 2e-3),
    "put": (options.GeometricBasketPut(dim=1), (0.0, 400.0), 1e-3),
    "CIR": (rates.CIRBond(), (0.0, 8.0), 1e-3),
    "CIR, low": (problems.PROBLEMS["CIR bond, low"].equation, (0.0, 2.0), 1e-3),
    "tables": (rates.TableBond(), (-1.0, 1.2), 1e-4),
    "control": (kinks.BoundedControl(dim=1), (-6.5, 7.5), 2e-3),
    "straddle": (kinks.Straddle(), (0.0, 600.0), 1e-3),
    "tax": (kinks.LargeValueTax(dim=1), (-8.0, 8.0), 1e-3),
    "penalised": (kinks.PenalisedPut(), (0.0, 400.0), 1e-3),
    "stiff": (drivers.StiffSource(dim=1), (-7.0, 9.0), 1e-4),
    "adjustment": (drivers.ValuationAdjustment(), (0.0, 400.0), 1e-3),
    "sine": (drivers.SineWave(), (-6.0, 7.0), 1e-3),
    "consumption": (drivers.Consumption(), (0.5, 11.5), 1e-3),
}


@pytest.mark.parametrize("name", LINES)
def test_value_is_that_of_the_equation_by_lines(name):
    equation, ends, tolerance = LINES[name]
    # Times left at which a table jumps.
    breaks = [2.0 - time for time in (1.17, 0.53)] if name == "tables" else ()
    found = by_lines(equation, *ends, breaks=breaks)
    assert found == pytest.approx(equation.reference().value, rel=tolerance)


@pytest.mark.parametrize(
    "cls, scale",
    [
        (diffusions.OrnsteinUhlenbeck, 5),
        (diffusions.GeometricSquares, 5),
        (diffusions.RunningCost, 5),
        (drivers.StiffSource, 5),
    ],
)
def test_sums_over_coordinates_are_sums_of_values(cls, scale):
    one, many = (cls(dim=dim).reference().value for dim in (1, scale))
    assert many == pytest.approx(scale * one, rel=1e-12)


@pytest.mark.parametrize("cls", [kinks.BoundedControl, kinks.LargeValueTax])
def test_problems_along_one_direction_are_one_dimensional(cls):
    many = cls(dim=4, x0=0.3).reference().value
    assert many == pytest.approx(cls(dim=1, x0=0.6).reference().value, rel=1e-9)


def quadrature(payoff, mean, deviation):
    """E payoff(Y) of a normal Y by a sum over many points: no formula of an option."""
    y, width = np.linspace(-9, 9, 20001, retstep=True)
    return np.sum(payoff(mean + deviation * y) * scipy.stats.norm.pdf(y)) * width


def test_options_on_a_normal_logarithm():
    put = options.GeometricBasketPut()
    covariance = 0.25**2 * (0.5 + 0.5 * np.eye(10))
    deviation = np.sqrt(np.full(10, 0.1) @ covariance @ np.full(10, 0.1))
    mean = np.log(100) + 0.03 - 0.25**2 / 2
    value = quadrature(lambda y: np.maximum(100 - np.exp(y), 0), mean, deviation)
    # A kink costs the square of the step of the sum.
    assert put.reference().value == pytest.approx(np.exp(-0.03) * value, rel=1e-6)
    np.testing.assert_allclose(put.root @ put.root.T * 0.25**2, covariance, rtol=1e-12)

    # The average of the logarithm: int_0^1 (1 - s) s dW, and half of its drift.
    variance = scipy.integrate.quad(lambda s: (0.3 * (1 - s)) ** 2, 0, 1)[0]
    mean = np.log(100) + (0.05 - 0.3**2 / 2) / 2
    value = quadrature(lambda y: np.maximum(np.exp(y) - 100, 0), mean, np.sqrt(variance))
    found = options.GeometricAsianCall().reference().value
    assert found == pytest.approx(np.exp(-0.05) * value, rel=1e-6)


def test_dearest_of_three_assets():
    equation = options.BestOfCall()
    covariance = equation.sigma @ equation.sigma.T
    expected = np.outer([0.2, 0.3, 0.25], [0.2, 0.3, 0.25]) * equation.correlation
    np.testing.assert_allclose(covariance, expected, rtol=1e-12)
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(100_000, 3)) @ equation.sigma.T
    drift = equation.rates - equation.volatilities**2 / 2
    paid, control = 0.0, 0.0
    for sign in (1, -1):
        x = equation.x0 * np.exp(drift + sign * noise)
        paid = paid + np.maximum(x.max(axis=1) - 100, 0) / 2
        # Known means: those of the assets.
        control = control + x / 2
    away = control - equation.x0 * np.exp(equation.rates)
    slopes = np.linalg.lstsq(away, paid - paid.mean(), rcond=None)[0]
    rest = np.exp(-0.05) * (paid - away @ slopes)
    error = rest.std() / np.sqrt(len(rest))
    assert error < 0.02
    assert abs(rest.mean() - equation.reference().value) < 3.5 * error


def test_orthant_is_that_of_independent_normals_and_of_equal_correlation():
    bound = np.array([0.3, -0.4, 1.1])
    product = np.prod(scipy.stats.norm.cdf(bound / np.sqrt([1.0, 2.0, 3.0])))
    assert orthant(bound, np.diag([1.0, 2.0, 3.0])) == pytest.approx(product, rel=1e-10)
    # Of three with correlation r: 1/8 + 3 asin(r) / (4 pi).
    value = 1 / 8 + 3 * np.arcsin(0.5) / (4 * np.pi)
    assert orthant(np.zeros(3), 0.5 + 0.5 * np.eye(3)) == pytest.approx(value, abs=1e-6)


def affine_bond(speeds, means, volatilities, start, time):
    """exp(-a - b . x): b' = 1/d - k b, a' = k m . b - (s . b)^2 / 2 by time left."""
    count = len(speeds)

    def derivative(left, state):
        b = state[:-1]
        change = speeds * means(time - left) @ b - (volatilities(time - left) @ b) ** 2 / 2
        return [*(1 / count - speeds * b), change]

    end = scipy.integrate.solve_ivp(
        derivative, (0, time), np.zeros(count + 1), rtol=1e-9, atol=1e-12, max_step=0.01
    ).y[:, -1]
    return np.exp(-end[-1] - end[:-1] @ start)


def test_bonds_by_their_affine_equations():
    many = rates.CommonFactorBond()
    value = affine_bond(
        many.speeds, lambda t: many.means, lambda t: many.volatilities, many.x0, 3.0
    )
    assert many.reference().value == pytest.approx(value, rel=1e-7)
    table = rates.TableBond()
    t = tf.constant(np.linspace(0, 1.99, 200)[:, None])
    now = np.interp(t[:, 0], table.times, table.means)
    np.testing.assert_allclose(np.asarray(table.mean(t))[:, 0], now, atol=1e-14)
    jumps = np.select([t[:, 0] < 0.53, t[:, 0] < 1.17], [0.02, 0.15], 0.05)
    np.testing.assert_allclose(np.asarray(table.volatility(t))[:, 0], jumps, atol=1e-14)


@pytest.mark.parametrize("name", ["Heston, mild", "Heston, wild"])
def test_heston_by_its_riccati_equations_and_another_inversion(name):
    e = problems.PROBLEMS[name].equation
    nodes, weights = np.polynomial.legendre.leggauss(400)
    w, weights = (nodes + 1) * 50 - 0.5j, weights * 50
    c, rho = e.vol_of_vol, e.correlation

    def derivative(_, state):
        d = state[:400]
        change = -(w * w + 1j * w) / 2 + (rho * c * 1j * w - e.speed) * d + c**2 * d**2 / 2
        return np.concatenate([change, 1j * w * e.rate + e.speed * e.mean * d])

    span, start = (0, e.terminal_time), np.zeros(800, "complex")
    end = scipy.integrate.solve_ivp(derivative, span, start, rtol=1e-8, atol=1e-10).y[:, -1]
    log_phi = end[400:] + end[:400] * e.x0[1] + 1j * w * np.log(e.x0[0])
    np.testing.assert_allclose(e.characteristic(w), np.exp(log_phi), rtol=1e-4, atol=1e-8)
    # Lewis (2001): one integral along the line Im w = -1/2.
    u = w.real
    kernel = np.exp(log_phi - 1j * u * np.log(e.strike)).real / (u**2 + 0.25)
    discount = np.exp(-e.rate * e.terminal_time)
    value = e.x0[0] - discount * np.sqrt(e.strike) / np.pi * weights @ kernel
    assert e.reference().value == pytest.approx(value, rel=1e-5)


def covariance(equation, x):
    """sigma sigma^T at one point, from the noise of unit increments."""
    x = tf.constant(np.tile(x, (equation.dim, 1)))
    t = tf.zeros_like(x[:, :1])
    columns = np.asarray(equation.diffusion_prod(t, x, tf.eye(equation.dim, dtype=x.dtype)))
    return columns.T @ columns


def test_noise_of_several_dimensions():
    heston = problems.PROBLEMS["Heston, mild"].equation
    expected = np.array([[0.09 * 110**2, -0.7 * 0.3 * 0.09 * 110], [0, 0.3**2 * 0.09]])
    expected[1, 0] = expected[0, 1]
    found = covariance(heston, [110.0, 0.09])
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    found = covariance(options.GeometricAsianCall(), [90.0, 1.0])
    np.testing.assert_allclose(found, [[27.0**2, 0], [0, 0]], rtol=1e-12)
    many = rates.CommonFactorBond(dim=3)
    expected = np.outer(many.volatilities, many.volatilities)
    np.testing.assert_allclose(covariance(many, [0.1, 0.2, 0.3]), expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["regulator", "cart-pole"])
def test_regulators_by_a_matrix_exponential(name):
    e = problems.PROBLEMS[name].equation
    x = tf.Variable(np.zeros((1, 4)))
    with tf.GradientTape() as tape:
        drift = e.drift(None, x)
    matrix = np.asarray(tape.jacobian(drift, x))[0, :, 0]
    push = np.asarray(e.push_direction(x))[0]
    hamiltonian = np.block([[-matrix, np.outer(push, push)], [np.eye(4), matrix.T]])

    def p(time):
        both = scipy.linalg.expm(time * hamiltonian) @ np.vstack([np.eye(4), 2 * np.eye(4)])
        return both[4:] @ np.linalg.inv(both[:4])

    constant = scipy.integrate.quad(lambda s: np.trace(p(s)), 0, 1, epsrel=1e-8)[0]
    value = e.x0 @ p(1.0) @ e.x0 / 2 + e.noise**2 / 2 * constant
    assert e.reference().value == pytest.approx(value, rel=1e-6)
    assert drift.numpy().tolist() == [[0.0] * 4]


def test_finite_differences_say_how_far_they_are_off():
    def black_scholes(num_points):
        return backward_value(
            100.0,
            (0.0, 400.0),
            1.0,
            variance=lambda x: (0.2 * x) ** 2,
            drift=lambda x: 0.05 * x,
            driver=lambda x, u, slope: -0.05 * u,
            terminal=lambda x: np.maximum(x - 100.0, 0.0),
            num_points=num_points,
        )

    for num_points in (200, 400):
        value, tolerance = black_scholes(num_points)
        assert abs(value - 10.450583572185565) < tolerance < 2e-3 * value


@pytest.mark.parametrize("name", problems.PROBLEMS)
def test_problem_comes_back_from_its_file(name):
    equation = problems.PROBLEMS[name].equation
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(equation)
    )
    assert type(again) is type(equation) and again.get_config() == equation.get_config()
    assert again.reference() == equation.reference()
    assert type(equation).step is bsde.Equation.step and not equation.has_exact_solution


def test_there_are_as_many_problems_as_promised():
    assert len(problems.PROBLEMS) >= 16
    assert not {type(p.equation) for p in problems.PROBLEMS.values()} & {
        *bsde.EQUATIONS.values()
    }
