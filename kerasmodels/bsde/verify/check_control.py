"""A check that the optimal control of a control problem minimises its Hamiltonian."""

import numpy as np
import tensorflow as tf

from kerasmodels.bsde.equations.control_problem import FAR
from kerasmodels.bsde.verify.points import fail, point

# Distances from the control at which the Hamiltonian is compared, and how much lower it may
# be there, relative to its size: more than Newton's last step leaves.
_DISTANCES = (0.01, 0.1, 1.0, 10.0)
_LOWER = 1e-6


def check_control(equation, t, x, z, seed):
    """Compares `optimal_control` with random other controls between the bounds.

    Args:
        equation: `ControlProblem`.
        t, x: Tensors `[points, 1]` and `[points, dim]`, float64.
        z: Tensor `[points, noise_dim]`.
        seed: int.

    Raises:
        EquationError: a value has another shape, or the control is not finite, leaves the
            bounds, or has a higher Hamiltonian than another one.
    """
    low, high = equation.bounds()
    rng = np.random.default_rng((seed, 3))
    a = np.clip(rng.normal(size=(len(x), equation.control_dim)), low, high)
    a = tf.constant(a, x.dtype)
    sizes = {"control_drift": equation.noise_dim, "running_cost": 1}
    for name, size in sizes.items():
        shape = tuple(getattr(equation, name)(t, x, a).shape)
        if shape != (len(x), size):
            fail(equation, f"has a {name} of shape {shape}, expected {(len(x), size)}.")
    a = np.asarray(equation.optimal_control(t, x, z))
    wanted = len(x), equation.control_dim
    if a.shape != wanted:
        fail(equation, f"has an optimal_control of shape {a.shape}, expected {wanted}.")
    right = np.all((np.abs(a) < FAR / 2) & (a >= low) & (a <= high), axis=1)
    if not np.all(right):
        number = int(np.argmin(right))
        fail(
            equation,
            f"has the optimal_control {a[number]} at {point(number, t=t, x=x)}, which is "
            "not finite or not between the bounds. Where the running cost has no positive "
            "second derivative by the control, give control_bounds.",
        )
    least = np.asarray(equation.hamiltonian(t, x, z, tf.constant(a, x.dtype)))[:, 0]
    for distance in _DISTANCES:
        other = np.clip(a + distance * rng.normal(size=a.shape), low, high)
        found = np.asarray(equation.hamiltonian(t, x, z, tf.constant(other, x.dtype)))[:, 0]
        # A NaN is not lower, and the driver is checked for it.
        lower = found < least - _LOWER * (1 + np.abs(least))
        if np.any(lower):
            number = int(np.argmax(lower))
            fail(
                equation,
                f"has an optimal_control that is not the minimum. At "
                f"{point(number, t=t, x=x)}, z={np.asarray(z)[number]}: the Hamiltonian is "
                f"{least[number]:.9g} at a={a[number]} and {found[number]:.9g} at "
                f"a={other[number]}. Take more control_iterations (here "
                f"{equation.control_iterations}), or override optimal_control.",
            )
