"""Control variates of an estimate: sums along a path whose mean is zero.

Every term of these sums is a coefficient that is known before the step, times a polynomial
of the step's noise with mean zero. The sums on all three grids together explain much of the
variance of u_N - g, because the differences of the first sum between two grids are iterated
integrals, whose size the model's z may give wrongly or not at all.

Their factors come from least squares on one half of the paths and are applied to the other
half, so that no mean is moved. Where a path and its mirror image (the noise with the
opposite sign) count as one value, all that is odd in the noise cancels as well.

References: Glasserman (2003), https://doi.org/10.1007/978-0-387-21617-1, sections 4.1 and
4.2 (control variates, antithetic variates); Avramidis and Wilson (1993),
https://doi.org/10.1287/mnsc.39.9.1134 (factors from the other part of the paths)
"""

import numpy as np
import tensorflow as tf

from kerasmodels.bsde.recursion.forward import dot

# Sums of z . dW; of the parts of `iterated_integrals_of_z`, and the last of these if A were
# the same along all coordinates; and of two polynomials of third order.
CONTROLS = ("z_dw", "along_twice", "along_once", "across", "uniform", "cube", "radius")
# Numbers of controls, in their order, among which the paths choose.
_SETS = (1, 5, 7)
# A larger set of controls, or mirror images, must leave less than this share of the
# variance that the smaller one leaves.
_BETTER = 0.9
# Values for each factor, at least.
_PER_FACTOR = 10


def control_terms(z, dt, noise, du_du0, parts):
    """The terms of one step, in the order of `CONTROLS`, each `[batch, 1]`.

    Args:
        z: Tensor `[batch, noise_dim]`, at the start of the step.
        dt: Tensor `[batch, 1]`.
        noise: Tensor `[batch, noise_dim]`. dW^Q, variance dt.
        du_du0: Tensor `[batch, 1]`. J up to the start of the step, by which errors of u at
            T are divided.
        parts: Tensor `[batch, 4]`, of `iterated_integrals_of_z`.
    """
    z_dw = dot(z, noise)
    terms = [z_dw, *tf.split(parts, 4, axis=-1)]
    terms.append(z_dw * (z_dw**2 - 3 * dt * dot(z, z)))
    terms.append(z_dw * (dot(noise, noise) - (z.shape[-1] + 2) * dt))
    return tuple(tf.math.divide_no_nan(term, du_du0) for term in terms)


def reduced(values, controls, mirrored=None):
    """Values of the same mean whose variance is smaller where the controls explain them.

    Args:
        values: array `[grids, paths]`.
        controls: array `[grids, len(CONTROLS), paths]`.
        mirrored: None, or the pair (values, controls) of the mirror images.

    Returns:
        Array `[grids, paths]`.
    """
    if mirrored is not None:
        values, controls = (
            (here + there) / 2 for here, there in zip((values, controls), mirrored)
        )
    best, least = values, np.var(values[0])
    for size in _SETS:
        rows = controls[:, :size].reshape(-1, values.shape[-1])
        if 2 * _PER_FACTOR * len(rows) > values.shape[-1] or not np.all(np.isfinite(rows)):
            break
        found = remainder(values, rows)
        left = np.var(found[0])
        if left < _BETTER * least:
            best, least = found, left
    return best


def mirrors_help(paths, mirrored):
    """Whether pairs of a path and its mirror image vary by less than twice as many paths.

    Args:
        paths, mirrored: pairs (values, controls), as in `reduced`.
    """
    alone = np.var(reduced(*paths)[0])
    return bool(2 * np.var(reduced(*paths, mirrored)[0]) < _BETTER * alone)


def remainder(values, rows):
    """`values` less the controls, with the factors of each half from the other half.

    Args:
        values: array `[number, paths]`.
        rows: array `[controls, paths]`, of mean zero.
    """
    scale = np.std(rows, axis=-1, keepdims=True)
    rows = np.divide(rows, scale, out=np.zeros_like(rows), where=scale > 0)
    middle = values.shape[-1] // 2
    halves = slice(None, middle), slice(middle, None)
    found = np.empty_like(values)
    for fitted, applied in (halves, halves[::-1]):
        seen = rows[:, fitted] - np.mean(rows[:, fitted], axis=-1, keepdims=True)
        wanted = values[:, fitted] - np.mean(values[:, fitted], axis=-1, keepdims=True)
        factors = np.linalg.lstsq(seen.T, wanted.T, rcond=1e-6)[0]
        found[:, applied] = values[:, applied] - factors.T @ rows[:, applied]
    return found
