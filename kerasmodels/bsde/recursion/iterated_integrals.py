"""The noise that finite time steps leave in u, taken out before it adds up.

Over one step the martingale part is int z_s . dW_s, of which the recursion takes z_n . dW.
With A = (dz/dx) sigma, the derivative of z along the noise, the remainder is

    sum_ij A_ij int (W_j - W_j(t_n)) dW_i = (dW^T A dW - dt trace A) / 2 + smaller terms

for a symmetric A (sigma^T Hess u sigma where sigma is constant). It has mean zero, and so
has every part of it whose coefficients are known before the step. Three parts need only
differences of z along two directions, whatever the dimension: A along z itself, the row of
A that belongs to it, and the diagonal of the rest. For solutions that are functions of one
projection or of |x|, and for a diagonal A, that is all of it.

References: Milstein (1975), https://doi.org/10.1137/1119062; Bekas, Kokiopoulou and Saad
(2007), https://doi.org/10.1016/j.apnum.2007.01.003 (a diagonal from signs)
"""

import numpy as np
import tensorflow as tf

from kerasmodels.bsde.recursion.forward import dot

# Half-width of the difference across z, in deviations of a step.
_ACROSS = 0.25


def probes(equation, t, dt, x, z, other):
    """The states at which `iterated_integrals_of_z` reads z at the end of the step.

    Args:
        equation: `Equation`.
        t: Tensor `[batch, 1]`. The start of the step.
        dt: Tensor `[batch, 1]`.
        x: Tensor `[batch, dim]`, at t.
        z: Tensor `[batch, noise_dim]`, at t.
        other: Tensor `[batch, noise_dim]`. Increments over dt that are independent of the
            step's own.

    Returns:
        The pair (states, along): states `[4 * batch, dim]`, and the direction of the noise
        along z, `[batch, noise_dim]`.
    """
    along = z / (tf.norm(z, axis=-1, keepdims=True) + 1e-30)
    signs = _signs(z)
    across = signs - dot(signs, along) * along
    # A trained z is wrong at states that no path had in training, such as x plus a small
    # move. So the probes lie around a state that a path may have after the step. Along z
    # the derivative is taken in the middle of the step's noise, because it may change most
    # in that direction.
    other = other - dot(other, along) * along
    across *= _ACROSS
    corners = (along + across, along - across, across - along, -across - along)
    moves = [other + tf.sqrt(dt) * corner for corner in corners]
    states = [x + equation.diffusion_prod(t, x, move) for move in moves]
    return tf.concat(states, axis=0), along


def iterated_integrals_of_z(dt, along, z_probed, dw):
    """The part of int z . dW - z_n . dW that the probes determine.

    Args:
        dt: Tensor `[batch, 1]`.
        along: as `probes` returned it.
        z_probed: Tensor `[4 * batch, noise_dim]`. z at the states of `probes`.
        dw: Tensor `[batch, noise_dim]`.

    Returns:
        Tensor `[batch, 1]`: of mean zero, whatever z is, where dW has no drift.
    """
    parts = parts_of_iterated_integrals(dt, along, z_probed, dw)
    return tf.reduce_sum(parts[:, :3], axis=-1, keepdims=True)


def parts_of_iterated_integrals(dt, along, z_probed, dw):
    """The three parts of `iterated_integrals_of_z`, and the last of them simplified.

    Args:
        dt, along, z_probed, dw: as in `iterated_integrals_of_z`.

    Returns:
        Tensor `[batch, 4]`: the part of A along z, that of its row, that of its diagonal;
        and the part of the diagonal if A were its mean there times the identity.
    """
    # A probe may leave the region where z is defined. It does not depend on dW, so that the
    # mean stays zero without its term.
    z_probed = tf.where(tf.math.is_finite(z_probed), z_probed, 0.0)
    forth_up, forth_down, back_up, back_down = tf.split(z_probed, 4, axis=0)
    width = 4 * tf.sqrt(tf.maximum(dt, 1e-30))
    row = (forth_up + forth_down - back_up - back_down) / width
    curvature = dot(along, row)
    row -= curvature * along
    rest = (forth_up - forth_down + back_up - back_down) / (_ACROSS * width)
    rest -= dot(along, rest) * along
    size = dot(along, dw)
    other = dw - size * along
    diagonal = _signs(along) * rest
    mean = tf.reduce_mean(diagonal, axis=-1, keepdims=True)
    parts = (
        curvature * (size**2 - dt) / 2,
        size * dot(row, other),
        dot(diagonal, other**2 - (1 - along**2) * dt) / 2,
        mean * (dot(dw, dw) - dw.shape[-1] * dt) / 2,
    )
    return tf.concat(parts, axis=-1)


def _signs(z):
    """1, -1, 1, ...: any signs serve that do not depend on the increments."""
    return tf.constant((-1.0) ** np.arange(z.shape[-1]), z.dtype)
