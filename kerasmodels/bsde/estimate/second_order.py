"""Terms of second order in the errors of u and z, step by step along a path.

Reference: James and Stein (1961), https://projecteuclid.org/euclid.bsmsp/1200512173
(shrinkage of a noisy vector).
"""

import tensorflow as tf

from kerasmodels.bsde.recursion.driven import driver_and_df_dz
from kerasmodels.bsde.recursion.forward import dot

# Results of `second_order`: the terms of second order; their distance from quadratic ones;
# the effect of errors along z; the smallest and the largest f_u dt within the error of u;
# the change of the terms of second order with the place of the errors of z; and the effect
# of these in first order where b is shortened.
SUMS = ("curvature", "kink", "parallel_to_z", "least", "most", "place", "shortened")


def second_order(equation, point, dt, end, du_du0, horizon, direction, u_error, z_size):
    """The terms of one step, a tuple in the order of `SUMS`, each `[batch, 1]`.

    Args:
        equation: `Equation`.
        point: the tuple (t, x, u, z) at the start of the step.
        dt: Tensor `[batch, 1]`.
        end: `Driven`, the step.
        du_du0: Tensor `[batch, 1]`. J up to the start of the step.
        horizon: float. T.
        direction: Tensor `[batch, noise_dim]`. Unit vectors, independent of the path.
        u_error: scalar Tensor. Deviation of u at this time.
        z_size: Tensor `[7]`, as `error_sizes` returns it.
    """
    t, x, u, z = point
    sizes = tf.unstack(z_size)[:6]
    even_part, relative_part, along, at_end, even_alone, relative_alone = sizes
    z_square = dot(z, z)
    # b is shortened, and zero on undriven paths.
    _, df_dz = driver_and_df_dz(equation, t, x, u, z)
    tangent = dot(z, df_dz)

    def change(du, dz, kept=1.0):
        """The mean of f at `kept` z +- dz and u +- du, less the tangent at (u, z)."""
        above = equation.driver(t, x, u + du, kept * z + dz)
        below = equation.driver(t, x, u - du, kept * z - dz)
        return ((above + below) / 2 - end.driver + (1 - kept) * tangent) * dt / du_du0

    def of_z(square):
        """`change` by errors of z of this mean square."""
        # A learnt z that is no larger than its errors consists of them: the z of the
        # solution is nearer to 0 (James and Stein), with a smaller spread about it.
        kept = tf.maximum(1 - square / (z_square + 1e-30), 0.0)
        return change(0.0, tf.sqrt(square * kept) * direction, kept)

    def parts(share):
        """`change` by errors of u, and of z, that are a share of the measured ones."""
        return change(share * u_error, 0.0), of_z((share * z_error) ** 2)

    z_error = tf.sqrt(even_part**2 + relative_part**2 * z_square)
    whole, half = parts(1.0), parts(0.5)
    # Half the errors make a quarter of a change by a second derivative, more by a kink.
    kink = tf.add_n([tf.abs(4 * h - w) for h, w in zip(half, whole)])
    # Errors of u and z of one sign, for drivers such as a product of both.
    parallel_to_z = change(at_end * tf.sqrt(t / horizon), along * unit(z))
    # The same errors in all, evenly over the paths, or in proportion to z.
    even, relative = even_alone**2, relative_alone**2 * z_square
    place = of_z(even) - of_z(relative)
    missing = tf.norm(df_dz - end.b, axis=-1, keepdims=True)
    shortened = missing * tf.sqrt(tf.maximum(even, relative)) * dt / tf.abs(du_du0)
    least, most = _range_of_df_du(equation, point, at_end)
    return tf.add_n(whole), kink, parallel_to_z, least * dt, most * dt, place, shortened


def _range_of_df_du(equation, point, error):
    """The smallest and the largest of df/du at u and on both sides of it."""
    t, x, u, z = point
    found = []
    for shift in (0.0, error, -error):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            shifted = u + shift
            tape.watch(shifted)
            driver = equation.driver(t, x, shifted, z)
        found.append(tape.gradient(driver, shifted, unconnected_gradients="zero"))
    return tf.reduce_min(found, axis=0), tf.reduce_max(found, axis=0)


def unit(vector):
    """The vectors along the last axis, of length one; zero stays zero."""
    return vector / (tf.norm(vector, axis=-1, keepdims=True) + 1e-30)
