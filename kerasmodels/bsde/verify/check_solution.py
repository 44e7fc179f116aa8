"""Checks of an exact solution against its terminal condition and its PDE."""

import numpy as np
import tensorflow as tf

from kerasmodels.bsde.verify.points import fail, point

# Automatic differentiation in float64 leaves about 1e-12 of the terms that cancel; a
# wrong factor leaves its own size.
TOLERANCE = 1e-6
# Times before T, as parts of T, where a solution is compared that is 0 / 0 at T. From one
# to the next the difference to g falls a hundredfold where g has a kink, and faster where
# it is smooth; a wrong g leaves it as it is.
_BEFORE = (1e-4, 1e-8)
_FALLS = 0.1


def check_terminal(equation, x):
    """u(T, x) = g(x), or u(t, x) -> g(x) as t -> T at points where u(T, x) is not finite.

    Returns:
        The largest relative error, and the time of the comparison, in words.
    """
    terminal = np.asarray(equation.terminal(x))[:, 0]
    size = np.max(np.abs(terminal)) + 1e-300

    def solution(before):
        time = tf.constant(equation.terminal_time * (1 - before), x.dtype)
        return np.asarray(equation.exact_solution(tf.fill((len(x), 1), time), x))[:, 0]

    value, told, checked = solution(0.0), "T", "at T"
    error = np.abs(value - terminal) / size
    right = error <= TOLERANCE
    open_at_end = ~np.isfinite(value)
    if np.any(open_at_end):
        before = [solution(part) for part in _BEFORE]
        missing = open_at_end & ~np.all(np.isfinite(before), axis=0)
        if np.any(missing):
            number = int(np.argmax(missing))
            fail(
                equation,
                f"has an exact solution of {value[number]} at T and {before[1][number]} "
                f"just before, at {point(number, x=x)}: it cannot be compared with the "
                "terminal condition. Give values there, or no exact solution.",
            )
        earlier, later = (np.abs(u - terminal) / size for u in before)
        value = np.where(open_at_end, before[1], value)
        error = np.where(open_at_end, later, error)
        right |= open_at_end & ((later <= TOLERANCE) | (later <= _FALLS * earlier))
        told = f"T (1 - {_BEFORE[1]:.0e})"
        checked = "just before T: exact_solution is not finite at T"
    if not np.all(right):
        worst = int(np.argmax(np.where(right, -1.0, error)))
        time = told if open_at_end[worst] else "T"
        fail(
            equation,
            "has an exact solution that misses its own terminal condition. At "
            f"{point(worst, x=x)}: exact_solution({time}, x)={value[worst]:.9g}, "
            f"terminal(x)={terminal[worst]:.9g}.",
        )
    return float(np.max(error)), checked


def _trace(equation, t, x):
    """Tr(sigma sigma^T Hess u), `[batch, 1]`, of the exact solution.

    The sum over the columns c of sigma of c . Hess u c: each point is repeated
    once per column, so that no Hessian is formed. Columns are taken in blocks that need
    little memory.
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
        residual, `driver_of_gradient`, the driver at grad u in place of z, where
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


def check_residual(equation, t, x):
    """The PDE on the exact solution. Returns the largest residual, relative."""
    terms = pde_terms(equation, t, x)
    for name in ("u_t", "diffusion", "drift", "driver"):
        bad = np.flatnonzero(~np.isfinite(terms[name]))
        if len(bad):
            number = int(bad[0])
            fail(
                equation,
                f"has an exact solution on which {name} is {terms[name][number, 0]}, at "
                f"{point(number, t=t, x=x)}: the PDE cannot be checked there. Automatic "
                "differentiation also goes through the branch of `ops.where` that is not "
                "taken, and through a root at zero. Guard their arguments, or give no "
                "exact solution.",
            )
    linear = terms["u_t"] + terms["diffusion"] + terms["drift"]
    driver = terms["driver"]
    size = sum(np.abs(terms[name]) for name in ("u_t", "diffusion", "drift", "driver"))
    size = np.max(size) + 1e-300

    def error_with(driver):
        return np.abs(linear + driver)[:, 0] / size

    error = error_with(driver)
    worst = int(np.argmax(error))
    if not error[worst] <= TOLERANCE:
        guesses = {
            "with the sign of the driver flipped: `driver` is f in u_t + ... + f = 0": (
                -driver
            ),
            "with half the driver: is a factor 1/2 missing?": driver / 2,
            "with twice the driver: is there a factor 1/2 too many?": 2 * driver,
            "when `driver` gets grad u: its `z` is sigma^T grad u": terms.get(
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
        fail(
            equation,
            "does not satisfy its own PDE. At "
            f"{point(worst, t=t, x=x)}: residual "
            f"{float((linear + driver)[worst, 0]):.6g}, the sum of {parts}.{hint}",
        )
    return float(error[worst])
