"""The global network: u0, z0, a control process, and the forward recursion."""

import dataclasses

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from kerasmodels import _checks
from kerasmodels.bsde import export as export_module
from kerasmodels.bsde.control import PerStepControl, TerminalSkip, make_control
from kerasmodels.bsde.equation import Equation
from kerasmodels.bsde.inputs import validated_inputs
from kerasmodels.bsde.paths import as_time_grid, tile_times
from kerasmodels.bsde.recursion import forward_recursion
from kerasmodels.bsde.start import estimate_start


@keras.saving.register_keras_serializable(package="kerasmodels")
class GlobalModel(keras.Model):
    """The deep BSDE network: maps forward paths to u_N, to be matched to g(x_N).

        u[0] = u0,    z[0] = z0,    z[n] = control(t[n], x[n])
        u[n+1] = u[n] - f(t[n], x[n], u[n], z[n]) dt[n] + z[n] . dW[n]

    u0 and z0 are trainable, and so is the control process unless `train_control` is
    False. Fitted so that u[N] meets g(x[N]) in mean square, u0 is u(0, x0) up to the
    error of the time grid. With `terminal_skip`

        z[n] = a_n(g(x[n])) sigma^T grad g(x[n]) + control(t[n], x[n])

    where a_n is a tiny trainable function that starts near 1 (`TerminalSkip`): the
    control process then has only the difference to learn, small in most problems.

    Some texts write the recursion with `+ f dt`; their f is minus our driver.

    Reference: E, Han, Jentzen (2017), https://doi.org/10.1007/s40304-017-0117-6

    Args:
        equation: `Equation`.
        t: int or sequence of floats. Number of equal time steps N, or the N + 1 grid
            times from 0 to the terminal time.
        control: "stacked" (default), "per-step" or "shared" for a fresh control process
            of the default architecture; or a control process; or a list of N - 1 Keras
            models, one per inner time. With N = 1 there are no inner times and the
            control process is not used.
        terminal_skip: bool or `TerminalSkip`. Whether sigma^T grad g is added.
        train_control: bool. False freezes the control process (and a_n): only u0 and
            z0 train. It may be set later, which freezes or thaws every network of the
            control process; compile again afterwards.
        u0: None or float. Start of u0; None is the mean of g(x_N) over a sample.
        z0: None or `dim` floats. Start of z0; None is the mean of sigma^T grad g(x_N).
        seed: int. Seed of the initial weights and of that sample.

    Call arguments:
        inputs: the tuple (x, dw, t): x `[batch, N + 1, dim]`; dw `[batch, N, dim]`,
            variance dt; t `[batch, N + 1, 1]`, or `[N + 1]` for all paths alike.
        training: bool.

    Output shape:
        u_N, `[batch, 1]`.

    Raises:
        ValueError: an argument or an input is not of the form above. Inputs with NaN or
            infinite values are refused too; for a data set, whose values are seen only
            inside the graph, by a `tf.errors.InvalidArgumentError`, which XLA
            (`jit_compile=True`) leaves out.
    """

    def __init__(
        self,
        equation,
        t=20,
        control="stacked",
        terminal_skip=False,
        train_control=True,
        u0=None,
        z0=None,
        seed=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.equation = _checks.instance("GlobalModel", "equation", equation, Equation)
        self.grid = as_time_grid("GlobalModel", equation, t)
        self.num_steps = len(self.grid) - 1
        self.seed = _checks.seed_int("GlobalModel", seed)
        for name, value in (
            ("terminal_skip", terminal_skip),
            ("train_control", train_control),
        ):
            allowed = bool if name == "train_control" else (bool, TerminalSkip)
            if not isinstance(value, allowed):
                raise _checks.ArgumentError(
                    _checks.message(
                        "GlobalModel", name, "True or False", f"{name}={value!r}"
                    )
                )
        # What a sample of paths said before training; None in a model that was loaded.
        self.start = None
        self.control = self._resolve_control(control)
        u0, z0, self.terminal_skip = self._start(u0, z0, terminal_skip)
        self.u0 = self.add_weight(shape=(), initializer="zeros", name="u0")
        self.z0 = self.add_weight(shape=(equation.dim,), initializer="zeros", name="z0")
        # Assigned, because an initializer would round them to float32.
        self.u0.assign(u0)
        self.z0.assign(z0)
        # What the weights started from, so that a loaded model need not sample again.
        self._initial = {"u0": float(u0), "z0": np.asarray(z0, "float64").tolist()}
        self._train_control = bool(train_control)
        self.build()

    def _resolve_control(self, control):
        num_times = self.num_steps - 1
        if num_times == 0:
            return None
        if isinstance(control, str):
            return make_control(
                control,
                num_times,
                self.equation.dim,
                dtype=self.dtype_policy,
                seed=self.seed,
            )
        if isinstance(control, (list, tuple)):
            control = PerStepControl(control, dtype=self.dtype_policy)
        if not isinstance(control, keras.layers.Layer):
            raise _checks.ArgumentError(
                _checks.message(
                    "GlobalModel",
                    "control",
                    'a control process, a list of Keras models, or one of "stacked", '
                    '"per-step", "shared"',
                    f"control={_checks.describe(control)}",
                )
            )
        expected = getattr(control, "num_times", None)
        if expected not in (None, num_times):
            raise _checks.ArgumentError(
                f"`GlobalModel` steps over {self.num_steps} intervals, so its control "
                f"process needs {num_times} networks, one per inner time. Received: "
                f"{expected}."
            )
        dim = getattr(control, "dim", self.equation.dim)
        if dim != self.equation.dim:
            raise _checks.ArgumentError(
                f"`GlobalModel` solves an equation in dimension {self.equation.dim}. "
                f"Received a control process for dimension {dim}."
            )
        return control

    def _start(self, u0, z0, skip):
        """Where u0, z0 and the skip start; standardises a fresh control process."""
        fresh = self.control is not None and not getattr(self.control, "standardized", True)
        if z0 is not None:
            z0 = _checks.point("GlobalModel", "z0", z0, self.equation.dim)
        if u0 is not None:
            u0 = _checks.finite_float("GlobalModel", "u0", u0)
        wants_skip = skip is True and self.num_steps > 1
        if isinstance(skip, TerminalSkip) and skip.num_times != self.num_steps - 1:
            raise _checks.ArgumentError(
                f"`GlobalModel` steps over {self.num_steps} intervals, so its "
                f"`terminal_skip` needs {self.num_steps - 1} inner times. Received: "
                f"{skip.num_times}."
            )
        if u0 is None or z0 is None or fresh or wants_skip:
            start = estimate_start(self.equation, self.grid, self.seed, self.variable_dtype)
            self.start = dataclasses.replace(start, x_inner=None)
            u0 = start.u0 if u0 is None else u0
            z0 = start.z0 if z0 is None else z0
            if fresh:
                times = tile_times(self.grid[1:-1], len(start.x_inner))
                self.control.standardize(times, start.x_inner, start.z_scale)
            if wants_skip:
                skip = TerminalSkip(
                    self.num_steps - 1,
                    seed=self.seed,
                    mean=start.u0,
                    scale=start.g_std or 1.0,
                    dtype=self.dtype_policy,
                )
        return u0, z0, skip if isinstance(skip, TerminalSkip) else None

    @property
    def train_control(self):
        return self._train_control

    @train_control.setter
    def train_control(self, value):
        self._train_control = bool(value)
        self._apply_train_control()

    def _apply_train_control(self):
        if self.control is not None:
            self.control.trainable = self._train_control
        if self.terminal_skip is not None:
            self.terminal_skip.trainable = self._train_control

    def build(self, input_shape=None):
        self._build_control()
        # Loading restores weights, not what is frozen: that is a matter of the config.
        if not self._train_control:
            self._apply_train_control()

    def _build_control(self):
        """Builds and calls the control process, so that one that cannot work is named."""
        if self.control is None:
            return
        times, dim = self.num_steps - 1, self.equation.dim
        shape = (1, times, dim)
        t = tile_times(self.grid[1:-1], 1, self.compute_dtype)
        try:
            if not self.control.built:
                self.control.build((None, times, 1), (None, times, dim))
            received = tuple(self.control(t, ops.ones(shape, self.compute_dtype)).shape)
        except Exception as error:
            raise _checks.ArgumentError(
                "`GlobalModel` cannot call its control process on t of shape "
                f"{tuple(t.shape)} and x of shape {shape}: {error} A model of one time "
                "step, `[batch, dim]` -> `[batch, dim]`, belongs in a list of "
                f"{self.num_steps - 1}."
            ) from error
        if received != shape:
            raise _checks.ArgumentError(
                f"`GlobalModel` expects its control process to return z of shape {shape} "
                f"for x of that shape. Received: {received}."
            )

    def call(self, inputs, training=False):
        u, _ = self.trajectory(inputs, training=training)
        return u[:, -1]

    def trajectory(self, inputs, training=False):
        """Every u_n and z_n along given paths.

        Args:
            inputs: the tuple (x, dw, t), as in a call of the model.
            training: bool.

        Returns:
            The pair (u, z): u `[batch, N + 1, 1]`, z `[batch, N, dim]`.
        """
        x, dw, t = validated_inputs(self, inputs)
        z = self._control_path(t, x, training)
        u = forward_recursion(self.equation, t, x, dw, ops.cast(self.u0, x.dtype), z)
        return u, z

    def z(self, t, x):
        """The control at grid times: constant on [t_n, t_{n+1}), as the recursion uses.

        Args:
            t: Tensor `[batch, 1]`. Times in [0, T]; T itself takes the last step's, as
                any later time does, and a negative time the first step's.
            x: Tensor `[batch, dim]`. States. At t < t_1 the state is x0 and z is z0.

        Returns:
            z = sigma^T grad u, `[batch, dim]`.
        """
        x = ops.convert_to_tensor(x, self.compute_dtype)
        t = ops.convert_to_tensor(t)
        if tuple(t.shape[1:]) != (1,) or tuple(x.shape[1:]) != (self.equation.dim,):
            raise _checks.ArgumentError(
                "`GlobalModel.z` expects t of shape (batch, 1) and x of shape (batch, "
                f"{self.equation.dim}). Received: t.shape={tuple(t.shape)}, "
                f"x.shape={tuple(x.shape)}."
            )
        # A grid time that went through float32 must not fall into the step before it.
        slack = 1e-6 * self.grid[-1]
        inner = ops.convert_to_tensor(self.grid[1:-1] - slack, "float64")
        index = ops.sum(ops.cast(t, "float64") >= inner[None, :], axis=1)
        repeated = ops.repeat(x[:, None, :], self.num_steps + 1, axis=1)
        times = ops.convert_to_tensor(self.grid[None, :, None], x.dtype)
        times = times + ops.zeros_like(repeated[:, :, :1])
        z = self._control_path(times, repeated, training=False)
        return tf.gather(z, index, batch_dims=1)

    def _control_path(self, t, x, training):
        """z_n for n = 0, ..., N - 1, `[batch, N, dim]`."""
        z0 = ops.zeros_like(x[:, :1]) + ops.cast(self.z0, x.dtype)
        if self.control is None:
            return z0
        t, x = t[:, 1:-1], x[:, 1:-1]
        z = ops.cast(self.control(t, x, training=training), x.dtype)
        if self.terminal_skip is not None:
            dim, inner = self.equation.dim, self.num_steps - 1
            g, gradient = self.equation.terminal_and_z(
                ops.reshape(t, (-1, 1)), ops.reshape(x, (-1, dim))
            )
            z = z + self.terminal_skip(
                ops.reshape(g, (-1, inner, 1)), ops.reshape(gradient, (-1, inner, dim))
            )
        return ops.concatenate([z0, z], axis=1)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        # A target of another shape would broadcast against u_N without a word.
        if y is None or tuple(y.shape[1:]) != (1,):
            received = "nothing" if y is None else f"shape {tuple(y.shape)}"
            raise _checks.ArgumentError(
                _checks.message(
                    "GlobalModel",
                    "y",
                    "the terminal values g(x_N) of shape (batch, 1)",
                    received,
                    "`equation.terminal(x[:, -1])` computes them.",
                )
            )
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def train_step(self, data):
        logs = super().train_step(data)
        return {**logs, "u0": ops.convert_to_tensor(self.u0)}

    def fit(self, x=None, y=None, *args, **kwargs):
        """As `keras.Model.fit`, on a data set or on arrays ((x, dw, t), g(x_N))."""
        if isinstance(x, tf.data.Dataset):
            # Fresh paths need no shuffling, and Keras warns that it cannot.
            kwargs.setdefault("shuffle", False)
        return super().fit(self._checked_arrays(x, y), y, *args, **kwargs)

    def evaluate(self, x=None, y=None, *args, **kwargs):
        """As `keras.Model.evaluate`, on a data set or on arrays."""
        return super().evaluate(self._checked_arrays(x, y), y, *args, **kwargs)

    def predict(self, x, *args, **kwargs):
        """As `keras.Model.predict`, on a data set or on arrays."""
        return super().predict(self._checked_arrays(x), *args, **kwargs)

    def _checked_arrays(self, inputs, y=None):
        """Arrays are checked before Keras wraps them; data sets, batch by batch."""
        if not isinstance(inputs, (tuple, list)):
            return inputs
        x, dw, t = validated_inputs(self, inputs)
        if y is not None and not np.all(np.isfinite(np.asarray(y))):
            raise _checks.ArgumentError(
                _checks.message("GlobalModel", "y", "finite", "NaN or infinite values")
            )
        return x, dw, t

    def export(self, filepath, format="tf_saved_model", **kwargs):
        """Writes a SavedModel that runs without this package.

        Signatures: `serving_default` (x, dw, t) -> u_N; `u0` () -> u0 and z0; `z`
        (t, x) -> z at any grid time. The batch size is free. Other formats go to
        `keras.Model.export`.

        Args:
            filepath: str or path. The folder to write.
            format: str. "tf_saved_model", or another format of Keras.
            **kwargs: passed on to Keras.
        """
        if format != "tf_saved_model" or kwargs.get("input_signature") is not None:
            return super().export(filepath, format=format, **kwargs)
        return export_module.export_saved_model(self, filepath, **kwargs)

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "equation": serialize(self.equation),
            "t": self.grid.tolist(),
            "control": None if self.control is None else serialize(self.control),
            "terminal_skip": serialize(self.terminal_skip) if self.terminal_skip else False,
            "train_control": self.train_control,
            **self._initial,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        for name in ("equation", "control", "terminal_skip"):
            config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)
