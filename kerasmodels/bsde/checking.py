"""Checks an equation before anybody trains on it: shapes, dtypes, and the PDE itself."""

import json

import numpy as np
import tensorflow as tf

from kerasmodels import _checks
from kerasmodels.bsde.coefficients import EquationError, coefficient, coefficient_calls
from kerasmodels.bsde.equation import Equation
from kerasmodels.bsde.paths import paths_fit, sample_paths, time_grid

# Automatic differentiation in float64 leaves about 1e-12 of the terms that cancel; a
# wrong factor leaves its own size.
TOLERANCE = 1e-6


def check_equation(equation, num_points=16, seed=0):
    """Checks that an equation is what it says it is.

    At random points (t, x) on forward paths: every coefficient has the right shape and
    dtype and is finite, in float32 and in float64, in Python and in a compiled graph, and
    does not mix the paths of a batch; `diffusion_prod` is linear in `dw`; `step` has the
    noise and (up to 256 dimensions) the mean of the SDE over a short step; the config can
    be saved and read. Where there is an exact solution, u(T, x) = g(x) and the PDE

        u_t + 1/2 Tr(sigma sigma^T Hess u) + mu . grad u + f(t, x, u, sigma^T grad u) = 0

    holds, with all derivatives by automatic differentiation. Where the residual is not
    zero, the usual mistakes are tried in turn, and the one that explains it is named.

    What it cannot see: an error in a driver that vanishes on the exact solution, and any
    error of sign or factor where there is no exact solution.

    Args:
        equation: `Equation`.
        num_points: int. Number of random points.
        seed: int. Seed of the points.

    Returns:
        A dict with `num_points`, and where there is an exact solution
        `largest_residual` and `largest_terminal_error`, both relative.

    Raises:
        EquationError: a check failed; the message says which, at which point, and by how
            much. It is a ValueError.
        ValueError: an argument is not of the form above.
    """
    _checks.instance("check_equation", "equation", equation, Equation)
    num_points = _checks.positive_int("check_equation", "num_points", num_points)
    seed = _checks.seed_int("check_equation", seed)
    paths_fit("check_equation", "num_points", equation, 8, num_points, "float64")
    check_config(equation)
    for dtype in ("float32", "float64"):
        # At x0 first: paths can be sampled only with coefficients of the right shape.
        x0 = tf.constant(np.tile(equation.x0, (num_points, 1)), dtype)
        t = tf.fill((num_points, 1), tf.constant(equation.terminal_time / 3, dtype))
        _check_coefficients(equation, t, x0, seed)
        _check_coefficients(
            equation, *_random_points(equation, num_points, seed, dtype), seed
        )
    t, x = _random_points(equation, num_points, seed, "float64")
    _check_linearity(equation, t, x, seed)
    _check_step(equation, t, x, seed)
    report = {"num_points": num_points}
    if equation.has_exact_solution:
        report["largest_terminal_error"] = _check_terminal(equation, x)
        report["largest_residual"] = _check_residual(equation, t, x)
    return report


def _random_points(equation, num_points, seed, dtype):
    """Random points of forward paths, at times inside (0, T)."""
    grid = time_grid(equation.terminal_time, 8)
    x, _ = sample_paths(equation, grid, num_points, (seed, 0), dtype)
    index = np.random.default_rng(seed).integers(1, 8, num_points)
    t = tf.constant(grid[index][:, None], dtype)
    return t, tf.gather(x, index, batch_dims=1)


def _normal(shape, seed, dtype):
    return tf.random.stateless_normal(shape, (seed, 1), dtype=dtype, alg="philox")


def _unit_noise(equation, x, k):
    """Noise along coordinate k alone, `[batch, noise_dim]`."""
    return tf.one_hot(tf.fill((x.shape[0],), k), equation.noise_dim, dtype=x.dtype)


def _fail(equation, text):
    raise EquationError(f"`{type(equation).__name__}` {text}")


def _point(t, x, i):
    values = np.array2string(
        np.asarray(x[i]), precision=4, threshold=6, edgeitems=2, separator=", "
    )
    return f"point {i}, t={float(t[i, 0]):.4g}, x={values}"


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


def _check_coefficients(equation, t, x, seed):
    z = _normal((len(x), equation.noise_dim), seed, x.dtype.name)
    for name, (arguments, shape) in coefficient_calls(equation, t, x, z[:, :1], z).items():
        method = getattr(equation, name)
        value = coefficient(equation, name, arguments, shape)
        if value is None:
            continue
        bad = np.flatnonzero(~np.all(np.isfinite(value), axis=1))
        if len(bad):
            _fail(
                equation,
                f"returned {np.asarray(value[bad[0]])[:4]} from `{name}`, which is not "
                f"finite, at {_point(t, x, bad[0])} ({x.dtype.name}).",
            )
        try:
            # As Keras compiles: Python branches are not rewritten. Called as traced, since
            # TensorFlow warns of methods that are traced again and again.
            graph = tf.function(method, autograph=False).get_concrete_function(*arguments)
            compiled = graph(*arguments)
        except Exception as error:
            raise EquationError(
                f"`{type(equation).__name__}` cannot run `{name}` in a compiled graph, "
                "where tensors have no values yet. Use `keras.ops` instead of NumPy or "
                f"Python branches. TensorFlow says: {error}"
            ) from error
        if not np.allclose(compiled, value, rtol=1e-3, atol=1e-5):
            _fail(
                equation,
                f"gives other values of `{name}` in a compiled graph than in Python. "
                "Does it hold state, or draw random numbers?",
            )
        _check_rows(equation, name, arguments, value)


def _check_rows(equation, name, arguments, value):
    """A path may not see the other paths of its batch."""
    first = [a[:1] if a.shape[0] == len(value) else a for a in arguments]
    alone = getattr(equation, name)(*first)
    if not np.allclose(alone, value[:1], rtol=1e-3, atol=1e-5):
        _fail(
            equation,
            f"mixes the paths of a batch in `{name}`: the first path alone gives "
            f"{np.asarray(alone)[0, :4]}, and in a batch of {len(value)} "
            f"{np.asarray(value)[0, :4]}. Sums and means over coordinates need axis=-1, "
            "keepdims=True.",
        )


def _check_linearity(equation, t, x, seed):
    shape = (len(x), equation.noise_dim)
    a, b = (_normal(shape, s, x.dtype) for s in (seed, seed + 1))
    apart = equation.diffusion_prod(t, x, a) - 2 * equation.diffusion_prod(t, x, b)
    error = np.max(np.abs(equation.diffusion_prod(t, x, a - 2 * b) - apart), axis=1)
    size = np.max(np.abs(apart)) + 1e-300
    worst = int(np.argmax(error))
    if error[worst] > TOLERANCE * size:
        _fail(
            equation,
            "has a `diffusion_prod` that is not linear in `dw`: at "
            f"{_point(t, x, worst)} the noise of a - 2 b differs by {error[worst]:.3g} "
            "from that of a less twice that of b. It must return sigma(t, x) dw.",
        )


def _check_step(equation, t, x, seed):
    """Over a short step, `step` has the noise and the mean of the SDE.

    The noise: it differs from Euler-Maruyama by O(dt) when dw ~ dt^1/2. The mean: over
    the 2 m increments +-sqrt(m dt) e_k, m = noise_dim, which have the mean and the
    covariance of dw, it is x + mu dt up to O(dt^2), where the step is smooth in dw.
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
        exact = equation.step(t, step_dt, x, dw)
        gaps.append(np.max(np.abs(exact - euler), axis=1) / dt)
        if noise_dim > 256:
            # Two evaluations per dimension would take too long.
            means.append(np.zeros(len(x)))
            continue
        total = moved = expected = tf.zeros_like(x)
        for k in range(noise_dim):
            unit = _unit_noise(equation, x, k) * (noise_dim * dt) ** 0.5
            up, down = (equation.step(t, step_dt, x, dw) - x for dw in (unit, -unit))
            total += up + down
            moved += tf.abs(up - down) / 2
            expected += tf.abs(equation.diffusion_prod(t, x, unit))
        error = np.abs(total / (2 * noise_dim * dt) - drift)
        # Where a step answers the noise otherwise than sigma does, as a square root at
        # zero must, few increments do not tell its mean.
        told = np.abs(moved - expected) <= 0.02 * np.maximum(moved, expected)
        means.append(np.max(error * told, axis=1))
    scale = 1e-3 * (np.max(np.abs(x)) + np.max(np.abs(drift)))
    # gap / dt stays bounded, and the error of the mean falls with dt; where one does not
    # it is tenfold what it was, or as large.
    for values, grows, what in (
        (gaps, 3.0, "`diffusion_prod`: its noise"),
        (means, 0.5, "`drift`: its mean"),
    ):
        worst = int(np.argmax(values[1]))
        if values[1][worst] > grows * values[0][worst] + scale:
            _fail(
                equation,
                f"has a `step` that does not follow its {what} differs from that of "
                f"Euler-Maruyama by {values[1][worst]:.3g} dt over a step dt = "
                f"{1e-6 * equation.terminal_time:.3g}, at {_point(t, x, worst)}.",
            )


def _check_terminal(equation, x):
    t = tf.fill((x.shape[0], 1), tf.constant(equation.terminal_time, x.dtype))
    solution = equation.exact_solution(t, x)
    terminal = equation.terminal(x)
    error = np.abs(solution - terminal)[:, 0] / (1e-300 + np.max(np.abs(terminal)))
    worst = int(np.argmax(error))
    if error[worst] > TOLERANCE:
        _fail(
            equation,
            "has an exact solution that misses its own terminal condition. At "
            f"{_point(t, x, worst)}: exact_solution(T, x)={float(solution[worst, 0]):.9g}"
            f", terminal(x)={float(terminal[worst, 0]):.9g}.",
        )
    return float(error[worst])


def _trace(equation, t, x):
    """Tr(sigma sigma^T Hess u), `[batch, 1]`, of the exact solution.

    The sum over the columns c of sigma of c . Hess u c: each point stands beside itself
    once per column, so that no Hessian is formed; as many columns at a time as memory is
    no matter for.
    """
    num_points, dim = x.shape
    columns = equation.noise_dim
    trace = tf.zeros_like(x[:, :1])
    block = max(1, min(columns, 2**21 // (num_points * max(dim, columns))))
    for first in range(0, columns, block):
        count = min(block, columns - first)
        t_k, x_k = (tf.repeat(value, count, axis=0) for value in (t, x))
        noise = tf.one_hot(tf.range(first, first + count), columns, dtype=x.dtype)
        column = equation.diffusion_prod(t_k, x_k, tf.tile(noise, (num_points, 1)))
        with tf.GradientTape() as outer:
            outer.watch(x_k)
            with tf.GradientTape() as inner:
                inner.watch(x_k)
                u = equation.exact_solution(t_k, x_k)
            gradient = inner.gradient(u, x_k, unconnected_gradients="zero")
            along = tf.reduce_sum(gradient * column, axis=-1)
        image = outer.gradient(along, x_k, unconnected_gradients="zero")
        terms = tf.reshape(tf.reduce_sum(column * image, axis=-1), (num_points, count))
        trace += tf.reduce_sum(terms, axis=-1, keepdims=True)
    return trace


def pde_terms(equation, t, x):
    """The terms of the PDE on the exact solution, by automatic differentiation.

    Returns:
        A dict of `[batch, 1]` float arrays: `u_t`, `diffusion`
        (1/2 Tr(sigma sigma^T Hess u)), `drift` (mu . grad u), `driver`; and, to explain a
        residual, `driver_of_gradient`, the driver fed with grad u in place of z, where
        both have one size.
    """
    with tf.GradientTape() as tape:
        tape.watch((t, x))
        u = equation.exact_solution(t, x)
    u_t, gradient = tape.gradient(u, (t, x), unconnected_gradients="zero")
    trace = _trace(equation, t, x)
    z = equation.diffusion_transpose_prod(t, x, gradient)
    terms = {
        "u_t": u_t,
        "diffusion": trace / 2,
        "drift": tf.reduce_sum(equation.drift(t, x) * gradient, axis=-1, keepdims=True),
        "driver": equation.driver(t, x, u, z),
    }
    if equation.noise_dim == equation.dim:
        terms["driver_of_gradient"] = equation.driver(t, x, u, gradient)
    return {name: np.asarray(value) for name, value in terms.items()}


def _check_residual(equation, t, x):
    terms = pde_terms(equation, t, x)
    linear = terms["u_t"] + terms["diffusion"] + terms["drift"]
    driver = terms["driver"]
    size = sum(np.abs(terms[name]) for name in ("u_t", "diffusion", "drift", "driver"))
    size = np.max(size) + 1e-300

    def error_with(driver):
        return np.abs(linear + driver)[:, 0] / size

    error = error_with(driver)
    worst = int(np.argmax(error))
    if error[worst] > TOLERANCE:
        guesses = {
            "with the sign of the driver flipped: `driver` is f in u_t + ... + f = 0": (
                -driver
            ),
            "with half the driver: is a factor 1/2 missing?": driver / 2,
            "with twice the driver: is there a factor 1/2 too many?": 2 * driver,
            "when `driver` is given grad u: its `z` is sigma^T grad u": terms.get(
                "driver_of_gradient", driver
            ),
            "with twice the second-order term: `diffusion_prod` may lack a factor "
            "sqrt(2)": driver + terms["diffusion"],
            "with half the second-order term: `diffusion_prod` may have a factor "
            "sqrt(2) too many": driver - terms["diffusion"] / 2,
        }
        hints = [
            text
            for text, value in guesses.items()
            if np.max(error_with(value)) <= TOLERANCE
        ]
        hint = f" The residual vanishes {hints[0]}." if hints else ""
        parts = ", ".join(
            f"{name}={float(terms[name][worst, 0]):.6g}"
            for name in ("u_t", "diffusion", "drift", "driver")
        )
        _fail(
            equation,
            "does not satisfy its own PDE. At "
            f"{_point(t, x, worst)}: residual "
            f"{float((linear + driver)[worst, 0]):.6g}, the sum of {parts}.{hint}",
        )
    return float(error[worst])
