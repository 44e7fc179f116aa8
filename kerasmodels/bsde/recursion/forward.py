"""The forward recursion of u: one step, and all steps along given paths."""

import tensorflow as tf

# Rules for the integral of the driver over one time step.
RULES = ("left", "trapezoid")


def recursion_step(equation, rule, start, end, dw, u, b=None, iterated_integrals=None):
    """u[n+1] from u[n].

        left:       u - f(t, x, u, z) dt + z . dW
        trapezoid:  u - (f(t, x, u, z) + f(t', x', u', z')) dt / 2 + z . dW

    with u' the value that `left` gives and (t', x', z') the end of the step. With exact z
    the bias of u0 is of first order in dt for `left` and of second for `trapezoid`.

    Where the increments were drawn with a drift, dW = dW^Q + b dt, the term z . b dt is
    part of what is integrated, and the trapezoidal rule takes it at both ends too.

    `iterated_integrals` is added to z . dW: further terms of int z . dW
    (`iterated_integrals_of_z`).

    Reference: Chassagneux (2014), https://doi.org/10.1137/130936269 (multistep schemes)

    Args:
        equation: `Equation`.
        rule: "left" or "trapezoid".
        start, end: the triples (t, x, z) at both ends of the step: t `[batch, 1]`, x
            `[batch, dim]` and z `[batch, noise_dim]`. `left` does not read `end`.
        dw: Tensor `[batch, noise_dim]`.
        u: Tensor `[batch, 1]`.
        b: None or Tensor `[batch, noise_dim]`. The drift of the increments.
        iterated_integrals: None or Tensor `[batch, 1]`.

    Returns:
        Tensor `[batch, 1]`.
    """
    t, x, z = start
    dt = end[0] - t
    driver = equation.driver(t, x, u, z)
    martingale = dot(z, dw)
    if iterated_integrals is not None:
        martingale += iterated_integrals
    u_end = u - driver * dt + martingale
    if rule == "left":
        return u_end
    driver += equation.driver(end[0], end[1], u_end, end[2])
    u_end = u - driver * dt / 2 + martingale
    if b is not None:
        u_end += dt / 2 * dot(end[2] - z, b)
    return u_end


def forward_recursion(equation, t, x, dw, u0, z, rule="left", iterated_integrals=None):
    """Steps u along given paths, from u[0] = u0.

    The values come from a loop whose compile time does not grow with the number of steps.
    Its derivative is taken for all steps at once: given the values, each step is a
    function of its own arguments alone, and a change of u[n] reaches u[n+1] through the
    derivative of one step. So no gradient has to be traced through the loop.

    Args:
        equation: `Equation`.
        t: Tensor `[batch, N + 1, 1]`.
        x: Tensor `[batch, N + 1, dim]`.
        dw: Tensor `[batch, N, noise_dim]`.
        u0: scalar Tensor.
        z: Tensor `[batch, N + 1, noise_dim]`; `left` does not read the last time.
        rule: "left" or "trapezoid".
        iterated_integrals: None or Tensor `[batch, N, 1]`, added to z . dW in each step.

    Returns:
        u, `[batch, N + 1, 1]`.
    """
    iterated = iterated_integrals
    iterated = tf.zeros_like(dw[..., :1]) if iterated is None else iterated
    # Times first, so that a step is a contiguous slice.
    t, x, dw, z, iterated = (tf.transpose(v, (1, 0, 2)) for v in (t, x, dw, z, iterated))
    u0 = tf.zeros_like(t[0]) + u0
    values = _values(equation, rule, t, x, dw, u0, z, iterated)
    num_steps = dw.shape[0]

    def flat(value):
        return tf.reshape(value, (-1, value.shape[-1]))

    with tf.GradientTape(watch_accessed_variables=False) as tape:
        u = flat(values[:-1])
        tape.watch(u)
        start, end = (
            tuple(flat(value) for value in ends)
            for ends in ((t[:-1], x[:-1], z[:-1]), (t[1:], x[1:], z[1:]))
        )
        u_end = recursion_step(
            equation, rule, start, end, flat(dw), u, iterated_integrals=flat(iterated)
        )
    du_du_start = tf.stop_gradient(tape.gradient(u_end, u, unconnected_gradients="zero"))
    u_end, du_du_start = (tf.reshape(v, (num_steps, -1, 1)) for v in (u_end, du_du_start))
    # Zero in value: it carries the derivatives only.
    change = tf.concat(
        [[u0 - tf.stop_gradient(u0)], u_end - tf.stop_gradient(u_end)], axis=0
    )
    du_du_start = tf.concat([tf.ones_like(u0)[None], du_du_start], axis=0)
    return tf.transpose(values + _linear_recursion(du_du_start, change), (1, 0, 2))


def _values(equation, rule, t, x, dw, u0, z, iterated):
    """u `[N + 1, batch, 1]` without derivatives."""
    t, x, dw, u0, z, iterated = (tf.stop_gradient(v) for v in (t, x, dw, u0, z, iterated))
    num_steps = dw.shape[0]

    def step(n, u, path):
        start, end = (t[n], x[n], z[n]), (t[n + 1], x[n + 1], z[n + 1])
        u = recursion_step(
            equation, rule, start, end, dw[n], u, iterated_integrals=iterated[n]
        )
        return n + 1, u, path.write(n + 1, u)

    path = tf.TensorArray(u0.dtype, num_steps + 1, element_shape=u0.shape).write(0, u0)
    *_, path = tf.while_loop(
        lambda n, *_: n < num_steps, step, (0, u0, path), maximum_iterations=num_steps
    )
    return tf.stop_gradient(path.stack())


def _linear_recursion(factor, change):
    """e[n] = factor[n] e[n-1] + change[n], e[-1] = 0, along the first axis.

    In log2(N) steps, each of which doubles the number of times that an entry sums over.
    """
    reach = 1
    while reach < factor.shape[0]:
        before = [[reach, 0], [0, 0], [0, 0]]
        change = change + factor * tf.pad(change[:-reach], before)
        factor = factor * tf.pad(factor[:-reach], before, constant_values=1)
        reach *= 2
    return change


def dot(a, b):
    """The inner product over the last axis, kept as an axis of size 1."""
    return tf.reduce_sum(a * b, axis=-1, keepdims=True)
