"""Steps of the forward SDE that need its coefficients alone.

`Equation.step` takes the one that the attribute `scheme` names. The order of a scheme is
the power of dt to which the error of E h(X_T), for smooth h, is proportional.

| `scheme` | second order where | evaluations of drift and of diffusion_prod |
|---|---|---|
| "euler" | nowhere, unless drift and sigma are constant | 1 and 1 |
| "heun" | sigma does not depend on x | 2 and 1 |
| "platen" | one noise, or a noise of its own for each coordinate | 2 and 4 |
| "flow" | the columns of sigma commute | 4 and 4, and 4 of `ito_correction` |

Elsewhere each is of first order. An equation that names none gets `default_scheme`: Heun's
where sigma does not depend on x and the drift is not constant, Euler-Maruyama elsewhere.

References: Kloeden and Platen (1992), https://doi.org/10.1007/978-3-662-12616-5, section
15.1 ("platen"); Ninomiya and Victoir (2008), https://doi.org/10.1080/13504860701413958
("flow")
"""

import numpy as np
import tensorflow as tf
from keras import ops


def euler_step(equation, t, dt, x, dw):
    """x + mu dt + sigma dW, all at the start of the step (Euler-Maruyama)."""
    return x + equation.drift(t, x) * dt + equation.diffusion_prod(t, x, dw)


def heun_step(equation, t, dt, x, dw):
    """The drift is the mean of both ends, sigma that of the middle of the step.

    x* = x + mu(t, x) dt + sigma dW
    X  = x + (mu(t, x) + mu(t + dt, x*)) dt / 2 + sigma dW,  sigma = sigma(t + dt/2, x)
    """
    noise = equation.diffusion_prod(t + dt / 2, x, dw)
    drift = equation.drift(t, x)
    ahead = equation.drift(t + dt, x + drift * dt + noise)
    return x + (drift + ahead) * dt / 2 + noise


def platen_step(equation, t, dt, x, dw):
    """Platen's step without derivatives, for one noise or one noise per coordinate.

    x+- = x + mu dt +- sigma dt^(1/2),      x* = x + mu dt + sigma dW
    X   = x + (mu + mu*) dt / 2 + (sigma+ + sigma- + 2 sigma) dW / 4
            + (sigma+ - sigma-) (dW^2 - dt) / (4 dt^(1/2))
    """
    drift, noise = equation.drift(t, x) * dt, equation.diffusion_prod(t, x, dw)
    # A step of length zero must not divide by zero.
    root = ops.sqrt(ops.maximum(dt, 1e-30))
    spread = equation.diffusion_prod(t, x, ops.zeros_like(dw) + root)
    excess = (dw * dw - dt) / root
    t_end, end = t + dt, x + drift
    above = equation.diffusion_prod(t_end, end + spread, dw + excess)
    below = equation.diffusion_prod(t_end, end - spread, dw - excess)
    drift = (drift + equation.drift(t_end, end + noise) * dt) / 2
    return x + drift + noise / 2 + (above + below) / 4


def flow_step(equation, t, dt, x, dw):
    """Half a step of the drift, the noise as one flow, half a step of the drift.

        y' = (mu - c)(s, y)           for dt / 2, by the midpoint rule
        y' = sigma(t + dt/2, y) dW    for a unit of time, by the rule of Runge and Kutta
        y' = (mu - c)(s, y)           for dt / 2

    c = 1/2 sum_j (D sigma_j) sigma_j turns the SDE into one of Stratonovich
    (`Equation.ito_correction`). This is the splitting of Ninomiya and Victoir for columns
    that commute, (D sigma_j) sigma_k = (D sigma_k) sigma_j: one noise; a noise per
    coordinate; correlated noise whose size in a coordinate depends on that one alone.
    """

    def drift(time, y):
        return equation.drift(time, y) - equation.ito_correction(time, y)

    def drifted(time, y):
        middle = y + drift(time, y) * dt / 4
        return y + drift(time + dt / 4, middle) * dt / 2

    def noise(y):
        return equation.diffusion_prod(t + dt / 2, y, dw)

    x = drifted(t, x)
    first = noise(x)
    second = noise(x + first / 2)
    third = noise(x + second / 2)
    x = x + (first + 2 * (second + third) + noise(x + third)) / 6
    return drifted(t + dt / 2, x)


SCHEMES = {
    "euler": euler_step,
    "heun": heun_step,
    "platen": platen_step,
    "flow": flow_step,
}


def default_scheme(equation):
    """The name of the scheme for an equation that names none.

    Each object is evaluated once, at states and times that a path may reach. Both schemes
    converge to the same X, because both take sigma at the state before the step: a mistake
    here costs accuracy and no more.
    """
    found = vars(equation).get("_default_scheme")
    if found is None:
        with tf.init_scope():
            additive, steady = _is_constant(equation)
        found = "heun" if additive and not steady else "euler"
        equation._default_scheme = found
    return found


def _is_constant(equation, points=16, seed=0):
    """Whether sigma is the same at all x, and drift and sigma at all x and t."""
    rng = np.random.default_rng(seed)
    horizon = equation.terminal_time
    zero = tf.zeros((points, 1), "float64")
    times = [zero + horizon * share for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
    x = tf.zeros((points, equation.dim), "float64") + tf.constant(equation.x0)
    shares = np.linspace(0.0, 1.0, points)[:, None]
    # Where no noise reaches a coordinate, the drift moves it.
    x += horizon * shares * equation.drift(times[0], x)
    for t in times:
        noise = shares * rng.normal(size=(points, equation.noise_dim)) * horizon**0.5
        x += equation.diffusion_prod(t, x, tf.constant(noise))
    dw = tf.constant(np.repeat(rng.normal(size=(1, equation.noise_dim)), points, axis=0))
    sigma = np.array([equation.diffusion_prod(t, x, dw) for t in times])
    mu = np.array([equation.drift(t, x) for t in times])
    additive = bool(np.all(sigma == sigma[:, :1]))
    steady = bool(np.all(sigma == sigma[0, 0]) and np.all(mu == mu[0, 0]))
    return additive, steady


def ito_correction(equation, t, x):
    """1/2 sum_j (D sigma_j) sigma_j, `[batch, dim]`, by forward differentiation.

    Each state stands beside itself once per column, so the cost is that of `noise_dim`
    evaluations of `diffusion_prod`.
    """
    count = equation.noise_dim
    columns = tf.tile(tf.eye(count, dtype=x.dtype), (tf.shape(x)[0], 1))
    t, x = (tf.repeat(value, count, axis=0) for value in (t, x))
    along = equation.diffusion_prod(t, x, columns)
    with tf.autodiff.ForwardAccumulator(x, along) as accumulator:
        noise = equation.diffusion_prod(t, x, columns)
    change = accumulator.jvp(noise, unconnected_gradients="zero")
    change = tf.reshape(change, (-1, count, equation.dim))
    return tf.reduce_sum(change, axis=1) / 2
