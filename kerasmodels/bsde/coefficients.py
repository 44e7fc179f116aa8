"""Calls of the coefficients of an equation, with checks of the shapes they return."""

import numpy as np
import tensorflow as tf

from kerasmodels._support import checks
from kerasmodels.bsde.equation import Equation, noise_size
from kerasmodels.bsde.outside_class import PAGE, problem_outside


class EquationError(ValueError):
    """An equation contradicts itself: a shape, a dtype, or its own exact solution."""


ADVICE_ON_ARRAYS = (
    "Use Python numbers for constants, `keras.ops` for functions, and "
    "`ops.convert_to_tensor(array, x.dtype)` for arrays. Two numbers alone are float32, "
    "as in ops.where(x < 1, 1.0, 0.0): write `ops.cast(x < 1, x.dtype)`."
)


def coefficient_calls(equation, t, x, u, z):
    """The coefficients by name: the arguments of a call, and the shape of the value."""
    scalars, vectors = tuple(u.shape), tuple(x.shape)
    dt = tf.constant([[0.01]], x.dtype)
    return {
        "drift": ((t, x), vectors),
        "diffusion_prod": ((t, x, z), vectors),
        "step": ((t, dt, x, 0.1 * z), vectors),
        "driver": ((t, x, u, z), scalars),
        "terminal": ((x,), scalars),
        "exact_solution": ((t, x), scalars),
    }


def coefficient(equation, name, arguments, shape):
    """The value of one coefficient, or an `EquationError` that names it.

    `exact_solution` alone may return None.
    """
    dtype, num_points = arguments[-1].dtype.name, shape[0]
    owner = type(equation).__name__
    try:
        value = getattr(equation, name)(*arguments)
    except Exception as error:
        raise EquationError(
            f"`{owner}` fails in `{name}` on {dtype} arguments of a batch of {num_points}. "
            f"Received: {type(error).__name__}: {error} {ADVICE_ON_ARRAYS}"
        ) from error
    if value is None and name == "exact_solution":
        return None
    try:
        value = tf.convert_to_tensor(value)
        received = tuple(value.shape)
    except (TypeError, ValueError):
        received = checks.describe(value)
    if received != shape:
        advice = "Sums and means over coordinates need axis=-1, keepdims=True."
        if name == "diffusion_prod":
            noise = equation.noise_dim
            advice = (
                f"It maps noise (batch, {noise}) to the state (batch, {equation.dim}); "
                "noise of another size than the state is declared by `noise_dim`."
            )
        raise EquationError(
            f"`{owner}` returned the wrong shape from `{name}` for a batch of "
            f"{num_points}. Expected: {shape}. Received: {received}. {advice}"
        )
    if value.dtype != dtype:
        raise EquationError(
            f"`{owner}` returned {value.dtype.name} from `{name}` for {dtype} arguments. "
            f"Received: {value.dtype.name}. {ADVICE_ON_ARRAYS}"
        )
    return value


def require_inside(equation):
    """Raises `EquationError` for a problem outside the class of equations."""
    problem = problem_outside(equation)
    if problem:
        raise EquationError(f"`{type(equation).__name__}` {problem} {PAGE}")


def check_shapes(owner, equation, dtype):
    """Calls each coefficient once at x0, because a wrong shape could broadcast unnoticed.

    The exact solution is not called, because no training may read it.

    Raises:
        ValueError: `equation` is no `Equation`, or its `noise_dim` is no positive integer;
            an `EquationError` names the coefficient that cannot be called, or returns
            another shape or dtype.
    """
    checks.instance(owner, "equation", equation, Equation)
    require_inside(equation)
    # No setter has checked a property that the user wrote.
    noise_dim = noise_size(type(equation).__name__, equation.noise_dim)
    with tf.init_scope():
        x = tf.constant(np.tile(equation.x0, (3, 1)), dtype)
        t = tf.fill((3, 1), tf.constant(equation.terminal_time / 3, dtype))
        u, z = tf.ones_like(t), tf.ones((3, noise_dim), dtype)
        for name, call in coefficient_calls(equation, t, x, u, z).items():
            if name != "exact_solution":
                coefficient(equation, name, *call)
