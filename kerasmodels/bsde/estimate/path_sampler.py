"""The paths behind an estimate: driven by the control, on three grids with one noise."""

import numpy as np
import tensorflow as tf

from kerasmodels.bsde.approximation import z_or_zero
from kerasmodels.bsde.estimate.controls import CONTROLS, control_terms
from kerasmodels.bsde.estimate.extrapolation import STRIDES
from kerasmodels.bsde.estimate.second_order import SUMS, second_order, unit
from kerasmodels.bsde.estimate.substeps import divided
from kerasmodels.bsde.paths import streams
from kerasmodels.bsde.recursion.driven import driven_step
from kerasmodels.bsde.recursion.forward import dot
from kerasmodels.bsde.recursion.iterated_integrals import (
    parts_of_iterated_integrals,
    probes,
)

# The numbers of a path at its end, in the order in which they are stacked: (u_N - g) / J,
# of which the mean is the Newton step of u0; u_N - g; the sums of second order; int e . dW
# along e = z / |z|; int |z|^2 dt; int |b|^2 dt; the control variates.
COLUMNS = ("newton_step", "mismatch", *SUMS, "along_z", "z_square", "b_square")
COLUMNS += CONTROLS
# Those that are sums along the path.
_SUMMED = COLUMNS[2:]


def path_sampler(model, grid, driven, chunk_size, seed, jit_compile=True, substeps=1):
    """A function that gives the columns and u of one chunk of paths on the three grids.

        (chunk, u_size, z_size, iterated_integrals, sign=1) -> (columns, u)

    With the sign -1 the paths are the mirror images of those of the same chunk: all noise
    has the opposite sign. On each grid X takes `substeps` steps of the forward scheme from
    one time to the next.

    u_size `[3, N + 1]` and z_size (`error_sizes.py`) are the sizes of the errors of u at
    each time and of z; a negative first entry of z_size leaves out the terms of second
    order. With iterated_integrals the noise of the grid is taken out
    (`iterated_integrals.py`). The columns are `[3, columns, paths]`, one for each of
    `STRIDES`; u is that of every second time, `[3, N / 2 + 1, paths]`, and on the coarsest
    grid zero at times between its own.
    """
    equation, dtype = model.equation, model.dtype
    shape, num_steps = (chunk_size, equation.noise_dim), len(grid) - 1
    times = tf.constant(grid, dtype)
    inner_times = tf.constant(divided(grid, substeps), dtype)

    @tf.function(jit_compile=jit_compile, autograph=False)
    def sample(seed, chunk, u_size, z_size, iterated_integrals, sign):
        # One draw for all grids, because random numbers are most of the work.
        root_dt = tf.cast(sign, dtype) * tf.sqrt(inner_times[1:] - inner_times[:-1])
        noise = normals(seed, chunk, 0, (num_steps * substeps, *shape), dtype)
        increments = root_dt[:, None, None] * noise
        one = tf.ones((chunk_size, 1), dtype)
        direction = unit(normals(seed, chunk, 1, shape, dtype))
        z_size, u_size = tf.cast(z_size, dtype), tf.cast(u_size, dtype)

        def along(stride):
            """The columns of the grid that takes every `stride`-th time."""

            def noise_between(first, last):
                _, noise = tf.while_loop(
                    lambda k, _: k < last,
                    lambda k, total: (k + 1, total + increments[k]),
                    (first, tf.zeros(shape, dtype)),
                )
                return noise

            def inner_steps(first, x, b):
                """X after `substeps` steps, each with as many increments as `stride`."""

                def inner_step(k, x):
                    t, t_end = one * inner_times[k], one * inner_times[k + stride]
                    dw = noise_between(k, k + stride) + b * (t_end - t)
                    return k + stride, equation.step(t, (t_end - t)[:1], x, dw)

                last = first + stride * substeps
                return tf.while_loop(lambda k, _: k < last, inner_step, (first, x))[1]

            def step(n, state, u):
                first = n * substeps
                noise = noise_between(first, first + stride * substeps)
                state = _advance(
                    model,
                    state,
                    # Network n - 1 belongs to t_n.
                    n + stride - 1,
                    # The last is the end of the finest grid's step.
                    [one * times[k] for k in (n, n + stride, n + 1)],
                    noise,
                    (driven, iterated_integrals, direction),
                    (u_size[stride // 2, n], z_size),
                    None if substeps == 1 else lambda x, b: inner_steps(first, x, b),
                )
                # A time that only the finer grid has is overwritten by the next one.
                return n + stride, state, u.write((n + stride + 1) // 2, state["u"])

            z_start = tf.zeros(shape, dtype)
            if model.z0 is not None:
                z_start += tf.cast(model.z0, dtype)
            state = {
                "x": one * tf.cast(model.x0, dtype),
                "u": one * tf.cast(model.u0, dtype),
                "z": z_start,
                "du_du0": one,
                **{name: 0 * one for name in _SUMMED},
            }
            u = tf.TensorArray(dtype, num_steps // 2 + 1, element_shape=one.shape)
            _, end, u = tf.while_loop(
                lambda n, *_: n < num_steps, step, (0, state, u.write(0, state["u"]))
            )
            return _columns(equation, end), u.stack()[..., 0]

        # A loop over the grids, because its body is compiled once.
        return tf.map_fn(along, tf.constant(STRIDES), fn_output_signature=(dtype, dtype))

    def run(chunk, u_size, z_size, iterated_integrals, sign=1):
        u_size, z_size = (tf.constant(size, "float64") for size in (u_size, z_size))
        # The seed is an argument, so that what XLA compiled for one serves the others.
        numbers = (tf.constant(number, "int64") for number in (seed, chunk))
        of_grid, sign = tf.constant(iterated_integrals), tf.constant(sign, "float64")
        found = sample(*numbers, u_size, z_size, of_grid, sign)
        return tuple(value.numpy().astype("float64") for value in found)

    return run


def normals(seed, chunk, kind, shape, dtype):
    """Standard normal numbers of a chunk, by `streams.of_estimate`."""
    key = tf.stack([seed, streams.of_estimate(chunk, kind)])
    uniform = tf.random.stateless_uniform(shape, key, dtype=dtype, alg="philox")
    # The quantile function takes half the time of `stateless_normal` under XLA on a
    # processor. In the middle of each cell, because it is infinite at 0.
    return tf.math.ndtri(uniform + np.finfo(dtype).eps / 2)


def _columns(equation, end):
    mismatch = end["u"] - equation.terminal(end["x"])
    values = {**end, "mismatch": mismatch, "newton_step": mismatch / end["du_du0"]}
    return tf.stack([values[name][:, 0] for name in COLUMNS])


def _advance(model, state, index, times, noise, settings, sizes, inner_steps):
    """One step of the driven path, of u, and of what is summed along the path.

    Args:
        times: the triple (start, end, end of the step of the finest grid).
        settings: the triple (driven, iterated_integrals, direction).
        sizes: the pair (error of u at this time, z_size).
        inner_steps: None, or a function (x, b) -> X at the end, in steps of their own.
    """
    equation, (t, t_end, next_time) = model.equation, times
    dt = t_end - t
    driven, iterated_integrals, direction = settings
    x, u, z, du_du0 = (state[name] for name in ("x", "u", "z", "du_du0"))

    def z_at(index, t, x):
        return z_or_zero(model, index, t, x)

    def parts():
        other = tf.sqrt(equation.noise_dim * dt) * direction
        states, along = probes(equation, t, dt, x, z, other)
        z_probed = z_at(index, tf.tile(t_end, (4, 1)), states)
        return parts_of_iterated_integrals(dt, along, z_probed, noise)

    found = tf.cond(iterated_integrals, parts, lambda: tf.zeros_like(tf.tile(u, (1, 4))))
    end = driven_step(
        equation,
        z_at,
        "trapezoid",
        index,
        (t, t_end),
        (x, u, z),
        noise,
        driven=driven,
        inner_steps=inner_steps,
        iterated_integrals=tf.reduce_sum(found[:, :3], axis=-1, keepdims=True),
        finest_dt=next_time - t,
    )
    sums = tf.cond(
        sizes[1][0] >= 0,
        lambda: second_order(
            equation, (t, x, u, z), dt, end, du_du0, model.grid[-1], direction, *sizes
        ),
        lambda: (tf.zeros_like(u),) * len(SUMS),
    )
    z_square = dot(z, z)
    along_z = dot(unit(z), noise)
    sums = dict(zip(SUMS, sums))
    sums |= {"along_z": along_z, "z_square": dt * z_square}
    sums |= {"b_square": dt * dot(end.b, end.b)}
    sums |= dict(zip(CONTROLS, control_terms(z, dt, noise, du_du0, found)))
    summed = {name: state[name] + value for name, value in sums.items()}
    return {
        "x": end.x,
        "u": end.u,
        "z": end.z,
        "du_du0": du_du0 * end.du_du_start,
        **summed,
    }
