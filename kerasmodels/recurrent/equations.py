"""One step of a GRU, LSTM or simple recurrent cell, written out gate by gate.

The classes hold arrays and functions and know no Keras layer but the one whose weights
they read. Each lists the readings of its equations that people get wrong as `mistakes`:
functions that return the same step with one thing changed, or None where the change makes
no sense.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
from keras import ops


@dataclasses.dataclass(frozen=True)
class Equations:
    """What the three cells share: `blocks` weight blocks of `units` columns, side by side.

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

    def per_block(self, name, order=None, change=lambda block: block):
        """The field `name` with its blocks reordered and changed one by one."""
        value = getattr(self, name)
        count = value.shape[-1] // self.units
        blocks = ops.split(value, count, axis=-1)
        return ops.concatenate([change(blocks[i]) for i in order or range(count)], axis=-1)

    def reordered(self, order):
        fields = [f.name for f in dataclasses.fields(self)]
        names = [n for n in fields if n.endswith("kernel") or n.endswith("bias")]
        return self.replace(**{n: self.per_block(n, order) for n in names})

    def without_bias(self):
        return self.replace(bias=ops.zeros_like(self.bias))

    def without_state(self):
        return self.replace(recurrent_kernel=ops.zeros_like(self.recurrent_kernel))

    def with_transposed_blocks(self):
        return self.replace(
            recurrent_kernel=self.per_block("recurrent_kernel", change=ops.transpose)
        )

    def without_activation(self):
        return self.replace(activation=keras.activations.linear)


def keras_2_hard_sigmoid(x):
    """clip(0.2 x + 0.5, 0, 1): the hard sigmoid of Keras 1 and 2. Keras 3 has x / 6."""
    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)


def with_gates(function):
    """The mistake of sending the gates through `function`, if they do not go there."""

    def change(step):
        if step.recurrent_activation == function:
            return None
        return step.replace(recurrent_activation=function)

    return change


GATE_MISTAKES = {
    "hard sigmoid for sigmoid": with_gates(keras.activations.hard_sigmoid),
    "hard sigmoid of Keras 2 for sigmoid": with_gates(keras_2_hard_sigmoid),
    "sigmoid for hard sigmoid": with_gates(keras.activations.sigmoid),
}
COMMON_MISTAKES = {
    "bias dropped": Equations.without_bias,
    "recurrent kernel transposed": Equations.with_transposed_blocks,
    "previous state left out": Equations.without_state,
}


@dataclasses.dataclass(frozen=True)
class GRUEquations(Equations):
    """A step of `keras.layers.GRUCell`; blocks in the order z, r, candidate.

        z = s(x W_z + b_z + h U_z + c_z)
        r = s(x W_r + b_r + h U_r + c_r)
        candidate = a(x W_h + b_h + r * (h U_h + c_h))      reset_after=True  (Keras)
        candidate = a(x W_h + b_h + (r * h) U_h)            reset_after=False
        h_new = z * h + (1 - z) * candidate

    z is the share of the old state that is *kept*. Cho et al. write it this way round too;
    Chung et al. (2014) and many texts exchange z and 1 - z.

    Sources: Cho et al. (2014), https://arxiv.org/abs/1406.1078 (reset before the product);
    `keras.layers.GRU` for `reset_after`.
    """

    recurrent_bias: Any
    recurrent_activation: Callable
    reset: str
    update_keeps_state: bool = True
    z_is_kept_share: bool = True

    quantities = ("z", "r", "candidate", "h")

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
        w_z, w_r, w_h = ops.split(self.kernel, 3, axis=-1)
        u_z, u_r, u_h = ops.split(self.recurrent_kernel, 3, axis=-1)
        b_z, b_r, b_h = ops.split(self.bias, 3)
        c_z, c_r, c_h = ops.split(self.recurrent_bias, 3)
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
        h = keep * h + (1 - keep) * candidate
        z = z if self.z_is_kept_share else 1 - z
        return {"z": z, "r": r, "candidate": candidate, "h": h}, (h,)

    def without_recurrent_bias(self):
        if not ops.any(self.recurrent_bias != 0):
            return None
        return self.replace(recurrent_bias=ops.zeros_like(self.recurrent_bias))

    mistakes = {
        "update gate swapped": lambda e: e.replace(update_keeps_state=False),
        "z as the share of the candidate (another convention, the same h)": (
            lambda e: e.replace(z_is_kept_share=False)
        ),
        "reset applied before instead of after the product": lambda e: (
            e.replace(reset="before") if e.reset == "after" else None
        ),
        "reset applied after instead of before the product": lambda e: (
            e.replace(reset="after") if e.reset == "before" else None
        ),
        "reset gate left out": lambda e: e.replace(reset="none"),
        "gate order r, z, candidate for z, r, candidate": lambda e: e.reordered([1, 0, 2]),
        "recurrent bias dropped": without_recurrent_bias,
        "bias dropped": lambda e: e.without_bias().replace(
            recurrent_bias=ops.zeros_like(e.recurrent_bias)
        ),
        **GATE_MISTAKES,
        "recurrent kernel transposed": Equations.with_transposed_blocks,
        "previous state left out of the gates": Equations.without_state,
        "activation of the candidate left out": Equations.without_activation,
    }


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

    quantities = ("i", "f", "candidate", "c", "o", "h")
    states = ("h", "c")

    @classmethod
    def from_cell(cls, cell, dtype):
        return cls(
            **cls.read(cell, dtype),
            recurrent_activation=cell.recurrent_activation,
            output_activation=cell.activation,
        )

    def __call__(self, x, states):
        h, c = states
        w_i, w_f, w_c, w_o = ops.split(self.kernel, 4, axis=-1)
        u_i, u_f, u_c, u_o = ops.split(self.recurrent_kernel, 4, axis=-1)
        b_i, b_f, b_c, b_o = ops.split(self.bias, 4)
        i = self.recurrent_activation(x @ w_i + h @ u_i + b_i)
        f = self.recurrent_activation(x @ w_f + h @ u_f + b_f)
        candidate = self.activation(x @ w_c + h @ u_c + b_c)
        c = f * c + i * candidate
        o = self.recurrent_activation(x @ w_o + h @ u_o + b_o)
        h = o * self.output_activation(c)
        values = {"i": i, "f": f, "candidate": candidate, "c": c, "o": o, "h": h}
        return values, (h, c)

    def without_forget_bias(self):
        ones = ops.ones_like(self.bias)
        forget = ones * ops.cast(
            ops.arange(self.bias.shape[0]) // self.units == 1, ones.dtype
        )
        return self.replace(bias=self.bias - forget)

    mistakes = {
        "input and forget gate swapped": lambda e: e.reordered([1, 0, 2, 3]),
        "gate order i, f, o, candidate for i, f, candidate, o": lambda e: e.reordered(
            [0, 1, 3, 2]
        ),
        "forget bias of one left out": without_forget_bias,
        "activation of the cell state left out": lambda e: e.replace(
            output_activation=keras.activations.linear
        ),
        **GATE_MISTAKES,
        **COMMON_MISTAKES,
        "activation of the candidate left out": Equations.without_activation,
    }


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

    def with_kernels_exchanged(self):
        if self.kernel.shape != self.recurrent_kernel.shape:
            return None
        return self.replace(kernel=self.recurrent_kernel, recurrent_kernel=self.kernel)

    mistakes = {
        **COMMON_MISTAKES,
        "kernel and recurrent kernel exchanged": with_kernels_exchanged,
        "activation left out": Equations.without_activation,
        "sigmoid for tanh": lambda e: e.replace(activation=keras.activations.sigmoid),
    }
