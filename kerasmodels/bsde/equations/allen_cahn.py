"""The Allen-Cahn equation, and the one-dimensional problem that its value solves."""

import keras
import numpy as np
import scipy.integrate

from kerasmodels.bsde.equation import Equation, Published, Reference, squared_norm


@keras.saving.register_keras_serializable(package="kerasmodels")
class AllenCahn(Equation):
    """Allen-Cahn equation with a double-well potential.

        u_t + Lap u + u - u^3 = 0,        u(T, x) = 1 / (2 + 0.4 |x|^2)

    Forward SDE: dX = sqrt(2) dW. The solution depends on x only through |x|.

    The published reference 0.052802 is itself 0.039 % too high; `reference` solves the
    radial equation to eight digits.

    Reference: Han, Jentzen, E (2018), https://doi.org/10.1073/pnas.1718942115

    Args:
        dim: int. d.
        terminal_time: float. T.
        x0: float or `dim` floats.
    """

    published = Published(
        "Han, Jentzen, E (2018), https://doi.org/10.1073/pnas.1718942115",
        100,
        0.3,
        20,
        "0",
    )

    def __init__(self, dim=100, terminal_time=0.3, x0=0.0):
        super().__init__(dim, terminal_time, x0)

    def diffusion_prod(self, t, x, dw):
        return 2**0.5 * dw

    def driver(self, t, x, u, z):
        return u - u**3

    def terminal(self, x):
        return 1 / (2 + 0.4 * squared_norm(x))

    def reference(self):
        coarse, value = (
            float(self.radial_solution(num_nodes)(0.0, np.sum(self.x0**2))[0][0])
            for num_nodes in (32, 48)
        )
        return Reference(
            value,
            "radial equation, Chebyshev collocation in |x|^2",
            abs(value - coarse) + 1e-10 * abs(value),
        )

    def radial_solution(self, num_nodes=48):
        """A function (t, q) -> (u, du/dq) at |x|^2 = q, by numerical solution."""
        return radial_solution(
            self.dim,
            self.terminal_time,
            driver=lambda u: u - u**3,
            terminal=lambda q: 1 / (2 + 0.4 * q),
            num_nodes=num_nodes,
        )


def radial_solution(dim, terminal_time, driver, terminal, num_nodes, scale=5.0):
    """Solves u_t + Lap u + f(u) = 0 for data depending on |x|^2 alone.

    In q = |x|^2 the Laplacian is 4 q u_qq + 2 d u_q. The half-line is mapped to
    xi = q / (q + scale) in [0, 1), where the operator has polynomial coefficients and
    needs no boundary condition at either end, and solved by Chebyshev collocation in xi
    and an implicit Runge-Kutta method in time.

    Args:
        dim: int. d.
        terminal_time: float. T.
        driver: function of u (arrays).
        terminal: function of q (arrays); it must vanish as q grows.
        num_nodes: int. Collocation points.
        scale: float. The value of q that is mapped to the middle.

    Returns:
        A function (t, q) -> (u, du/dq), for a float t in [0, T] and arrays of q.
    """
    chebyshev = np.polynomial.chebyshev
    nodes = chebyshev.chebpts2(num_nodes + 1)
    first = _differentiation_matrix(nodes) * 2.0  # d/dxi on [0, 1]
    xi = (nodes + 1) / 2
    near_one = 1 - xi
    laplacian = (
        np.diag(4 * xi * near_one**3 / scale) @ first @ first
        + np.diag((2 * dim / scale - 8 * xi / scale) * near_one**2) @ first
    )
    start = np.zeros_like(xi)
    inside = near_one > 0
    start[inside] = terminal(scale * xi[inside] / near_one[inside])
    solution = scipy.integrate.solve_ivp(
        lambda _, u: laplacian @ u + driver(u),
        (0.0, terminal_time),
        start,
        method="Radau",
        dense_output=True,
        rtol=1e-11,
        atol=1e-13,
    )

    def value_and_slope(t, q):
        q = np.atleast_1d(q)
        values = solution.sol(terminal_time - t)
        coefficients = chebyshev.chebfit(nodes, values, num_nodes)
        at = 2 * q / (q + scale) - 1
        slope = chebyshev.chebval(at, chebyshev.chebder(coefficients))
        return chebyshev.chebval(at, coefficients), slope * 2 * scale / (q + scale) ** 2

    return value_and_slope


def _differentiation_matrix(nodes):
    """The derivative at the nodes of the polynomial through values at the nodes.

    Barycentric form; Berrut and Trefethen (2004), section 9.3,
    https://doi.org/10.1137/S0036144502417715
    """
    weights = (-1.0) ** np.arange(len(nodes))
    weights[[0, -1]] /= 2
    gaps = nodes[:, None] - nodes[None, :] + np.eye(len(nodes))
    matrix = weights[None, :] / weights[:, None] / gaps
    np.fill_diagonal(matrix, 0.0)
    np.fill_diagonal(matrix, -matrix.sum(axis=1))
    return matrix
