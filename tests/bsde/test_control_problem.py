"""Control problems: the minimum over controls, Riccati solutions, the cost of a policy."""

import keras
import numpy as np
import pytest
import scipy.integrate
import tensorflow as tf
from keras import ops

from kerasmodels import bsde
from kerasmodels.bsde.policy_cost import policy_cost

SMALL = {"num_steps": 10, "max_rounds": 1, "num_paths": 2000}
LINEAR_QUADRATIC = {"dim": 3, "terminal_time": 0.5, "volatility": 0.7, "control_cost": 0.5}


@keras.saving.register_keras_serializable(package="test_control_problem")
class Steered(bsde.ControlProblem):
    """Brownian motion whose drift is the control a, at a cost of a^2 and a^4."""

    def __init__(self, dim=1, bound=None, iterations=1, square=1.0, quartic=0.0):
        super().__init__(dim, 1.0, 0.3)
        self.control_dim, self.bound = self.dim, bound
        self.iterations = self.control_iterations = iterations
        self.square, self.quartic = square, quartic
        if bound is not None:
            self.control_bounds = (-bound, bound)

    def diffusion_prod(self, t, x, dw):
        return dw

    def control_drift(self, t, x, a):
        return a

    def running_cost(self, t, x, a):
        cost = self.square * a**2 / 2 + self.quartic * a**4 / 4
        return ops.sum(cost, axis=-1, keepdims=True)

    def terminal(self, x):
        return ops.sum(ops.cos(x), axis=-1, keepdims=True)


@keras.saving.register_keras_serializable(package="test_control_problem")
class Zero(bsde.PointFunction):
    """z = 0 everywhere, of which the best control is none."""

    def z(self, t, x):
        return tf.zeros_like(x)


def hamiltonian_inputs(dim, count=200):
    rng = np.random.default_rng(0)
    t, x = np.full((count, 1), 0.4), rng.normal(size=(count, dim))
    return tuple(map(tf.constant, (t, x, 2 * rng.normal(size=(count, dim)))))


def test_quadratic_cost_takes_one_step():
    t, x, z = hamiltonian_inputs(3)
    np.testing.assert_allclose(Steered(3).optimal_control(t, x, z), -z, rtol=1e-12)


def test_bounds_hold_and_the_minimum_is_there():
    t, x, z = hamiltonian_inputs(3)
    a = Steered(3, bound=0.7).optimal_control(t, x, z)
    np.testing.assert_allclose(a, np.clip(-z, -0.7, 0.7), rtol=1e-12)


def test_cost_that_is_linear_in_the_control_goes_to_a_bound():
    t, x, z = hamiltonian_inputs(2)
    problem = Steered(2, bound=1.5, square=0.0)
    a = problem.optimal_control(t, x, z)
    np.testing.assert_allclose(a, -1.5 * np.sign(z), rtol=1e-12)
    # f = -1.5 |z|_1, the bounded control of textbooks.
    f = problem.driver(t, x, t, z)
    np.testing.assert_allclose(f[:, 0], -1.5 * np.sum(np.abs(z), axis=1), rtol=1e-12)


def test_convex_cost_takes_more_steps():
    t, x, z = hamiltonian_inputs(2)
    a = Steered(2, bound=3.0, iterations=10, quartic=1.0).optimal_control(t, x, z)
    # min a^2 / 2 + a^4 / 4 + a z at a^3 + a = -z, by Cardano's formula.
    root = np.sqrt(z.numpy() ** 2 / 4 + 1 / 27)
    expected = np.cbrt(-z / 2 + root) + np.cbrt(-z / 2 - root)
    np.testing.assert_allclose(a, expected, rtol=1e-8, atol=1e-10)


def test_search_between_bounds_never_leaves_them():
    t, x, z = hamiltonian_inputs(2)
    # The second derivative is 0 at 0, where Newton's method begins.
    a = Steered(2, bound=3.0, iterations=30, square=0.0, quartic=1.0)
    a = a.optimal_control(t, x, z)
    np.testing.assert_allclose(a, -np.cbrt(z), rtol=1e-6)


def test_driver_has_the_slope_of_the_minimum():
    t, x, z = hamiltonian_inputs(3)
    problem = Steered(3, bound=0.7)
    with tf.GradientTape() as tape:
        tape.watch(z)
        f = problem.driver(t, x, t, z)
    slope = tape.gradient(f, z)
    np.testing.assert_allclose(slope, problem.optimal_control(t, x, z), rtol=1e-12)


@pytest.mark.parametrize(
    "problem", [Steered(2), Steered(2, bound=0.5), Steered(1, 3.0, 8, quartic=1.0)]
)
def test_check_passes_the_right_control(problem):
    bsde.check_equation(problem)


@pytest.mark.parametrize(
    "problem, text",
    [
        # Two steps do not suffice.
        (Steered(2, bound=3.0, iterations=2, quartic=1.0), "not the minimum"),
        # No minimum without bounds.
        (Steered(2, square=0.0), "control_bounds"),
        (Steered(2, bound=-1.0), "control_bounds"),
    ],
)
def test_check_names_the_wrong_control(problem, text):
    with pytest.raises(ValueError, match=text):
        bsde.check_equation(problem)


def riccati(equation):
    """u(0, x0) by the matrix Riccati equation, integrated by SciPy."""
    d = equation.dim
    drift = (equation.growth - equation.attraction) * np.eye(d)
    drift += equation.attraction * np.ones((d, d)) / d

    def slope(t, y):
        p = y[:-1].reshape(d, d)
        change = drift.T @ p + p @ drift - p @ p / equation.control_cost
        change += equation.state_cost * np.eye(d)
        return np.append(change.ravel(), equation.volatility**2 * np.trace(p))

    start = np.append(equation.terminal_cost * np.eye(d).ravel(), 0.0)
    span = 0.0, equation.terminal_time
    end = scipy.integrate.solve_ivp(slope, span, start, rtol=1e-11, atol=1e-12).y[:, -1]
    return equation.x0 @ end[:-1].reshape(d, d) @ equation.x0 + end[-1]


@pytest.mark.parametrize("terminal_cost", [0.0, 0.4, 3.0])
def test_linear_quadratic_solution_is_that_of_riccati(terminal_cost):
    equation = bsde.LinearQuadratic(
        **LINEAR_QUADRATIC, x0=[1.0, -0.5, 2.0], terminal_cost=terminal_cost
    )
    assert equation.reference().value == pytest.approx(riccati(equation), rel=1e-9)
    # The control law is minus half of the gradient of u over R.
    t, x, _ = hamiltonian_inputs(3)
    t = 0.3 * tf.ones_like(t)
    a = equation.optimal_control(t, x, equation.exact_z(t, x))
    np.testing.assert_allclose(a, equation.exact_control(t, x), rtol=1e-9)


def test_closed_form_control_is_the_general_one():
    equation = bsde.LinearQuadratic(**LINEAR_QUADRATIC)
    general = bsde.ControlProblem.optimal_control
    t, x, z = hamiltonian_inputs(3)
    a = equation.optimal_control(t, x, z)
    np.testing.assert_allclose(general(equation, t, x, z), a, rtol=1e-9)


@pytest.fixture(scope="module")
def solution():
    equation = bsde.LinearQuadratic(**LINEAR_QUADRATIC)
    return bsde.solve(equation, "regression", tolerance=1e-2, **SMALL)


def test_solution_gives_value_policy_and_its_cost(solution):
    equation = solution.equation
    value = equation.reference().value
    low, high = solution.interval
    assert low <= value <= high
    found = solution.policy_cost(num_paths=2000)
    # No policy costs less than the value; the policy is near the best one.
    assert found.interval[1] > value
    assert found.cost == pytest.approx(value, rel=5e-3)
    rng = np.random.default_rng(0)
    x = (1 + 0.3 * rng.normal(size=(50, 3))).astype("float32")
    t = np.full((50, 1), 0.25, "float32")
    a = solution.policy()((t, x))
    expected = equation.exact_control(tf.constant(t), tf.constant(x))
    error = np.sqrt(np.mean((a - expected) ** 2) / np.mean(expected**2))
    assert error < 0.05


def test_cost_of_doing_nothing_is_known():
    equation = bsde.LinearQuadratic(**LINEAR_QUADRATIC, growth=0.2, attraction=0.0)
    found = policy_cost(Zero(equation), seed=0, num_paths=20_000, num_steps=40)

    def second_moment(t):
        # d E X^2 = (2 growth E X^2 + volatility^2) dt for each of the three states.
        rate, noise = 2 * equation.growth, equation.volatility**2
        return 3 * (np.exp(rate * t) * (1 + noise / rate) - noise / rate)

    running = scipy.integrate.quad(second_moment, 0.0, 0.5)[0]
    expected = running + second_moment(0.5)
    low, high = found.interval
    assert low <= expected <= high
    # Far above the value of the best control.
    assert low > 1.05 * equation.reference().value


@pytest.mark.parametrize("num_steps", [7, 0, 1.5])
def test_policy_cost_wants_even_steps(solution, num_steps):
    with pytest.raises(ValueError, match="num_steps"):
        solution.policy_cost(num_steps=num_steps)


def test_policy_cost_is_that_of_control_problems():
    heat = bsde.solve(bsde.Heat(2), "regression", tolerance=0.5, num_steps=4, max_rounds=1)
    with pytest.raises(ValueError, match="ControlProblem"):
        heat.policy_cost()


def test_family_of_control_problems_has_a_policy():
    family = bsde.Family(
        bsde.LinearQuadratic(**LINEAR_QUADRATIC),
        parameters={"control_cost": (0.3, 0.8), "terminal_time": (0.3, 0.6)},
    )
    t = tf.constant([[0.1], [0.2]], "float64")
    x = tf.constant([[1.0, 2.0, 3.0, 0.4, 0.35], [0.5, -1.0, 0.0, 0.7, 0.6]], "float64")
    z = tf.constant([[1.0, 2.0, 3.0], [-1.0, 0.5, 2.0]], "float64")
    scale = x[:, 4:] / 0.5
    expected = -z / np.sqrt(scale) / (2 * x[:, 3:4] * 0.7)
    np.testing.assert_allclose(family.optimal_control(t, x, z), expected, rtol=1e-12)
