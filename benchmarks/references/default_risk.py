"""u(0, x0) of `kerasmodels.bsde.DefaultRisk` between two bounds on the same paths.

The driver depends on u alone. Let phi_s(y) be the solution of y' = f(y) after time s, from
y. The linear part of the PDE and its driver, taken in turn and symmetrically (Strang),

    Y_N = g(X_N),      Y_n = phi_h(E_n phi_h(Y_n+1)),      h = dt / 2,

give u(0, x0) up to O(dt^2), with the mean E_n over the exact X_n+1. Let P_n be the mean of
g(X_T) = min_i X_T,i given X_n, by one-dimensional quadrature (extremes.py). The terms

    M_n = phi'_s(P_n) (P_n+1 - P_n),      s = T - t_n+1 + h,

have mean zero given X_n. They take out most of the noise, because phi_s(P_n) is near to u.

*Above* (Rogers' duality; for BSDEs Bender, Schweizer, Zhuo, arXiv:1310.3694). phi_h is
convex where f is, so by Jensen's inequality and induction

    U_N = g(X_N),      U_n = phi_h(phi_h(U_n+1) - M_n)      has      E[U_n | X_n] >= Y_n.

f is convex up to `high_value`, where its slope falls. Its tangent there, which is larger,
takes the place of f beyond.

*Below.* A line of positive slope under phi_h takes the place of each phi_h. Lines and means
commute, so the result has a mean of at most Y_n. The lines are tangents of phi_h at
phi_s(P), which is near to Y. Beyond `high_value` a tangent may exceed phi_h. The excess
grows with y, and y is at most exp(-c (T - t)) P, where c is the discount at the low
intensity: the excess there is subtracted.

Both bounds are bounds of Y_0. Halving dt measures what is left, Y_0 - u(0, x0).

Run: python benchmarks/references/default_risk.py, about a minute and a half on one core.
"""

from typing import NamedTuple

import numpy as np
import summary
from extremes import expected_minimum

PUBLISHED = {"multilevel Picard": 57.300}
PATHS_AT_ONCE = 100
# Of the Runge-Kutta steps of the flow, in units of time.
LONGEST_STEP = 0.02


class Problem(NamedTuple):
    """The arguments of `DefaultRisk`."""

    dim: int = 100
    terminal_time: float = 1.0
    x0: float = 100.0
    drift_rate: float = 0.02
    volatility: float = 0.2
    recovery: float = 2 / 3
    rate: float = 0.02
    high_intensity: float = 0.2
    low_intensity: float = 0.02
    low_value: float = 50.0
    high_value: float = 70.0


def driver(problem, y, convex):
    """The pair f(y), f'(y); with `convex`, of its tangent above `high_value`."""
    slope = problem.low_intensity - problem.high_intensity
    slope /= problem.high_value - problem.low_value
    at = np.minimum(y, problem.high_value) if convex else y
    inside = (at > problem.low_value) & (at <= problem.high_value)
    between = np.clip(at, problem.low_value, problem.high_value) - problem.low_value
    intensity = problem.high_intensity + slope * between
    loss = 1 - problem.recovery
    value = -loss * intensity * at - problem.rate * at
    derivative = -loss * (intensity + slope * at * inside) - problem.rate
    return value + derivative * (y - at), derivative


def flow(problem, time, y, convex=False):
    """The pair phi_time(y), d phi_time / dy, by Runge-Kutta steps of fourth order."""
    slope = np.ones_like(y)
    count = int(np.ceil(time / LONGEST_STEP - 1e-9))
    for _ in range(count):
        step = time / count
        k1, a1 = driver(problem, y, convex)
        k2, a2 = driver(problem, y + step / 2 * k1, convex)
        k3, a3 = driver(problem, y + step / 2 * k2, convex)
        k4, a4 = driver(problem, y + step * k3, convex)
        # The derivative of each stage with respect to y.
        b1 = a1
        b2 = a2 * (1 + step / 2 * b1)
        b3 = a3 * (1 + step / 2 * b2)
        b4 = a4 * (1 + step * b3)
        y = y + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        slope = slope * (1 + step / 6 * (b1 + 2 * b2 + 2 * b3 + b4))
    return y, slope


def line_below(problem, time, at, largest, y):
    """A line in `y` that is below phi_time on all of (-oo, largest], near to it at `at`."""
    at = np.minimum(at, problem.high_value)
    value, slope = flow(problem, time, at)
    excess = value + slope * (largest - at) - flow(problem, time, largest)[0]
    excess = np.where(largest > problem.high_value, np.maximum(excess, 0), 0)
    return value + slope * (y - at) - excess


def linear_prices(problem, num_steps, num_paths, rng):
    """P(t_n, X_n) on `num_paths` paths, `[num_steps + 1, num_paths]`."""
    sigma, dt = problem.volatility, problem.terminal_time / num_steps
    growth = problem.drift_rate - sigma**2 / 2
    log_x = np.full((num_paths, problem.dim), np.log(problem.x0))
    prices = []
    for n in range(num_steps + 1):
        left = (num_steps - n) * dt
        prices.append(expected_minimum(log_x + growth * left, sigma * left**0.5))
        noise = rng.standard_normal(log_x.shape) * dt**0.5
        log_x = log_x + growth * dt + sigma * noise
    return np.array(prices)


def samples(problem, prices):
    """Samples of the lower and of the upper bound from P along paths, `[N + 1, paths]`."""
    num_steps = len(prices) - 1
    half = problem.terminal_time / num_steps / 2
    discount = problem.rate + (1 - problem.recovery) * problem.low_intensity
    lower, upper = prices[-1], prices[-1]
    for n in reversed(range(num_steps)):
        times = [2 * half * (num_steps - n - 1) + j * half for j in (0, 1)]
        middle, slope = flow(problem, times[1], prices[n])
        noise = slope * (prices[n + 1] - prices[n])
        upper = flow(problem, half, upper, convex=True)[0] - noise
        upper = flow(problem, half, upper, convex=True)[0]
        near = flow(problem, times[0], prices[n + 1])[0]
        largest = [
            np.exp(-discount * t) * p for t, p in zip(times, (prices[n + 1], prices[n]))
        ]
        lower = line_below(problem, half, near, largest[0], lower) - noise
        lower = line_below(problem, half, middle, largest[1], lower)
    return lower, upper


def bounds(problem, steps, num_paths, seed=0):
    """Samples of both bounds on the same paths, for every number of time steps.

    Args:
        problem: `Problem`, with `recovery` <= 1 and `high_intensity` >= `low_intensity`.
        steps: ints, each a divisor of the last.
        num_paths: int.
        seed: int.

    Returns:
        dict: N -> (lower samples, upper samples), each `[num_paths]`.
    """
    rng = np.random.default_rng(seed)
    found = {num_steps: ([], []) for num_steps in steps}
    for begin in range(0, num_paths, PATHS_AT_ONCE):
        count = min(PATHS_AT_ONCE, num_paths - begin)
        prices = linear_prices(problem, steps[-1], count, rng)
        for num_steps, pair in found.items():
            coarse = prices[:: steps[-1] // num_steps]
            for kept, sample in zip(pair, samples(problem, coarse)):
                kept.append(sample)
    return {n: tuple(map(np.concatenate, pair)) for n, pair in found.items()}


def compute(quick, seed):
    """The samples of the committed run, or of a quick one."""
    steps, num_paths = ((5, 10), 50) if quick else ((10, 20, 40, 80), 4000)
    return bounds(Problem(), steps, num_paths, seed)


def main(argv=None):
    return summary.main(
        argv, __file__, __doc__, compute, Problem(), PUBLISHED, grid_error=True
    )


if __name__ == "__main__":
    main()
