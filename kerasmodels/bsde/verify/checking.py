"""Checks of an equation before any training: shapes, dtypes, and the PDE itself."""

import json

import numpy as np
import tensorflow as tf

from kerasmodels._support import checks
from kerasmodels.bsde.coefficients import (
    EquationError,
    coefficient,
    coefficient_calls,
    require_inside,
)
from kerasmodels.bsde.equation import Equation
from kerasmodels.bsde.outside_class import ARGUMENTS, PAGE
from kerasmodels.bsde.paths.grid import paths_fit
from kerasmodels.bsde.verify import points
from kerasmodels.bsde.verify.check_control import check_control
from kerasmodels.bsde.verify.check_solution import TOLERANCE, check_residual, check_terminal
from kerasmodels.bsde.verify.points import (
    DRIVER_GUARD,
    END_GUARD,
    fail,
    point,
    require_finite,
)


def check_equation(equation, num_points=16, seed=0):
    """Checks an equation for mistakes in its coefficients.

    At x0 (t = T/3) and at random points (t, x) on forward paths, with random normal numbers
    for u and z: every coefficient has the right shape and dtype and is finite, in float32
    and in float64, in Python and in a compiled graph, and does not mix the paths of a batch
    (the first row alone has the values that it has in the batch). The driver is checked at
    T too. At the random points `diffusion_prod` is linear in `dw`, and `step` has the noise
    and (up to 256 noises) the mean of the SDE over a short step. The config can be saved
    and read. The `optimal_control` of a `ControlProblem` has no higher Hamiltonian than
    random other controls. Where there is an exact solution, u(T, x) = g(x) and the PDE

        u_t + 1/2 Tr(sigma sigma^T Hess u) + mu . grad u + f(t, x, u, sigma^T grad u) = 0

    holds, with all derivatives by automatic differentiation. Where the residual is not
    zero, the usual mistakes are tried in turn, and the one that explains it is named.

    The check cannot find an error in the driver that has no effect at the exact u and z (a
    factor of a driver that is zero there), nor an error of sign or factor where there is no
    exact solution.

    Where u(T, x) is not a finite number, as in formulas that are 0 / 0 there, it is
    compared with g just before T. A NaN on either side fails the comparison.

    Args:
        equation: `Equation`.
        num_points: int. Number of random points.
        seed: int. Seed of the points.

    Returns:
        A dict with `num_points`, and where there is an exact solution
        `largest_residual` and `largest_terminal_error`, both relative, and
        `terminal_checked`: "at T", or a text that begins with "just before T".

    Raises:
        EquationError: a check failed; the message names the check, the point and the
            size of the error. It is a ValueError.
        ValueError: an argument is not of the form above.
    """
    checks.instance("check_equation", "equation", equation, Equation)
    num_points = checks.positive_int("check_equation", "num_points", num_points)
    seed = checks.seed_int("check_equation", seed)
    count = points.num_paths(equation, num_points)
    paths_fit("check_equation", "num_points", equation, 8, count, "float64")
    if equation.has_control and not equation.start_varies:
        # First, because the driver has no values where no control is the best.
        x = tf.constant(np.tile(equation.x0, (num_points, 1)))
        t = tf.fill((num_points, 1), tf.constant(equation.terminal_time / 3, x.dtype))
        z = _normal((num_points, equation.noise_dim), seed + 2, "float64")
        check_control(equation, t, x, z, seed)
    require_inside(equation)
    check_config(equation)
    for dtype in ("float32", "float64"):
        # At x0 first: paths can be sampled only with coefficients of the right shape.
        x0 = tf.constant(np.tile(equation.x0, (num_points, 1)), dtype)
        t = tf.fill((num_points, 1), tf.constant(equation.terminal_time / 3, dtype))
        _check_coefficients(equation, t, x0, seed)
        grid, paths = points.forward_paths(equation, num_points, seed, dtype)
        t, x = points.random_points(grid, paths, num_points, seed)
        _check_coefficients(equation, t, x, seed)
        # The trapezoidal rule evaluates the driver at T too.
        end = tf.fill((num_points, 1), tf.constant(equation.terminal_time, dtype))
        x_end = paths[:num_points, -1]
        _check_coefficients(equation, end, x_end, seed, ("driver",), END_GUARD)
    _check_linearity(equation, t, x, seed)
    _check_step(equation, t, x, seed)
    if equation.has_control and not equation.start_varies:
        z = _normal((num_points, equation.noise_dim), seed + 2, "float64")
        check_control(equation, t, x, z, seed)
    report = {"num_points": num_points}
    if equation.has_exact_solution:
        error, checked = check_terminal(equation, paths[:, -1])
        report["largest_terminal_error"], report["terminal_checked"] = error, checked
        report["largest_residual"] = check_residual(equation, t, x)
    return report


def _normal(shape, seed, dtype):
    return tf.random.stateless_normal(shape, (seed, 1), dtype=dtype, alg="philox")


def _unit_noise(equation, x, k):
    """Noise along coordinate k alone, `[batch, noise_dim]`."""
    return tf.one_hot(tf.fill((x.shape[0],), k), equation.noise_dim, dtype=x.dtype)


def check_config(equation):
    """Checks that an equation can be written to a file and read back.

    Raises:
        EquationError: `get_config` is not plain data, or does not make the same equation.
    """
    try:
        config = equation.get_config()
        text = json.dumps(config, allow_nan=False)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise EquationError(
            f"`{type(equation).__name__}` cannot be saved: {error}. Constructor arguments "
            "must be finite numbers, strings, lists of these or arrays; override "
            "`get_config` and `from_config` for anything else."
        ) from error
    try:
        again = type(equation).from_config(json.loads(text)).get_config()
    except Exception as error:
        raise EquationError(
            f"`{type(equation).__name__}` cannot be made again from its own config "
            f"{config!r}: {error}"
        ) from error
    if json.dumps(again) != text:
        raise EquationError(
            f"`{type(equation).__name__}` does not come back from its own config: "
            f"{text} became {json.dumps(again)}."
        )


def _check_coefficients(equation, t, x, seed, names=ARGUMENTS, guard=DRIVER_GUARD):
    z = _normal((len(x), equation.noise_dim), seed, x.dtype.name)
    u = _normal((len(x), 1), seed + 1, x.dtype.name)
    for name, (arguments, shape) in coefficient_calls(equation, t, x, u, z).items():
        if name not in names:
            continue
        method = getattr(equation, name)
        value = coefficient(equation, name, arguments, shape)
        if value is None:
            continue
        advice = guard if name == "driver" else ""
        require_finite(equation, name, arguments, value, advice)
        try:
            # Traced once, and that trace is called: repeated tracing makes TensorFlow
            # warn. autograph=False as in Keras, so Python branches are not rewritten.
            graph = tf.function(method, autograph=False).get_concrete_function(*arguments)
            compiled = graph(*arguments)
        except Exception as error:
            raise EquationError(
                f"`{type(equation).__name__}` cannot run `{name}` in a compiled graph, "
                "where tensors have no values yet. Use `keras.ops` instead of NumPy or "
                f"Python branches. TensorFlow's error: {error}"
            ) from error
        if not np.allclose(compiled, value, rtol=1e-3, atol=1e-5):
            fail(
                equation,
                f"gives other values of `{name}` in a compiled graph than in Python. "
                "Does it hold state, or draw random numbers?",
            )
        _check_rows(equation, name, arguments, value)


def _check_rows(equation, name, arguments, value):
    """Checks that the value on the first path does not depend on the rest of its batch."""
    first = [a[:1] if a.shape[0] == len(value) else a for a in arguments]
    alone = getattr(equation, name)(*first)
    if not np.allclose(alone, value[:1], rtol=1e-3, atol=1e-5):
        fail(
            equation,
            f"mixes the paths of a batch in `{name}`: the first path alone gives "
            f"{np.asarray(alone)[0, :4]}, and in a batch of {len(value)} "
            f"{np.asarray(value)[0, :4]}. Sums and means over coordinates need axis=-1, "
            "keepdims=True. Coefficients of the law of X (mean field) are outside of this "
            f"class of equations. {PAGE}",
        )


def _check_linearity(equation, t, x, seed):
    shape = (len(x), equation.noise_dim)
    a, b = (_normal(shape, s, x.dtype) for s in (seed, seed + 1))
    noise = []
    for dw in (a, b, a - 2 * b):
        noise.append(equation.diffusion_prod(t, x, dw))
        require_finite(equation, "diffusion_prod", (t, x, dw), noise[-1])
    apart = noise[0] - 2 * noise[1]
    error = np.max(np.abs(noise[2] - apart), axis=1)
    size = np.max(np.abs(apart)) + 1e-300
    worst = int(np.argmax(error))
    if not error[worst] <= TOLERANCE * size:
        fail(
            equation,
            "has a `diffusion_prod` that is not linear in `dw`: at "
            f"{point(worst, t=t, x=x)} the noise of a - 2 b differs by {error[worst]:.3g} "
            "from that of a less twice that of b. It must return sigma(t, x) dw.",
        )


def _check_step(equation, t, x, seed):
    """Checks that `step` has the noise and the mean of the SDE over a short step.

    Noise: for dw ~ dt^1/2 the step differs from an Euler-Maruyama step by O(dt). Mean: the
    average of the step over the 2 m increments +-sqrt(m dt) e_k, m = noise_dim, which have
    the mean and the covariance of dw, is x + mu dt + O(dt^2), where the step is smooth in
    dw.
    """
    noise_dim = equation.noise_dim
    noise = _normal((len(x), noise_dim), seed, x.dtype)
    drift = equation.drift(t, x)
    gaps, means = [], []
    for dt in (1e-4, 1e-6):
        dt = dt * equation.terminal_time
        step_dt = tf.constant([[dt]], x.dtype)
        dw = dt**0.5 * noise
        euler = x + drift * dt + equation.diffusion_prod(t, x, dw)
        exact = _finite_step(equation, t, step_dt, x, dw)
        gaps.append(np.max(np.abs(exact - euler), axis=1) / dt)
        if noise_dim > 256:
            # Two evaluations per noise would take too long.
            means.append(np.zeros(len(x)))
            continue
        total = moved = expected = tf.zeros_like(x)
        for k in range(noise_dim):
            unit = _unit_noise(equation, x, k) * (noise_dim * dt) ** 0.5
            up, down = (
                _finite_step(equation, t, step_dt, x, dw) - x for dw in (unit, -unit)
            )
            total += up + down
            moved += tf.abs(up - down) / 2
            expected += tf.abs(equation.diffusion_prod(t, x, unit))
        error = np.abs(total / (2 * noise_dim * dt) - drift)
        # Where a step is not linear in the noise, as a square root at zero, few increments
        # do not determine its mean, so the mean is compared only in coordinates where the
        # step is linear in the noise to 2 %.
        told = np.abs(moved - expected) <= 0.02 * np.maximum(moved, expected)
        means.append(np.max(error * told, axis=1))
    scale = 1e-3 * (np.max(np.abs(x)) + np.max(np.abs(drift)))
    # dt falls a hundredfold. gap / dt stays bounded if the noise is right, and grows
    # tenfold if wrong; the error of the mean (already divided by dt) falls if the drift is
    # right, and stays as large if wrong.
    for values, grows, what in (
        (gaps, 3.0, "`diffusion_prod`: its noise"),
        (means, 0.5, "`drift`: its mean"),
    ):
        worst = int(np.argmax(values[1]))
        if not values[1][worst] <= grows * values[0][worst] + scale:
            fail(
                equation,
                f"has a `step` that does not follow its {what} differs from that of "
                f"Euler-Maruyama by {values[1][worst]:.3g} dt over a step dt = "
                f"{1e-6 * equation.terminal_time:.3g}, at {point(worst, t=t, x=x)}.",
            )


def _finite_step(equation, t, dt, x, dw):
    value = equation.step(t, dt, x, dw)
    require_finite(equation, "step", (t, dt, x, dw), value)
    return value
