"""Reference values, and drivers and terminal conditions computed by hand."""

import math
import re

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
import tensorflow as tf

from kerasmodels import bsde
from kerasmodels.bsde.equations.allen_cahn import radial_solution

# Independent values: closed forms, and quadrature in 30 digits.
REFERENCES = [
    (bsde.HJB(), 4.5901617246, 1e-10),
    (bsde.HJB(control_cost=10.0), 4.49292949, 1e-8),
    (bsde.HJB(control_cost=50.0), 3.72417592, 1e-8),
    (bsde.AllenCahn(), 0.0527813574, 1e-10),
    (bsde.Burgers(), 0.5, 0.0),
    (bsde.QuadraticGradient(), math.sin(1.0), 1e-15),
    (bsde.ReactionDiffusion(), 1.6, 1e-15),
    (bsde.BlackScholesBarenblatt(), 77.1048787473, 1e-10),
    (bsde.BlackScholesBasket(dim=1), 10.4505835722, 1e-9),
    (bsde.Heat(dim=5, x0=0.5, terminal_time=2.0), 11.25, 0.0),
]


@pytest.mark.parametrize(
    "equation, value, tolerance", REFERENCES, ids=lambda v: type(v).__name__
)
def test_reference_values(equation, value, tolerance):
    reference = equation.reference()
    assert abs(reference.value - value) <= tolerance * max(1.0, abs(value))
    assert reference.source


# Where only bounds are known: the value and the 95 % error that another program of that
# kind found, with other paths; and the published value.
BOUNDED = [
    (bsde.DefaultRisk(), 57.293, 0.002, 57.300),
    (bsde.DifferentRates(), 21.165, 0.006, 21.299),
]


@pytest.mark.parametrize(
    "equation, value, error, published", BOUNDED, ids=lambda v: type(v).__name__
)
def test_computed_reference_values(equation, value, error, published):
    reference = equation.reference()
    assert 0 < reference.tolerance <= 2e-4 * reference.value
    assert abs(reference.value - value) <= error + reference.tolerance
    # The published value is outside, by as much as the source tells, in per cent.
    assert published - reference.value > 5 * reference.tolerance
    off = 100 * (published / reference.value - 1)
    stated = re.search(r"([0-9.]+) % higher", reference.source)[1]
    assert float(stated) == pytest.approx(off, rel=0.05)
    # A computed number holds for its own parameters alone.
    assert type(equation)(dim=99).reference() is None


def test_every_equation_carries_its_published_setting():
    for cls in bsde.EQUATIONS.values():
        published = cls.published
        assert published.source and published.num_steps >= 1
        assert cls.__doc__ and "Reference:" in cls.__doc__


@pytest.mark.parametrize("cost", [0.3, 2.0, 20.0])
@pytest.mark.parametrize("dim, x0", [(1, 0.0), (3, [1.0, -2.0, 0.5]), (40, 0.3)])
def test_hjb_reference_agrees_with_its_exact_solution(dim, x0, cost):
    # Chi-square quadrature against a Laplace transform: nothing shared.
    equation = bsde.HJB(dim, terminal_time=0.7, x0=x0, control_cost=cost)
    exact = equation.exact_solution(np.zeros((1, 1)), np_tensor(equation.x0))
    assert equation.reference().value == pytest.approx(float(exact[0, 0]), rel=1e-10)


def np_tensor(point):
    return tf.constant(np.asarray(point)[None, :])


def test_allen_cahn_reference_agrees_with_a_plain_grid_in_one_dimension():
    x = np.linspace(-12, 12, 1201)
    h = x[1] - x[0]

    def rate(_, u):
        laplacian = np.zeros_like(u)
        laplacian[1:-1] = (u[2:] - 2 * u[1:-1] + u[:-2]) / h**2
        return laplacian + u - u**3

    solution = scipy.integrate.solve_ivp(
        rate, (0, 0.3), 1 / (2 + 0.4 * x**2), method="BDF", rtol=1e-8, atol=1e-10
    )
    for i in (600, 650):
        value = bsde.AllenCahn(dim=1, x0=x[i]).reference().value
        # Second-order differences on a grid of 0.02.
        assert value == pytest.approx(solution.y[i, -1], rel=1e-5)


def test_radial_solution_without_driver_is_a_gaussian_mean():
    # E 1 / (1 + |X_T|^2), |X_T|^2 / (2 T) chi-square with 5 degrees of freedom.
    law = scipy.stats.chi2(5)
    expected = law.expect(lambda q: 1 / (1 + 0.8 * q), epsabs=1e-12)
    solution = radial_solution(5, 0.4, lambda u: 0 * u, lambda q: 1 / (1 + q), 48)
    assert solution(0.0, 0.0)[0][0] == pytest.approx(expected, rel=1e-8)
    # At the end the data themselves, 1 / (1 + q), with slope -1 / (1 + q)^2.
    u, slope = solution(0.4, [0.0, 2.0])
    np.testing.assert_allclose(u, [1.0, 1 / 3], rtol=1e-8)
    np.testing.assert_allclose(slope, [-1.0, -1 / 9], rtol=1e-6)


def test_basket_reference_agrees_with_plain_monte_carlo():
    equation = bsde.BlackScholesBasket(dim=3, x0=[90.0, 100.0, 120.0])
    noise = np.random.default_rng(5).standard_normal((400_000, 3))
    end = equation.x0 * np.exp(0.05 - 0.02 + 0.2 * noise)
    payoff = math.exp(-0.05) * np.maximum(end.mean(1) - 100, 0)
    reference = equation.reference()
    error = 4 * payoff.std() / len(payoff) ** 0.5
    assert abs(payoff.mean() - reference.value) < error + reference.tolerance
    assert 0 < reference.tolerance < 0.01


# (equation, t, x, u, z, driver, terminal), by hand.
SPOT = [
    (bsde.HJB(2, control_cost=3.0), 0.5, [1, 2], 7.0, [1, 2], -7.5, math.log(3)),
    (bsde.AllenCahn(2), 0.1, [1, 2], 0.5, [9, 9], 0.375, 0.25),
    (bsde.Burgers(2), 0.1, [1, 3], 0.5, [1, 2], -1.5, 1 / (1 + math.exp(-2.2))),
    (bsde.BlackScholesBarenblatt(2), 0.0, [1, 2], 5.0, [0.4, 1.6], 0.0, 5.0),
    (bsde.BlackScholesBarenblatt(2), 0.0, [1, 2], 3.0, [0.4, 0.4], -0.05, 5.0),
    (bsde.DefaultRisk(2), 0.0, [80, 60], 60.0, [0, 0], -60 * (0.11 / 3 + 0.02), 60.0),
    (bsde.DefaultRisk(2), 0.0, [80, 60], 40.0, [0, 0], -40 * (0.2 / 3 + 0.02), 60.0),
    (bsde.DefaultRisk(2), 0.0, [80, 60], 90.0, [0, 0], -90 * (0.02 / 3 + 0.02), 60.0),
    # Lending (sum z / sigma < u), then borrowing.
    (bsde.DifferentRates(2), 0.0, [130, 160], 20.0, [1, 1], -0.8 - 0.2, 20.0),
    (bsde.DifferentRates(2), 0.0, [130, 90], 20.0, [4, 2], -0.8 - 0.6 + 0.2, 10.0),
    (bsde.BlackScholesBasket(2), 0.0, [90, 130], 8.0, [1, 1], -0.4, 10.0),
    (bsde.Heat(2), 0.0, [3, 4], 8.0, [1, 1], 0.0, 25.0),
    # At t = T the wave is sin(sum x / sqrt 2); u is off it by 0.5, then by 3.
    (
        bsde.ReactionDiffusion(2),
        1.0,
        [1, 1],
        2.1 + math.sin(2**0.5),
        [0, 0],
        0.25,
        1.6 + math.sin(2**0.5),
    ),
    (
        bsde.ReactionDiffusion(2),
        1.0,
        [0, 0],
        -1.4,
        [0, 0],
        1.0,
        1.6,
    ),
    # exponent 1: psi = sin(T - t + |x|^2 / d); at s = 1.5 with |x|^2 = 1, d = 2:
    # psi_t = -cos s, |grad psi|^2 = cos^2 s * 4 |x|^2 / d^2 = cos^2 s,
    # Lap psi = 2 cos s - sin s * 4 |x|^2 / d^2 = 2 cos s - sin s.
    (
        bsde.QuadraticGradient(2, exponent=1.0),
        0.0,
        [0, 1],
        0.0,
        [1, 2],
        5 - math.cos(1.5) ** 2 + math.cos(1.5) - (2 * math.cos(1.5) - math.sin(1.5)) / 2,
        math.sin(0.5),
    ),
]


@pytest.mark.parametrize("case", SPOT, ids=lambda case: type(case[0]).__name__)
def test_driver_and_terminal_by_hand(case):
    equation, t, x, u, z, driver, terminal = case
    t, x, u, z = (np_tensor(np.float64(np.atleast_1d(v))) for v in (t, x, u, z))
    assert float(equation.driver(t, x, u, z)[0, 0]) == pytest.approx(driver, abs=1e-12)
    assert float(equation.terminal(x)[0, 0]) == pytest.approx(terminal, rel=1e-12)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: bsde.HJB(0), "`HJB` expects `dim`"),
        (lambda: bsde.HJB(2.5), "`dim`"),
        (lambda: bsde.HJB(terminal_time=-1), "`terminal_time`.*above 0"),
        (lambda: bsde.HJB(control_cost=0), "`control_cost`"),
        (lambda: bsde.HJB(control_cost="big"), "`control_cost`"),
        (lambda: bsde.HJB(3, x0=[1, 2]), "`x0`.*3 finite numbers"),
        (lambda: bsde.HJB(2, x0=[1, float("nan")]), "`x0`"),
        (lambda: bsde.DefaultRisk(2, x0=-1.0), "`x0` to be positive"),
        (lambda: bsde.DefaultRisk(2, high_value=10.0), "`high_value`.*above 50"),
        (lambda: bsde.DifferentRates(2, borrowing_rate=0.01), "`borrowing_rate`"),
        (lambda: bsde.BlackScholesBarenblatt(2, volatility=0), "`volatility`"),
    ],
)
def test_bad_parameters_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
