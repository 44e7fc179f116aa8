"""Equations of one step of a GRU, LSTM or simple recurrent cell, gate by gate.

The classes hold arrays and functions; `from_cell` reads them from a Keras cell. The arrays
may be tensors or NumPy arrays, because the equations use slices, sums and products alone.
`kerasmodels.recurrent.mistakes` lists common mistakes in these equations.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import scipy.special
from keras import ops


@dataclasses.dataclass(frozen=True)
class Equations:
    """The common part of the three cells: weight blocks of `units` columns, side by side.

    Attributes:
        kernel: `[features, blocks * units]`.
        recurrent_kernel: `[units, blocks * units]`.
        bias: `[blocks * units]`. Zero for a cell without biases.
        activation: function of the candidate.
    """

    kernel: Any
    recurrent_kernel: Any
    bias: Any
    activation: Callable

    quantities = ("h",)
    states = ("h",)
    gates = ()

    @property
    def units(self):
        return self.recurrent_kernel.shape[0]

    @classmethod
    def read(cls, cell, dtype):
        """The fields that every cell has, from a built Keras cell."""
        kernel = ops.cast(cell.kernel, dtype)
        bias = ops.zeros_like(kernel[0])
        if cell.use_bias:
            # A GRU with `reset_after` has two rows: input bias, recurrent bias.
            bias = ops.reshape(ops.cast(cell.bias, dtype), (-1, kernel.shape[1]))[0]
        return {
            "kernel": kernel,
            "recurrent_kernel": ops.cast(cell.recurrent_kernel, dtype),
            "bias": bias,
            "activation": cell.activation,
        }

    def replace(self, **changes):
        return dataclasses.replace(self, **changes)

    def blocks(self, name):
        """The field `name` cut into its blocks of `units` columns."""
        value, units = getattr(self, name), self.units
        count = value.shape[-1] // units
        return [value[..., k * units : (k + 1) * units] for k in range(count)]

    def fields(self, *ends):
        """The names of the fields that end in one of `ends`: "kernel", "bias"."""
        return [f.name for f in dataclasses.fields(self) if f.name.endswith(ends)]

    def in_numpy(self):
        """The same equations with NumPy arrays in place of tensors."""
        names = self.fields("kernel", "bias")
        return self.replace(**{n: ops.convert_to_numpy(getattr(self, n)) for n in names})

    def with_numpy_activations(self):
        """The same equations, whose activations take and return arrays of NumPy."""
        names = self.fields("activation")
        return self.replace(**{n: _numpy_function(getattr(self, n)) for n in names})


_NUMPY = [
    (keras.activations.sigmoid, scipy.special.expit),
    (keras.activations.tanh, np.tanh),
    (keras.activations.linear, lambda x: x),
    (keras.activations.relu, lambda x: np.maximum(x, 0.0)),
    (keras.activations.hard_sigmoid, lambda x: np.clip(x / 6 + 0.5, 0.0, 1.0)),
]


def _numpy_function(function):
    for known, fast in _NUMPY:
        if function is known:
            return fast
    return lambda x: ops.convert_to_numpy(function(ops.convert_to_tensor(x)))


@dataclasses.dataclass(frozen=True)
class GRUEquations(Equations):
    """A step of `keras.layers.GRUCell`; blocks in the order z, r, candidate.

        z = s(x W_z + b_z + h U_z + c_z)
        r = s(x W_r + b_r + h U_r + c_r)
        candidate = a(x W_h + b_h + r * (h U_h + c_h))      reset_after=True  (Keras)
        candidate = a(x W_h + b_h + (r * h) U_h)            reset_after=False
        h_new = z * h + (1 - z) * candidate

    z is the share of the old state that is *kept*, as in Cho et al.; Chung et al. (2014)
    and many texts exchange z and 1 - z.

    Sources: Cho et al. (2014), https://arxiv.org/abs/1406.1078 (reset before the product);
    `keras.layers.GRU` for `reset_after`.
    """

    recurrent_bias: Any
    recurrent_activation: Callable
    reset: str
    update_keeps_state: bool = True
    z_is_kept_share: bool = True
    candidate_is_weighted: bool = True
    state_is_kept: bool = True

    quantities = ("z", "r", "candidate", "h")
    gates = ("z", "r", "candidate")

    @classmethod
    def from_cell(cls, cell, dtype):
        fields = cls.read(cell, dtype)
        recurrent_bias = ops.zeros_like(fields["bias"])
        if cell.use_bias and cell.reset_after:
            recurrent_bias = ops.cast(cell.bias, dtype)[1]
        return cls(
            **fields,
            recurrent_bias=recurrent_bias,
            recurrent_activation=cell.recurrent_activation,
            reset="after" if cell.reset_after else "before",
        )

    def __call__(self, x, states):
        (h,) = states
        w_z, w_r, w_h = self.blocks("kernel")
        u_z, u_r, u_h = self.blocks("recurrent_kernel")
        b_z, b_r, b_h = self.blocks("bias")
        c_z, c_r, c_h = self.blocks("recurrent_bias")
        z = self.recurrent_activation(x @ w_z + b_z + h @ u_z + c_z)
        r = self.recurrent_activation(x @ w_r + b_r + h @ u_r + c_r)
        if self.reset == "after":
            memory = r * (h @ u_h + c_h)
        elif self.reset == "before":
            memory = (r * h) @ u_h + c_h
        else:
            memory = h @ u_h + c_h
        candidate = self.activation(x @ w_h + b_h + memory)
        keep = z if self.update_keeps_state else 1 - z
        weight = 1 - keep if self.candidate_is_weighted else 1
        h = (keep * h if self.state_is_kept else 0) + weight * candidate
        z = z if self.z_is_kept_share else 1 - z
        return {"z": z, "r": r, "candidate": candidate, "h": h}, (h,)


@dataclasses.dataclass(frozen=True)
class LSTMEquations(Equations):
    """A step of `keras.layers.LSTMCell`; blocks in the order i, f, candidate, o.

        i = s(x W_i + h U_i + b_i)        f = s(x W_f + h U_f + b_f)
        candidate = a(x W_c + h U_c + b_c)
        c_new = f * c + i * candidate
        o = s(x W_o + h U_o + b_o)        h_new = o * a(c_new)

    Keras starts b_f at one (`unit_forget_bias`).

    Source: Hochreiter and Schmidhuber (1997), https://doi.org/10.1162/neco.1997.9.8.1735,
    with the forget gate of Gers et al. (2000).
    """

    recurrent_activation: Callable
    output_activation: Callable
    output_of_new_cell_state: bool = True

    quantities = ("i", "f", "candidate", "c", "o", "h")
    states = ("h", "c")
    gates = ("i", "f", "candidate", "o")

    @classmethod
    def from_cell(cls, cell, dtype):
        return cls(
            **cls.read(cell, dtype),
            recurrent_activation=cell.recurrent_activation,
            output_activation=cell.activation,
        )

    def __call__(self, x, states):
        h, old = states
        w_i, w_f, w_c, w_o = self.blocks("kernel")
        u_i, u_f, u_c, u_o = self.blocks("recurrent_kernel")
        b_i, b_f, b_c, b_o = self.blocks("bias")
        i = self.recurrent_activation(x @ w_i + h @ u_i + b_i)
        f = self.recurrent_activation(x @ w_f + h @ u_f + b_f)
        candidate = self.activation(x @ w_c + h @ u_c + b_c)
        c = f * old + i * candidate
        o = self.recurrent_activation(x @ w_o + h @ u_o + b_o)
        h = o * self.output_activation(c if self.output_of_new_cell_state else old)
        values = {"i": i, "f": f, "candidate": candidate, "c": c, "o": o, "h": h}
        return values, (h, c)


@dataclasses.dataclass(frozen=True)
class SimpleRNNEquations(Equations):
    """A step of `keras.layers.SimpleRNNCell`.

        preactivation = x W + h U + b
        h_new = a(preactivation)

    Source: Elman (1990), https://doi.org/10.1207/s15516709cog1402_1.
    """

    quantities = ("preactivation", "h")

    @classmethod
    def from_cell(cls, cell, dtype):
        return cls(**cls.read(cell, dtype))

    def __call__(self, x, states):
        (h,) = states
        preactivation = x @ self.kernel + h @ self.recurrent_kernel + self.bias
        h = self.activation(preactivation)
        return {"preactivation": preactivation, "h": h}, (h,)
