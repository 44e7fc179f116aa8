"""The cost of a policy on simulated paths: an upper bound of a control problem's value."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from kerasmodels._support import checks
from kerasmodels.bsde.estimate.extrapolation import standard_error

# Numbers in the noise of one chunk of paths, at most.
_NUMBERS = 2**24


class PolicyCost(NamedTuple):
    """The mean cost of a policy from x0, with what is uncertain in it.

    cost: float. No control costs less than the value u(0, x0), so that the upper end of
        the interval bounds it from above, with 97.5 % confidence.
    interval: pair of floats. cost -+ (1.96 standard_error + time_grid).
    standard_error: float. Of the sampling of paths.
    time_grid: float. Distance of `cost` from the cost on the finer grid alone.
    num_paths, num_steps: int.
    """

    cost: float
    interval: tuple
    standard_error: float
    time_grid: float
    num_paths: int
    num_steps: int


def policy_cost(function, seed, num_paths, num_steps):
    """The `PolicyCost` of the control at the z of a solution, on paths from x0.

    Each path is simulated on `num_steps` steps and, with the same noise, on half as many.
    The difference takes out the first-order error of the time step. The sum of z . dW,
    which has mean zero, is taken from the cost, because it removes most of the variance.

    Args:
        function: `PointFunction` of a `ControlProblem`.
        seed: int.
        num_paths: int.
        num_steps: int, even.

    Raises:
        FloatingPointError: a path leaves the finite numbers.
    """
    owner, equation = "Solution.policy_cost", function.equation
    num_paths = checks.positive_int(owner, "num_paths", num_paths, 2)
    num_steps = checks.positive_int(owner, "num_steps", num_steps)
    if num_steps % 2:
        received = f"num_steps={num_steps}"
        raise checks.ArgumentError(checks.message(owner, "num_steps", "even", received))
    if not equation.has_control or equation.start_varies:
        expected = "a `ControlProblem` that starts at one x0"
        received = type(equation).__name__
        raise checks.ArgumentError(checks.message(owner, "equation", expected, received))
    most = max(1, _NUMBERS // (num_steps * equation.noise_dim))
    step, costs, done = _stepping(function), [], 0
    while done < num_paths:
        count = min(most, num_paths - done)
        shape = num_steps, count, equation.noise_dim
        noise = tf.random.stateless_normal(shape, (seed, done), alg="philox")
        noise *= (equation.terminal_time / num_steps) ** 0.5
        coarse = noise[::2] + noise[1::2]
        costs.append([_cost(equation, step, dw) for dw in (noise, coarse)])
        done += count
    fine, coarse = np.concatenate(costs, axis=1)
    if not np.all(np.isfinite(fine + coarse)):
        raise FloatingPointError(
            f"A path of {equation!r} under its policy is no longer finite. Take more time "
            f"steps (here {num_steps})."
        )
    each = 2 * fine - coarse
    cost, error = float(np.mean(each)), standard_error(each)
    of_grid = abs(cost - float(np.mean(fine)))
    half_width = 1.96 * error + of_grid
    interval = cost - half_width, cost + half_width
    return PolicyCost(cost, interval, error, of_grid, num_paths, num_steps)


def _stepping(function):
    """One step under the policy, as a graph: the next state and the cost less z . dW."""
    equation = function.equation

    @tf.function
    def step(t, dt, x, dw):
        column = tf.zeros_like(x[:, :1]) + t
        z = function.z(column, x)
        a = equation.optimal_control(column, x, z)
        driven = dw + equation.control_drift(column, x, a) * dt
        end = equation.step(column, tf.reshape(dt, (1, 1)), x, driven)
        martingale = tf.reduce_sum(z * dw, axis=1, keepdims=True)
        return end, equation.running_cost(column, x, a) * dt - martingale

    return step


def _cost(equation, step, noise):
    """The cost of each path, float64 `[batch]`, for increments `[N, batch, noise_dim]`."""
    num_steps, batch, _ = noise.shape
    dt = equation.terminal_time / num_steps
    x = tf.zeros((batch, 1), noise.dtype) + tf.constant(equation.x0, noise.dtype)
    total = np.zeros(batch)
    for n in range(num_steps):
        time, length = (tf.constant(v, noise.dtype) for v in (n * dt, dt))
        x, cost = step(time, length, x, noise[n])
        total += np.asarray(cost, "float64")[:, 0]
    return total + np.asarray(equation.terminal(x), "float64")[:, 0]
