"""Paths whose drift comes from the control.

    dX = (mu + sigma b) dt + sigma dW^Q = mu dt + sigma dW,    dW = dW^Q + b dt

Girsanov's theorem: with the driver f - z . b the same u solves the equation for any b. The
recursion along a path reads the increments dW that moved x, so b changes only the law of
the paths, not the recursion. With

    b = df/dz (t, x, u, z)

(-lambda z for a Hamilton-Jacobi-Bellman equation: the controlled process), R the terminal
mismatch and J the derivative of u_N by u_0, the mean of R / J is to first order the error
of u0, whatever the error of z: an error e of u_N corresponds to an error e / J of u0.
Training weights R^2 by 1 / |J|. The estimate uses R / J, whose square would give 1 / J^2,
but then a few paths would dominate a batch.

Reference: Girsanov (1960), https://doi.org/10.1137/1105027; Kebiri, Neureither and
Hartmann (2019), https://arxiv.org/abs/1811.03461 (BSDEs and importance sampling)
"""

import math
from typing import NamedTuple

import tensorflow as tf

from kerasmodels.bsde.paths.sampling import start_states
from kerasmodels.bsde.recursion.forward import dot, recursion_step

# Largest |b| dt over one step, in units of sqrt(dt).
_LIMIT = 2.0


def control_drift(equation, t, dt, x, u, z):
    """The pair (f, b): the driver, and df/dz, by automatic differentiation.

    b, `[batch, noise_dim]`, is shortened where |b| dt exceeds twice sqrt(dt): the equation
    holds for any b, and a z that is not trained yet must not drive the paths out of the
    region that matters. Grids that are compared take the dt of the finest, so that their
    paths have one law.
    """
    driver, b = driver_and_df_dz(equation, t, x, u, z)
    return driver, shortened(b, dt)


def shortened(b, dt):
    """b, and where |b| dt exceeds twice sqrt(dt) the vector of that length along it."""
    size = tf.sqrt(dot(b, b) * dt)
    return b * (_LIMIT / tf.maximum(size, _LIMIT))


def driver_and_df_dz(equation, t, x, u, z):
    """The pair (f, df/dz), by automatic differentiation.

    df/dz is zero where the derivative is not finite although f is, as that of sqrt(z . z)
    at z = 0: zero is as good a drift there as any other.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(z)
        driver = equation.driver(t, x, u, z)
    df_dz = tape.gradient(driver, z, unconnected_gradients="zero")
    return driver, tf.where(tf.math.is_finite(df_dz), df_dz, tf.zeros_like(df_dz))


class Driven(NamedTuple):
    """One driven step.

    x, u, z: at its end, `[batch, dim]`, `[batch, 1]`, `[batch, noise_dim]`.
    driver: f at its start.
    b: the drift that was used, df/dz shortened, or zero where undriven.
    dw: the increment with its drift, `[batch, noise_dim]`.
    du_du_start: the derivative of u at the end by u at the start, `[batch, 1]`.
    """

    x: tf.Tensor
    u: tf.Tensor
    z: tf.Tensor
    driver: tf.Tensor
    b: tf.Tensor
    dw: tf.Tensor
    du_du_start: tf.Tensor


def driven_step(
    equation,
    z_at,
    rule,
    index,
    times,
    state,
    noise,
    driven=True,
    inner_steps=None,
    iterated_integrals=None,
    finest_dt=None,
):
    """Steps X by the control, and u along it.

    Args:
        equation: `Equation`.
        z_at: function (index, t, x) -> z at the end of the step.
        rule: "left" or "trapezoid", as in `recursion_step`.
        index: int Tensor. Index of the end time: 0 for t_1, N - 1 for T.
        times: the pair (start, end), each `[batch, 1]`.
        state: the triple (x, u, z) at the start.
        noise: Tensor `[batch, noise_dim]`. dW^Q, variance dt.
        driven: bool. False leaves b out.
        inner_steps: None, or a function (x, b) -> X at the end, where X takes more than
            one step.
        iterated_integrals: as in `recursion_step`.
        finest_dt: None, or Tensor `[batch, 1]`. The dt by which b is shortened; None is
            that of the step.

    Returns:
        A `Driven`.
    """
    (t, t_end), (x, u, z) = times, state
    dt = t_end - t
    driver, b = control_drift(equation, t, dt if finest_dt is None else finest_dt, x, u, z)
    if not driven:
        b = tf.zeros_like(z)
    dw = noise + b * dt
    x_end = inner_steps(x, b) if inner_steps else equation.step(t, dt[:1], x, dw)
    z_end = z_at(index, t_end, x_end)
    start, end = (t, x, z), (t_end, x_end, z_end)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(u)
        u_end = recursion_step(equation, rule, start, end, dw, u, b, iterated_integrals)
    du_du_start = tape.gradient(u_end, u, unconnected_gradients="zero")
    return Driven(x_end, u_end, z_end, driver, b, dw, du_du_start)


def controlled_paths(model, t, noise):
    """Drives x by `noise` and the drift b = df/dz of the model's present z and u.

    Args:
        model: `GlobalModel`.
        t: Tensor `[batch, N + 1, 1]`, the same times for every path.
        noise: Tensor `[batch, N, noise_dim]`. dW^Q, variance dt.

    Returns:
        The triple (x, dw, du_du0) without derivatives: x `[batch, N + 1, dim]`; dw
        `[batch, N, noise_dim]`, the increments with their drift; and du_du0 `[batch, 1]`,
        the absolute value of the derivative of u_N by u_0 along the path, clipped to
        [e^-10, e^10].
    """
    equation, num_steps = model.equation, model.num_steps
    t, noise = (tf.transpose(value, (1, 0, 2)) for value in (t, noise))
    x0 = start_states(equation, noise[0])
    u0 = tf.zeros_like(t[0]) + tf.cast(model.u0, noise.dtype)
    z0 = tf.zeros_like(noise[0]) + tf.cast(model.z0, noise.dtype)

    def step(n, x, u, z, du_du0, path, increments):
        times, state = (t[n], t[n + 1]), (x, u, z)
        end = driven_step(equation, model.z_at, "left", n, times, state, noise[n])
        return (
            n + 1,
            end.x,
            end.u,
            end.z,
            du_du0 * end.du_du_start,
            path.write(n + 1, end.x),
            increments.write(n, end.dw),
        )

    path = tf.TensorArray(x0.dtype, num_steps + 1, element_shape=x0.shape).write(0, x0)
    increments = tf.TensorArray(z0.dtype, num_steps, element_shape=z0.shape)
    *_, du_du0, path, increments = tf.while_loop(
        lambda n, *_: n < num_steps,
        step,
        (0, x0, u0, z0, tf.ones_like(u0), path, increments),
        maximum_iterations=num_steps,
    )
    x, dw = (tf.transpose(value.stack(), (1, 0, 2)) for value in (path, increments))
    # Beyond these bounds one path would outweigh the rest of a batch.
    du_du0 = tf.clip_by_value(tf.abs(du_du0), math.exp(-10), math.exp(10))
    return tuple(tf.stop_gradient(value) for value in (x, dw, du_du0))
