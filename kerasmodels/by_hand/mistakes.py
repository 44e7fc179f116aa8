"""Wrong lines of a backward pass, from public questions.

Each replaces one line of `HandDense`, or two. Some raise no error where two sizes happen to
be equal, and so go unnoticed; the others never raise one.
"""

from keras import ops

from kerasmodels.by_hand.activations import ACTIVATIONS


def _backward(layer, z, a, upstream):
    return ACTIVATIONS[layer.activation].backward(z, a, upstream)


def _twice(layer, z, a, upstream):
    return _backward(layer, a, ACTIVATIONS[layer.activation].forward(a), upstream)


def _softmax_by_entry(layer, z, a, upstream):
    if layer.activation.endswith("softmax"):
        return upstream * a * (1 - a)
    return _backward(layer, z, a, upstream)


MISTAKES = {
    # dz is (units, batch) in place of (batch, units): sizes fit only if both are equal.
    "batch and units swapped": {
        "activation_gradient": lambda layer, z, a, upstream: ops.transpose(
            _backward(layer, z, a, upstream)
        ),
    },
    "transpose left out": {
        "kernel_gradient": lambda layer, x, dz: ops.matmul(x, dz),
    },
    "product entry by entry": {
        "kernel_gradient": lambda layer, x, dz: x * dz,
    },
    # The gradient of the weights in place of the error that goes back through them.
    "input carries its own gradient": {
        "input_gradient": lambda layer, x, dz, kernel: ops.matmul(ops.transpose(x), dz),
    },
    # dz W for dz W^T: sizes fit only in a square layer.
    "kernel not transposed": {
        "input_gradient": lambda layer, x, dz, kernel: ops.matmul(dz, kernel),
    },
    # The derivative by the output in place of the one by the weight.
    "input left out": {
        "kernel_gradient": lambda layer, x, dz: ops.matmul(
            ops.transpose(ops.ones_like(x)), dz
        ),
    },
    # dL/dz = dL/da, which is right for the cross-entropy and for no other loss.
    "activation left out": {
        "activation_gradient": lambda layer, z, a, upstream: upstream,
    },
    # The derivative in terms of the output, a (1 - a), given the input: z (1 - z).
    "derivative taken at z": {
        "activation_gradient": lambda layer, z, a, upstream: _backward(
            layer, z, z, upstream
        ),
    },
    # The derivative in terms of the input, given the output: sigmoid'(a) for sigmoid'(z).
    "activation applied twice": {"activation_gradient": _twice},
    # For example (a - y) a (1 - a), where with the cross-entropy a - y is right.
    "derivative applied twice": {
        "activation_gradient": lambda layer, z, a, upstream: _backward(
            layer, z, a, _backward(layer, z, a, upstream)
        ),
    },
    # a (1 - a), the diagonal of the softmax's derivative, for all of it.
    "softmax entry by entry": {"activation_gradient": _softmax_by_entry},
    # y - a for a - y, so that the loss rises.
    "sign turned": {
        "activation_gradient": lambda layer, z, a, upstream: (
            -_backward(layer, z, a, upstream)
        ),
    },
    # The loss takes the mean over the batch, and the gradient divides by its size again.
    "averaged twice": {
        "kernel_gradient": lambda layer, x, dz: ops.matmul(
            ops.transpose(x), dz / ops.cast(ops.shape(dz)[0], dz.dtype)
        ),
        "bias_gradient": lambda layer, x, dz: ops.mean(dz, axis=0),
    },
    "bias averaged": {
        "bias_gradient": lambda layer, x, dz: ops.mean(dz, axis=0),
    },
    # A sum without its axis gives every unit the sum over all of them.
    "bias summed over the units too": {
        "bias_gradient": lambda layer, x, dz: ops.sum(dz) * ops.ones_like(dz[0]),
    },
}
