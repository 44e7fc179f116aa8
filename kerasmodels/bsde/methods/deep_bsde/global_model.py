"""The global network: u0, z0, a control process, and the forward recursion."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from kerasmodels._support import checks, registered
from kerasmodels.bsde.coefficients import check_shapes
from kerasmodels.bsde.control import TerminalSkip
from kerasmodels.bsde.methods.base import part_beyond
from kerasmodels.bsde.methods.deep_bsde.approximation import NetworkApproximation
from kerasmodels.bsde.methods.deep_bsde.assembly import (
    check_control,
    initial_values,
    resolve_control,
)
from kerasmodels.bsde.methods.deep_bsde.inputs import validated_inputs
from kerasmodels.bsde.methods.deep_bsde.path_model import PathModel
from kerasmodels.bsde.methods.deep_bsde.points import z_at_points
from kerasmodels.bsde.paths.grid import as_time_grid
from kerasmodels.bsde.recursion.driven import controlled_paths
from kerasmodels.bsde.recursion.forward import RULES, forward_recursion
from kerasmodels.bsde.recursion.iterated_integrals import iterated_integrals_of_z, probes


@keras.saving.register_keras_serializable(package="kerasmodels")
class GlobalModel(PathModel):
    """The deep BSDE network: maps forward paths to u_N, to be matched to g(x_N).

        u[0] = u0,    z[0] = z0,    z[n] = control(t[n], x[n])
        u[n+1] = u[n] - f(t[n], x[n], u[n], z[n]) dt[n] + z[n] . dW[n]

    u0 and z0 are trainable, and so is the control process unless `train_control` is
    False. Fitted so that u[N] meets g(x[N]) in mean square, u0 is u(0, x0) up to the
    error of the time grid. With `terminal_skip`

        z[n] = a_n(g(x[n])) sigma^T grad g(x[n]) + control(t[n], x[n])

    where a_n is a tiny trainable function that starts near 1 (`TerminalSkip`): the
    control process then has only the difference to learn, small in most problems. At the
    last time z is the terminal gradient itself.

    Some texts write the recursion with `+ f dt`; their f is minus our driver.

    Reference: E, Han, Jentzen (2017), https://doi.org/10.1007/s40304-017-0117-6

    Args:
        equation: `Equation`, of a class that is registered for Keras serialization
            (`keras.saving.register_keras_serializable`): the model's file names it.
        control: "stacked" (default), "per-step", "shared" or "exchangeable" for a fresh
            control process of the default architecture; or a control process, which any
            Keras layer with `call(t, x)` is; or a list of N - 1 Keras models, one per
            inner time. Time 0 has none, because z0 is a weight. With N = 1 there are no
            inner times and the control process is not used.
        terminal_skip: bool or `TerminalSkip`. Whether sigma^T grad g is added.
        train_control: bool. False freezes the control process (and a_n): only u0 and
            z0 train. It may be set later, which freezes or thaws every network of the
            control process; compile again afterwards.
        rule: "left" (the recursion above) or "trapezoid", which takes the driver at both
            ends of a step (`recursion_step`): the error of the grid is then of second
            order.
        iterated_integrals: bool. Whether the noise that a finite step leaves in z . dW is
            taken out as far as four more evaluations of z give it
            (`iterated_integrals.py`): it has mean zero, and the loss then holds little but
            the error of z.
        importance_sampling: bool. Whether `fit` and `evaluate` draw the paths under the
            measure in which they are driven by b = df/dz of the control: of the
            inputs they then take dw as noise, add b dt, and step x anew
            (`recursion/driven.py`), and weight each path by 1 / J with J the derivative of
            u_N by u_0 along it. A call of the model takes paths as they are.
        u0: None or float. Start of u0; None is the mean of g(x_N) over a sample.
        z0: None or `noise_dim` floats. Start of z0; None is the mean of
            sigma^T grad g(x_N).
        scales: None or a pair of floats > 0. The weights behind u0 and z0 count the
            distance from the start in these units, so that one learning rate suits
            solutions of any size. None is the standard deviation of g(x_N) and the root
            mean square of sigma^T grad g(x_N), or 1 where nothing is sampled.
        seed: int. Seed of the initial weights and of that sample.
        num_steps: None or int. Number of equal time steps N.
        grid: None or sequence of floats. The N + 1 times from 0 to the terminal time, in
            place of `num_steps`.

    Call arguments:
        inputs: the tuple (x, dw, t): x `[batch, N + 1, dim]`; dw `[batch, N, noise_dim]`
            (the equation's, in general d), variance dt; t `[batch, N + 1, 1]`, or
            `[N + 1]` for all paths alike.
        training: bool.

    Output shape:
        u_N, `[batch, 1]`.

    Raises:
        ValueError: an argument or an input is not of the form above, or the equation's
            class is not registered. Inputs with NaN or
            infinite values are refused too; for a data set, whose values exist only
            inside the graph, by a `tf.errors.InvalidArgumentError`, which XLA
            (`jit_compile=True`) leaves out.
    """

    def __init__(
        self,
        equation,
        control="stacked",
        terminal_skip=False,
        train_control=True,
        rule="left",
        iterated_integrals=False,
        importance_sampling=False,
        u0=None,
        z0=None,
        scales=None,
        seed=0,
        *,
        num_steps=None,
        grid=None,
        **kwargs,
    ):
        # Paths keep their precision in a model whose networks compute in bfloat16.
        owner = "GlobalModel"
        checks.policy(owner, kwargs.get("dtype"))
        super().__init__(**{"autocast": False, **kwargs})
        check_shapes(owner, equation, self.variable_dtype)
        reason = part_beyond(equation)
        if reason:
            raise checks.ArgumentError(
                f"`{owner}` cannot solve {equation!r}, because {reason}."
            )
        registered.require_registered(type(equation), "equation")
        self.equation = equation
        self.grid = as_time_grid(owner, equation, num_steps, grid)
        self.num_steps = len(self.grid) - 1
        self.seed = checks.seed_int(owner, seed)
        if not isinstance(terminal_skip, TerminalSkip):
            terminal_skip = checks.boolean(owner, "terminal_skip", terminal_skip)
        self._train_control = checks.boolean(owner, "train_control", train_control)
        self.rule = checks.one_of(owner, "rule", rule, RULES)
        self.iterated_integrals = checks.boolean(
            owner, "iterated_integrals", iterated_integrals
        )
        self.importance_sampling = checks.boolean(
            owner, "importance_sampling", importance_sampling
        )
        if scales is not None:
            if not isinstance(scales, (tuple, list)) or len(scales) != 2:
                received = f"scales={checks.describe(scales)}"
                raise checks.ArgumentError(
                    checks.message(owner, "scales", "a pair of numbers", received)
                )
            scales = tuple(
                checks.finite_float(owner, "scales", scale, above=0.0) for scale in scales
            )
        self.control = resolve_control(
            equation, self.grid, control, self.seed, self.dtype_policy
        )
        initial = initial_values(
            equation,
            self.grid,
            self.control,
            u0,
            z0,
            scales,
            terminal_skip,
            self.seed,
            self.dtype_policy,
        )
        # The `Start` of a sample of paths; None in a model that was loaded.
        self.start = initial.start
        self.terminal_skip = initial.skip
        # The origin of the weights, so that a loaded model need not sample again.
        self._initial = {
            "u0": float(initial.u0),
            "z0": np.asarray(initial.z0, "float64").tolist(),
            "scales": [float(initial.u_scale), float(initial.z_scale)],
        }
        for name, shape in (("u0", ()), ("z0", (equation.noise_dim,))):
            weight = self.add_weight(
                shape=shape, initializer="zeros", name=name, autocast=False
            )
            setattr(self, f"_{name}", weight)
        self.build()

    @property
    def u0(self):
        """The present u(0, x0), a scalar Tensor."""
        return self._initial["u0"] + self._initial["scales"][0] * tf.convert_to_tensor(
            self._u0
        )

    @property
    def z0(self):
        """The present sigma^T grad u(0, x0), a Tensor `[noise_dim]`."""
        start = ops.convert_to_tensor(self._initial["z0"], self.variable_dtype)
        return start + self._initial["scales"][1] * tf.convert_to_tensor(self._z0)

    @property
    def approximation(self):
        """The model as an `Approximation`, which the estimate reads."""
        return NetworkApproximation(self)

    def set_u0(self, value):
        """Sets u0, for example to a better estimate of it (`estimate_u0`)."""
        value = checks.finite_float("GlobalModel.set_u0", "value", value)
        with self.distribute_strategy.scope():
            self._u0.assign((value - self._initial["u0"]) / self._initial["scales"][0])

    @property
    def train_control(self):
        return self._train_control

    @train_control.setter
    def train_control(self, value):
        self._train_control = checks.boolean("GlobalModel", "train_control", value)
        self._apply_train_control()

    def _apply_train_control(self):
        if self.control is not None:
            self.control.trainable = self._train_control
        if self.terminal_skip is not None:
            self.terminal_skip.trainable = self._train_control

    def build(self, input_shape=None):
        if self.control is not None:
            check_control(self.control, self.equation, self.grid, self.variable_dtype)
        # Loading restores the weights; the config names those that are frozen.
        if not self._train_control:
            self._apply_train_control()

    def call(self, inputs, training=False):
        u, _ = self.trajectory(inputs, training=training)
        return u[:, -1]

    def trajectory(self, inputs, training=False):
        """Every u_n and z_n along given paths.

        Args:
            inputs: the tuple (x, dw, t), as in a call of the model.
            training: bool.

        Returns:
            The pair (u, z): u `[batch, N + 1, 1]`, z `[batch, N, noise_dim]`.
        """
        x, dw, t = validated_inputs(self, inputs)
        z = self._control_path(t, x, training)
        u0 = ops.cast(self.u0, x.dtype)
        iterated = None
        if self.iterated_integrals:
            iterated = self._iterated_integrals(t, x, dw, z)
        u = forward_recursion(self.equation, t, x, dw, u0, z, self.rule, iterated)
        return u, z[:, :-1]

    def _iterated_integrals(self, t, x, dw, z):
        """`iterated_integrals_of_z` of every step, `[batch, N, 1]`, without derivatives."""

        def flat(value):
            return ops.reshape(value, (-1, value.shape[-1]))

        t, x, dw, z = (tf.stop_gradient(value) for value in (t, x, dw, z))
        dt = flat(t[:, 1:] - t[:, :-1])
        # The increments of the step before (at first, of the last), scaled to this step.
        other = tf.roll(dw / ops.sqrt(t[:, 1:] - t[:, :-1]), 1, axis=1)
        other = flat(other) * ops.sqrt(dt) * (self.num_steps > 1)
        states, along = probes(
            self.equation, flat(t[:, :-1]), dt, flat(x[:, :-1]), flat(z[:, :-1]), other
        )
        states = ops.reshape(states, (-1, self.num_steps, self.equation.dim))
        # The probes are four more paths, of which z at x0 is not read.
        states = ops.concatenate([states[:, :1], states], axis=1)
        z = self._control_path(ops.tile(t, (4, 1, 1)), states, training=False)[:, 1:]
        noise = iterated_integrals_of_z(dt, along, flat(tf.stop_gradient(z)), flat(dw))
        return ops.reshape(noise, (-1, self.num_steps, 1))

    def z(self, t, x):
        """The control at grid times: constant on [t_n, t_{n+1}), as the recursion uses.

        Args:
            t: float, or Tensor `[batch, 1]`. Times in [0, T]; T itself takes the last
                step's, as any later time does, and a negative time the first step's.
            x: Tensor `[batch, dim]`, or `[dim]` for all times. States. At t < t_1 the
                state is x0 and z is z0.

        Returns:
            z = sigma^T grad u, `[batch, noise_dim]`.
        """
        if tf.executing_eagerly():
            return z_at_points(self, t, x)
        # In a graph, whose times are unknown, all times are computed.
        slack = 1e-6 * self.grid[-1]
        inner = ops.convert_to_tensor(self.grid[1:-1] - slack, "float64")
        index = ops.sum(ops.cast(t, "float64") >= inner[None, :], axis=1)
        x = ops.cast(x, self.variable_dtype)
        repeated = ops.repeat(x[:, None, :], self.num_steps + 1, axis=1)
        times = ops.convert_to_tensor(self.grid[None, :, None], x.dtype)
        times = times + ops.zeros_like(repeated[:, :, :1])
        z = self._control_path(times, repeated, training=False)
        return tf.gather(z, index, batch_dims=1)

    def _control_path(self, t, x, training):
        """z_n for n = 0, ..., N, `[batch, N + 1, noise_dim]`."""
        z0 = ops.zeros_like(x[:, :1, :1]) + ops.cast(self.z0, x.dtype)
        inner, dim = self.num_steps - 1, self.equation.dim
        # Only what is read is computed, because the gradient of g may be expensive.
        last = ops.zeros_like(z0)
        if self.rule != "left" or self.iterated_integrals:
            last = self._terminal(t[:, -1], x[:, -1])[1][:, None]
        if self.control is None:
            return ops.concatenate([z0, last], axis=1)
        t, x = t[:, 1:-1], x[:, 1:-1]
        g = gradient = None
        if self._reads_terminal:
            g, gradient = self._terminal(ops.reshape(t, (-1, 1)), ops.reshape(x, (-1, dim)))
            g = ops.reshape(g, (-1, inner, 1))
            gradient = ops.reshape(gradient, (-1, inner, self.equation.noise_dim))
        terminal = (g, gradient) if self.control.uses_terminal else ()
        z = ops.cast(self.control(t, x, *terminal, training=training), x.dtype)
        if self.terminal_skip is not None:
            z = z + ops.cast(self.terminal_skip(t, g, gradient), x.dtype)
        return ops.concatenate([z0, z, last], axis=1)

    @property
    def _reads_terminal(self):
        return self.terminal_skip is not None or self.control.uses_terminal

    @property
    def fixed_times(self):
        """Whether a network, or a function a_n of the skip, belongs to each grid time."""
        parts = [part for part in (self.control, self.terminal_skip) if part is not None]
        return any(part.num_times is not None for part in parts)

    def _terminal(self, t, x):
        """g and sigma^T grad g; an infinite slope at a single point counts as none."""
        g, gradient = self.equation.terminal_and_z(t, x)
        return g, ops.where(ops.isfinite(gradient), gradient, 0.0)

    def z_at(self, index, t, x):
        """z at one time in (0, T] for all paths, as `estimate_u0` reads it.

        Args:
            index: int Tensor. Which inner time, from 0; read where a network belongs to
                each time, and N - 1 stands for T.
            t: Tensor `[batch, 1]`. The time, the same for all paths. At T, z is the
                terminal gradient.
            x: Tensor `[batch, dim]`.

        Returns:
            Tensor `[batch, noise_dim]`.
        """
        g, gradient = self._terminal(t, x)
        if self.control is None:
            return gradient
        index = ops.minimum(index, self.num_steps - 2)
        z = ops.cast(self.control.at_time(index, t, x, g, gradient), x.dtype)
        if self.terminal_skip is not None:
            z = z + ops.cast(self.terminal_skip.at(index, t, g, gradient), x.dtype)
        last = t > (1 - 1e-6) * ops.cast(self.grid[-1], t.dtype)
        return ops.where(last, gradient, z)

    def train_step(self, data):
        logs = super().train_step(self._driven(data))
        return {**logs, "u0": self.u0}

    def test_step(self, data):
        return super().test_step(self._driven(data))

    def _driven(self, data):
        """The batch, or with `importance_sampling` its noise on paths of the control."""
        if not self.importance_sampling:
            return data
        inputs, _, weight = keras.utils.unpack_x_y_sample_weight(data)
        _, noise, t = validated_inputs(self, inputs)
        x, dw, du_du0 = controlled_paths(self, t, noise)
        weight = 1 / du_du0[:, 0] if weight is None else weight / du_du0[:, 0]
        return (x, dw, t), self.equation.terminal(x[:, -1]), weight

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "equation": serialize(self.equation),
            "num_steps": None,
            "grid": self.grid.tolist(),
            "control": None if self.control is None else serialize(self.control),
            "terminal_skip": serialize(self.terminal_skip) if self.terminal_skip else False,
            "train_control": self.train_control,
            "rule": self.rule,
            "iterated_integrals": self.iterated_integrals,
            "importance_sampling": self.importance_sampling,
            **self._initial,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        if None in (config.get("u0"), config.get("z0"), config.get("scales")):
            # Nothing is sampled for a config, because its sizes cannot be trusted.
            raise checks.ArgumentError(
                checks.message(
                    "GlobalModel.from_config",
                    "config",
                    "one of `get_config`, with u0, z0 and scales",
                    f"config of {sorted(config)}",
                )
            )
        for name in ("equation", "control", "terminal_skip"):
            config[name] = registered.deserialize("GlobalModel.from_config", config[name])
        return cls(**config)
