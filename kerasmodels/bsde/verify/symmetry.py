"""A test of whether the coordinates of an equation can be exchanged."""

import numpy as np
import tensorflow as tf

from kerasmodels._support import checks
from kerasmodels.bsde.equation import Equation
from kerasmodels.bsde.paths.grid import paths_fit
from kerasmodels.bsde.paths.sampling import sample_paths


def is_exchangeable(equation, num_points=8, seed=0):
    """Whether an equation stays the same when its coordinates are reordered.

        g(P x) = g(x),   f(t, P x, u, P z) = f(t, x, u, z),
        mu(t, P x) = P mu(t, x),   sigma(t, P x) P dW = P sigma(t, x) dW

    for every permutation P. Then u(t, P x) = u(t, x), and z reorders with x: that is what
    `ExchangeableControl` assumes. Tested at random points of forward paths, in float64,
    for a swap and a rotation, which together make every permutation; x0 need not have
    equal coordinates. Noise of another size than the state cannot be reordered with it:
    then the answer is False.

    Args:
        equation: `Equation`.
        num_points: int. Number of random points.
        seed: int.

    Returns:
        A bool. True for dim = noise_dim = 1.
    """
    checks.instance("is_exchangeable", "equation", equation, Equation)
    num_points = checks.positive_int("is_exchangeable", "num_points", num_points)
    seed = checks.seed_int("is_exchangeable", seed)
    paths_fit("is_exchangeable", "num_points", equation, 2, num_points, "float64", 4)
    if equation.noise_dim != equation.dim:
        return False
    path, _ = sample_paths(equation, num_points, (seed, 0), "float64", num_steps=2)
    rng = np.random.default_rng(seed)
    coordinates = np.arange(equation.dim)
    swapped = coordinates.copy()
    swapped[:2] = swapped[:2][::-1]
    z, dw = rng.normal(size=(2, num_points, equation.dim))
    u = tf.constant(rng.normal(size=(num_points, 1)))
    for x, time in ((path[:, 1], 0.5), (path[:, 2], 1.0)):
        t = tf.fill((num_points, 1), tf.constant(time * equation.terminal_time, "float64"))
        x = x.numpy()
        values = _coefficients(equation, t, u, x, z, dw)
        for order in (swapped, np.roll(coordinates, 1)):
            arrays = (array[:, order] for array in (x, z, dw))
            for value, again in zip(values, _coefficients(equation, t, u, *arrays)):
                if value.shape[1] > 1:
                    value = value[:, order]
                # Sums in another order differ by rounding.
                size = np.max(np.abs(value)) + 1e-300
                if not np.max(np.abs(value - again)) <= 1e-9 * size:
                    return False
    return True


def _coefficients(equation, t, u, x, z, dw):
    x, z, dw = (tf.constant(value) for value in (x, z, dw))
    values = (
        equation.terminal(x),
        equation.driver(t, x, u, z),
        equation.drift(t, x),
        equation.diffusion_prod(t, x, dw),
    )
    return [np.asarray(value) for value in values]
