"""u(0, x0) of `kerasmodels.bsde.DifferentRates` between two bounds free of grid error.

The driver is a maximum over the rate r at which the whole account is carried,

    f = max over r in [Rl, Rb] of  -r u - (mu - r) sum_i z_i / sigma,

so u(0, x0) is the largest value of E[exp(-R_T) g(exp(R_T) xi_T)] over adapted rates r_t,
with R_t = int_0^t r ds (El Karoui, Peng, Quenez 1997, section 3; Girsanov's theorem trades
mu for r). xi is geometric Brownian motion without drift from x0; no rate changes it.
Write G(R, xi) = exp(-R) g(exp(R) xi). For a fixed number R,

    H(t, R) = E[G(R, xi_T) | xi_t]

is a martingale in t. It is known by one-dimensional quadrature, because g depends on the
largest price alone (extremes.py). Let R_n = R_t_n. A guess of R_T is rho_n, which is R_n
plus T - t_n times a middle rate.

*Below.* Every adapted rate gives a lower bound. Here the rate is constant on each of N
steps: Rb where that gives the larger H(t_n, rho_n+1), Rl elsewhere. R_T and xi_T are
sampled exactly, so the time grid adds no error. H(t_n+1, rho_n+1) - H(t_n, rho_n+1) has
mean zero, because R_n+1 is known at t_n. These terms are subtracted: the standard
deviation falls by a factor of 100.

*Above* (Rogers' duality; for BSDEs Bender, Schweizer, Zhuo, arXiv:1310.3694). For every
adapted rate the terms

    M_n = H(t_n+1, rho_n) - H(t_n, rho_n)

have mean zero, so E[G(R_T, xi_T) - sum_n M_n] is the value of that rate. The maximum of
G - sum M over all paths of R, chosen with the whole path of xi in view, is at least as
large. It is found backwards on the lattice R_n = Rl t_n + k (Rb - Rl) dt, k = 0..n:

    J_N = G,      J_n[k] = max(J_n+1[k], J_n+1[k + 1]) - M_n[k].

The rate may vary within a step, because M_n does not depend on it: the bound is one of the
PDE, not of a problem with N steps. R_n+1 is taken at the ends of its interval alone;
`refine` puts points between, and with N = 40 the bound rises by less than 1e-5. The gap
between the bounds falls like 1 / N.

Run: python benchmarks/references/different_rates.py, about four minutes on one core.
"""

from typing import NamedTuple

import numpy as np
import summary
from extremes import CallOnMaximum

PUBLISHED = {"multilevel Picard": 21.299}
# Where the middle rate lies between Rl and Rb. Every place is allowed; near this one the
# variance is least.
MIDDLE = 0.6
PATHS_AT_ONCE = 50


class Problem(NamedTuple):
    """The arguments of `DifferentRates` on which u(0, x0) depends: mu drops out."""

    dim: int = 100
    terminal_time: float = 0.5
    x0: float = 100.0
    volatility: float = 0.2
    lending_rate: float = 0.04
    borrowing_rate: float = 0.06
    low_strike: float = 120.0
    high_strike: float = 150.0


class Paths:
    """Paths of ln xi on a grid of `num_steps`, and H at every time of it.

    Args:
        problem: `Problem`.
        num_steps: int. The finest N.
        num_paths: int.
        rng: `numpy.random.Generator`.
    """

    def __init__(self, problem, num_steps, num_paths, rng):
        self.strikes = np.log([problem.low_strike, problem.high_strike])
        end, sigma = problem.terminal_time, problem.volatility
        self.num_steps, self.num_paths = num_steps, num_paths
        dt = end / num_steps
        log_xi = np.full((num_paths, problem.dim), np.log(problem.x0))
        self.calls = []
        for n in range(num_steps + 1):
            left = end - n * dt if n < num_steps else 0.0
            mean = log_xi - sigma**2 * left / 2
            self.calls.append(CallOnMaximum(mean, sigma * left**0.5))
            noise = rng.standard_normal(log_xi.shape) * dt**0.5
            log_xi = log_xi + sigma * noise - sigma**2 * dt / 2

    def martingale(self, n, log_rate):
        """H(t_n, R), `[paths, m]`, for the numbers R, `[paths, m]` or `[m]`."""
        low, high = (self.calls[n](strike - log_rate) for strike in self.strikes)
        # E of exp(-R) (exp(R) max - K)^+ is E of (max - K exp(-R))^+.
        return low - 2 * high


def lower_samples(problem, paths, num_steps):
    """Unbiased samples of the value of a rate that is constant on each step."""
    stride, dt = paths.num_steps // num_steps, problem.terminal_time / num_steps
    spread = problem.borrowing_rate - problem.lending_rate
    middle = problem.lending_rate + MIDDLE * spread
    each, reached = np.arange(paths.num_paths), np.zeros(paths.num_paths)
    noise = np.zeros(paths.num_paths)
    for n in range(num_steps):
        # R_n+1 after lending, and after borrowing.
        choices = reached[:, None] + [
            problem.lending_rate * dt,
            problem.borrowing_rate * dt,
        ]
        expected = choices + middle * (num_steps - n - 1) * dt
        before = paths.martingale(n * stride, expected)
        after = paths.martingale((n + 1) * stride, expected)
        borrows = (before[:, 1] > before[:, 0]).astype(int)
        reached = choices[each, borrows]
        noise += after[each, borrows] - before[each, borrows]
    # At the end H is G.
    return after[each, borrows] - noise


def upper_samples(problem, paths, num_steps, refine=1):
    """Samples whose mean is at least u(0, x0): the best path of R in hindsight."""
    stride, dt = paths.num_steps // num_steps, problem.terminal_time / num_steps
    spread = (problem.borrowing_rate - problem.lending_rate) / refine
    middle = problem.lending_rate + MIDDLE * refine * spread
    lattice = [
        (problem.lending_rate * n + spread * np.arange(refine * n + 1)) * dt
        for n in range(num_steps + 1)
    ]
    best = paths.martingale(paths.num_steps, lattice[-1])
    for n in reversed(range(num_steps)):
        log_rate = lattice[n] + middle * (num_steps - n) * dt
        after = paths.martingale((n + 1) * stride, log_rate)
        before = paths.martingale(n * stride, log_rate)
        count = len(lattice[n])
        choices = [best[:, j : j + count] for j in range(refine + 1)]
        best = np.max(choices, axis=0) - (after - before)
    return best[:, 0]


def bounds(problem, steps, num_paths, seed=0):
    """Samples of both bounds on the same paths, for every number of time steps.

    Args:
        problem: `Problem`.
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
        paths = Paths(problem, steps[-1], count, rng)
        for num_steps, (lower, upper) in found.items():
            lower.append(lower_samples(problem, paths, num_steps))
            upper.append(upper_samples(problem, paths, num_steps))
    return {n: tuple(map(np.concatenate, pair)) for n, pair in found.items()}


def compute(quick, seed):
    """The samples of the committed run, or of a quick one."""
    steps, num_paths = ((5, 10), 50) if quick else ((20, 40, 80, 160), 4000)
    return bounds(Problem(), steps, num_paths, seed)


def main(argv=None):
    return summary.main(
        argv, __file__, __doc__, compute, Problem(), PUBLISHED, grid_error=False
    )


if __name__ == "__main__":
    main()
