"""The paths behind an estimate: driven by the control, on three grids with one noise.

Reference: James and Stein (1961), https://projecteuclid.org/euclid.bsmsp/1200512173 (what
a noisy vector says of the one behind it).
"""

import numpy as np
import tensorflow as tf

from kerasmodels.bsde.approximation import z_or_zero
from kerasmodels.bsde.estimate.extrapolation import STRIDES
from kerasmodels.bsde.estimate.substeps import divided
from kerasmodels.bsde.paths.sampling import start_states
from kerasmodels.bsde.recursion.driven import control_drift, driver_and_slope
from kerasmodels.bsde.recursion.forward import recursion_step
from kerasmodels.bsde.recursion.grid_noise import grid_noise, probes

# Seeds (seed, -1), (seed, -2), ... start a model; from here on, far below, they are here.
_STREAM = -(2**40)
# What is known of each path at its end, in the order in which it is stacked: (u_N - g) / J,
# u_N - g, the terms of second order, how far they are from quadratic step by step, what
# errors along z would make, the smallest and the largest int f_u dt within the error of u,
# by how much the terms of second order change with the place of the errors of z, what those
# leave in first order where b is shortened, int e . dW along e = z / |z|, int |z|^2 dt and
# int |b|^2 dt.
COLUMNS = ("newton", "mismatch", "curvature", "kink", "aligned", "least", "most")
COLUMNS += ("place", "shortened", "along_z", "z_square", "drift")


def path_sampler(model, grid, drift, chunk_size, seed, jit_compile=True, substeps=1):
    """A function (chunk, u_size, z_size, milstein) -> (columns, u) of the grids.

    On each grid X takes `substeps` steps of the forward scheme from one time to the next.

    u_size `[3, N + 1]` and z_size (`error_sizes.py`) are how large the errors of u at each
    time and of z may be; where the first of z_size is negative nothing of second order is
    computed. With milstein the noise of the grid is taken out
    (`grid_noise.py`). The columns are `[3, columns, paths]`, one for each of `STRIDES`; u
    is that of every second time, `[3, N / 2 + 1, paths]`, and on the coarsest grid zero at
    times between its own.
    """
    equation, dtype = model.equation, model.dtype
    shape, num_steps = (chunk_size, equation.noise_dim), len(grid) - 1
    times = tf.constant(grid, dtype)
    inner_times = tf.constant(divided(grid, substeps), dtype)

    @tf.function(jit_compile=jit_compile, autograph=False)
    def sample(chunk, u_size, z_size, milstein):
        def normal(number, shape):
            key = tf.stack([tf.constant(seed, "int64"), _STREAM - 2 * chunk - number])
            uniform = tf.random.stateless_uniform(shape, key, dtype=dtype, alg="philox")
            # By the quantile function, in the middle of each cell, as 0 has none: under
            # XLA on a processor half the time of `stateless_normal`.
            return tf.math.ndtri(uniform + np.finfo(dtype).eps / 2)

        # All at once, for all grids: random numbers are most of the work.
        root_dt = tf.sqrt(inner_times[1:] - inner_times[:-1])
        increments = root_dt[:, None, None] * normal(0, (num_steps * substeps, *shape))
        one = tf.ones((chunk_size, 1), dtype)
        direction = _unit(normal(1, shape))
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
                    one * times[n],
                    one * times[n + stride],
                    noise,
                    drift,
                    direction,
                    (u_size[stride // 2, n], z_size),
                    milstein,
                    None if substeps == 1 else lambda x, b: inner_steps(first, x, b),
                )
                # A time that only the finer grid has is overwritten by the next one.
                return n + stride, state, u.write((n + stride + 1) // 2, state["u"])

            z_start = tf.zeros(shape, dtype)
            if model.z0 is not None:
                z_start += tf.cast(model.z0, dtype)
            state = {
                "x": start_states(equation, one),
                "u": one * tf.cast(model.u0, dtype),
                "z": z_start,
                "slope": one,
                "curvature": 0 * one,
                "kink": 0 * one,
                "aligned": 0 * one,
                "least": 0 * one,
                "most": 0 * one,
                "place": 0 * one,
                "shortened": 0 * one,
                "along_z": 0 * one,
                "z_square": 0 * one,
                "drift": 0 * one,
            }
            u = tf.TensorArray(dtype, num_steps // 2 + 1, element_shape=one.shape)
            _, end, u = tf.while_loop(
                lambda n, *_: n < num_steps, step, (0, state, u.write(0, state["u"]))
            )
            return _columns(equation, end), u.stack()[..., 0]

        # A loop over the grids, because its body is compiled once.
        return tf.map_fn(along, tf.constant(STRIDES), fn_output_signature=(dtype, dtype))

    def run(chunk, u_size, z_size, milstein):
        u_size, z_size = (tf.constant(size, "float64") for size in (u_size, z_size))
        found = sample(tf.constant(chunk, "int64"), u_size, z_size, tf.constant(milstein))
        return tuple(value.numpy().astype("float64") for value in found)

    return run


def _unit(vector):
    return vector / (tf.norm(vector, axis=-1, keepdims=True) + 1e-30)


def _columns(equation, end):
    mismatch = end["u"] - equation.terminal(end["x"])
    values = {**end, "mismatch": mismatch, "newton": mismatch / end["slope"]}
    return tf.stack([values[name][:, 0] for name in COLUMNS])


def _advance(
    model, state, index, t, t_end, noise, drift, direction, sizes, milstein, inner_steps
):
    """One step of the driven path, of u, and of what is summed along the path.

    inner_steps: None, or a function (x, b) -> X at the end, in steps of their own.
    """
    equation = model.equation
    x, u, z, slope = (state[name] for name in ("x", "u", "z", "slope"))
    dt = t_end - t
    f, b = control_drift(equation, t, dt, x, u, z)
    if not drift:
        b = tf.zeros_like(z)
    dw = noise + b * dt
    x_end = inner_steps(x, b) if inner_steps else equation.step(t, dt[:1], x, dw)
    z_end = z_or_zero(model, index, t_end, x_end)

    def beyond():
        other = tf.sqrt(equation.noise_dim * dt) * direction
        states, along = probes(equation, t, dt, x, z, other)
        z_probed = z_or_zero(model, index, tf.tile(t_end, (4, 1)), states)
        return grid_noise(dt, along, z_probed, noise)

    extra = tf.cond(milstein, beyond, lambda: tf.zeros_like(u))
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(u)
        u_end = recursion_step(
            equation,
            "trapezoid",
            (t, x, z),
            (t_end, x_end, z_end),
            dw,
            u,
            drift=b,
            extra=extra,
        )
    step_slope = tape.gradient(u_end, u, unconnected_gradients="zero")

    def curvature():
        # b is shortened, and zero on undriven paths.
        _, slope_in_z = driver_and_slope(equation, t, x, u, z)
        along = tf.reduce_sum(z * slope_in_z, axis=-1, keepdims=True)

        def second_order(du, dz, kept=1.0):
            """The mean of f at `kept` z +- dz and u +- du, less the tangent at (u, z)."""
            above = equation.driver(t, x, u + du, kept * z + dz)
            below = equation.driver(t, x, u - du, kept * z - dz)
            return ((above + below) / 2 - f + (1 - kept) * along) * dt / slope

        def of_z(square):
            """Of errors of z of this mean square."""
            # A learnt z that is no larger than its errors is made of them: the solution's
            # is nearer to 0 (James and Stein), and the spread about it is the smaller.
            kept = tf.maximum(1 - square / (z_square + 1e-30), 0.0)
            return second_order(0.0, tf.sqrt(square * kept) * direction, kept)

        def parts(share):
            """Of errors of u, and of z, that are a share of the measured ones."""
            return second_order(share * sizes[0], 0.0), of_z((share * z_error) ** 2)

        z_error = tf.sqrt(sizes[1][0] ** 2 + sizes[1][1] ** 2 * z_square)
        # The same errors in all, evenly over the paths, or in proportion to z.
        even, relative = sizes[1][4] ** 2, sizes[1][5] ** 2 * z_square
        place = of_z(even) - of_z(relative)
        missing = tf.norm(slope_in_z - b, axis=-1, keepdims=True)
        shortened = missing * tf.sqrt(tf.maximum(even, relative)) * dt / tf.abs(slope)
        whole, half = parts(1.0), parts(0.5)
        # Of errors half as large, a second derivative makes a quarter; a kink does not.
        kink = tf.add_n([tf.abs(4 * h - w) for h, w in zip(half, whole)])
        whole = tf.add_n(whole)
        # Where u and z err together, as where the driver is a product of both.
        u_error = sizes[1][3] * tf.sqrt(t / model.grid[-1])
        aligned = second_order(u_error, sizes[1][2] * along_z)
        return whole, kink, aligned, *slopes(sizes[1][3]), place, shortened

    def slopes(error):
        """The smallest and the largest of df/du dt at u and on both sides of it."""
        found = []
        for shift in (0.0, error, -error):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                shifted = u + shift
                tape.watch(shifted)
                driver = equation.driver(t, x, shifted, z)
            found.append(tape.gradient(driver, shifted, unconnected_gradients="zero"))
        return tf.reduce_min(found, axis=0) * dt, tf.reduce_max(found, axis=0) * dt

    along_z, z_square = _unit(z), tf.reduce_sum(z * z, axis=-1, keepdims=True)
    nothing = (tf.zeros_like(u),) * 7
    whole, kink, aligned, least, most, place, shortened = tf.cond(
        sizes[1][0] >= 0, curvature, lambda: nothing
    )
    return {
        "x": x_end,
        "u": u_end,
        "z": z_end,
        "slope": slope * step_slope,
        "curvature": state["curvature"] + whole,
        "kink": state["kink"] + kink,
        "aligned": state["aligned"] + aligned,
        "least": state["least"] + least,
        "most": state["most"] + most,
        "place": state["place"] + place,
        "shortened": state["shortened"] + shortened,
        "along_z": state["along_z"] + tf.reduce_sum(along_z * noise, -1, keepdims=True),
        "z_square": state["z_square"] + dt * z_square,
        "drift": state["drift"] + dt * tf.reduce_sum(b * b, axis=-1, keepdims=True),
    }
