"""A dense layer with a derivative that is written out."""

import keras
from keras import ops

from kerasmodels._support import checks, memory
from kerasmodels._support.batches import CheckedBatches
from kerasmodels.by_hand.activations import ACTIVATIONS
from kerasmodels.by_hand.mistakes import MISTAKES


@keras.saving.register_keras_serializable(package="kerasmodels")
class HandDense(CheckedBatches, keras.layers.Layer):
    """a = activation(x W + b), with its backward pass.

        forward     z = x W + b                  a = h(z)
        backward    dz = da h'(z)                dx = dz W^T
                    dW = x^T dz                  db = sum over the batch of dz

    da is dL/da, and so on. By its transpose the product x^T dz sums over the batch. With
    `l2` the loss gains l2 sum W^2 (half of it with `half_l2`), and dW gains 2 l2 W (l2 W).

    Args:
        units: int.
        activation: "identity", "relu", "sigmoid", "tanh", "softmax", or
            "unshifted_softmax", which overflows.
        use_bias: bool.
        kernel_initializer, bias_initializer: as in `keras.layers.Dense`.
        l2: float >= 0. Weight of the penalty on W; b has none.
        half_l2: bool. Whether the penalty is l2 / 2 sum W^2.
        mistake: None or a name of `MISTAKES`, a wrong line for the backward pass.

    Call arguments:
        x: Tensor `[batch, features]`.

    Output shape:
        `[batch, units]`.

    Raises:
        ValueError: an argument or the input is not of the form above.
    """

    def __init__(
        self,
        units,
        activation="identity",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        l2=0.0,
        half_l2=False,
        mistake=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        owner = type(self).__name__
        if self.activity_regularizer is not None:
            raise checks.ArgumentError(
                checks.message(
                    owner,
                    "activity_regularizer",
                    "left out: the backward pass has no line for it",
                    checks.describe(self.activity_regularizer),
                )
            )
        self.units = checks.positive_int(owner, "units", units)
        self.activation = checks.one_of(owner, "activation", activation, ACTIVATIONS)
        self.use_bias = checks.boolean(owner, "use_bias", use_bias)
        self.kernel_initializer = checks.initializer(
            owner, "kernel_initializer", kernel_initializer
        )
        self.bias_initializer = checks.initializer(
            owner, "bias_initializer", bias_initializer
        )
        self.l2 = checks.finite_float(owner, "l2", l2, at_least=0.0)
        self.half_l2 = checks.boolean(owner, "half_l2", half_l2)
        if mistake is not None:
            checks.one_of(owner, "mistake", mistake, MISTAKES)
        self.mistake = mistake

    def check_x(self, x):
        self.check_shape(x.shape)

    def check_shape(self, x_shape):
        """Raises ValueError if a shape is not that of a batch of its features."""
        features = self.kernel.shape[0] if self.built else "features"
        shape = tuple(x_shape)
        if (
            len(shape) != 2
            or shape[-1] is None
            or 0 in shape
            or (self.built and shape[-1] != features)
        ):
            raise checks.ArgumentError(
                checks.message(
                    type(self).__name__,
                    "x",
                    f"of shape (batch, {features}), not empty",
                    f"shape {shape}",
                )
            )

    def build(self, x_shape):
        self.check_shape(x_shape)
        shape = (x_shape[-1], self.units)
        memory.fits(
            type(self).__name__,
            "units",
            shape[0] * shape[1],
            self.variable_dtype,
            f"a kernel of {shape[0]} by {shape[1]}",
            "Take fewer units or features.",
        )
        self.kernel = self.add_weight(
            shape=shape,
            initializer=self.kernel_initializer,
            # Keras adds it to every loss; `kernel_gradient` has its derivative.
            regularizer=self.penalty if self.l2 else None,
            name="kernel",
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(self.units,), initializer=self.bias_initializer, name="bias"
            )

    def call(self, x):
        return self.forward(x)[0]

    def forward(self, x):
        """The pair (a, cache): the output, and the values that `backward` needs."""
        x = ops.cast(ops.convert_to_tensor(x), self.compute_dtype)
        # The kernel is read once, because with several steps per execution TensorFlow would
        # not order a second reading, in `backward`, before the assignment that follows.
        kernel = ops.cast(ops.convert_to_tensor(self.kernel), x.dtype)
        z = ops.matmul(x, kernel)
        if self.bias is not None:
            z = z + ops.cast(self.bias, x.dtype)
        a = ACTIVATIONS[self.activation].forward(z)
        # For a cross-entropy, which is exact only if it has the logits.
        a._hand_logits = (self.activation, z)
        return a, (x, z, a, kernel)

    def backward(self, cache, upstream, fused=False, first=False):
        """The pair (dL/dx, [dL/dW, dL/db]) from dL/da.

        Args:
            cache: from `forward`.
            upstream: Tensor `[batch, units]`. dL/da, or with `fused` dL/dz.
            fused: bool.
            first: bool. Whether the layer is the first, whose dL/dx is not needed and None.
        """
        x, z, a, kernel = cache
        dz = upstream if fused else self.activation_gradient(z, a, upstream)
        gradients = [self.kernel_gradient(x, dz, kernel)]
        if self.bias is not None:
            gradients.append(self.bias_gradient(x, dz))
        return None if first else self.input_gradient(x, dz, kernel), gradients

    def activation_gradient(self, z, a, upstream):
        """dL/dz, `[batch, units]`."""
        return self._line("activation_gradient")(self, z, a, upstream)

    def kernel_gradient(self, x, dz, kernel):
        """dL/dW, `[features, units]`, the penalty included."""
        gradient = self._line("kernel_gradient")(self, x, dz)
        if self.l2:
            factor = (1 if self.half_l2 else 2) * self.l2
            gradient = gradient + factor * kernel
        return gradient

    def bias_gradient(self, x, dz):
        """dL/db, `[units]`."""
        return self._line("bias_gradient")(self, x, dz)

    def input_gradient(self, x, dz, kernel):
        """dL/dx, `[batch, features]`."""
        return self._line("input_gradient")(self, x, dz, kernel)

    def _line(self, name):
        return MISTAKES.get(self.mistake, {}).get(name, _RIGHT[name])

    def penalty(self, kernel):
        """The penalty in the loss. (Keras's own L2 computes in float32.)"""
        return (0.5 if self.half_l2 else 1.0) * self.l2 * ops.sum(ops.square(kernel))

    def compute_output_shape(self, x_shape):
        return (*x_shape[:-1], self.units)

    def get_config(self):
        serialize = keras.initializers.serialize
        return {
            **super().get_config(),
            "units": self.units,
            "activation": self.activation,
            "use_bias": self.use_bias,
            "kernel_initializer": serialize(self.kernel_initializer),
            "bias_initializer": serialize(self.bias_initializer),
            "l2": self.l2,
            "half_l2": self.half_l2,
            "mistake": self.mistake,
        }


_RIGHT = {
    "activation_gradient": lambda layer, z, a, upstream: ACTIVATIONS[
        layer.activation
    ].backward(z, a, upstream),
    "kernel_gradient": lambda layer, x, dz: ops.matmul(ops.transpose(x), dz),
    "bias_gradient": lambda layer, x, dz: ops.sum(dz, axis=0),
    "input_gradient": lambda layer, x, dz, kernel: ops.matmul(dz, ops.transpose(kernel)),
}
