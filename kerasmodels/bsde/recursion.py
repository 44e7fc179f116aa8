"""The forward recursion of the deep BSDE method: it is written here and nowhere else."""

import tensorflow as tf


def forward_recursion(equation, t, x, dw, u0, z):
    """u[n+1] = u[n] - f(t[n], x[n], u[n], z[n]) dt[n] + z[n] . dW[n].

    Args:
        equation: `Equation`.
        t: Tensor `[batch, N + 1, 1]`.
        x: Tensor `[batch, N + 1, dim]`.
        dw: Tensor `[batch, N, dim]`.
        u0: scalar Tensor.
        z: Tensor `[batch, N, dim]`.

    Returns:
        u, `[batch, N + 1, 1]`.
    """
    # What does not depend on u is done for all times at once; unstacking first keeps
    # the gradient of N slices from becoming N additions of full-size tensors.
    martingale = tf.unstack(tf.reduce_sum(z * dw, axis=-1, keepdims=True), axis=1)
    dt = tf.unstack(t[:, 1:] - t[:, :-1], axis=1)
    t, x, z = (tf.unstack(value, axis=1) for value in (t, x, z))
    u = [tf.zeros_like(t[0]) + u0]
    for n in range(len(dt)):
        driver = equation.driver(t[n], x[n], u[n], z[n])
        u.append(u[n] - driver * dt[n] + martingale[n])
    return tf.stack(u, axis=1)
