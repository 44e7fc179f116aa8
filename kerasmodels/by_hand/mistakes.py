"""Wrong lines of a backward pass, as they are asked about: what to tell apart from right.

Each takes the place of one line of `HandDense`. Most run without an error only where two
sizes happen to be equal, and that is how they live on.
"""

from keras import ops

from kerasmodels.by_hand.activations import ACTIVATIONS

MISTAKES = {
    # dz is (units, batch) where (batch, units) is meant: sizes fit only if both are equal.
    "batch and units swapped": {
        "activation_gradient": lambda layer, z, a, upstream: ops.transpose(
            ACTIVATIONS[layer.activation].backward(z, a, upstream)
        ),
    },
    "transpose left out": {
        "kernel_gradient": lambda layer, x, dz: ops.matmul(x, dz),
    },
    "product entry by entry": {
        "kernel_gradient": lambda layer, x, dz: x * dz,
    },
    # The gradient of the weights, taken for what they carry back.
    "input carries its own gradient": {
        "input_gradient": lambda layer, x, dz, kernel: ops.matmul(ops.transpose(x), dz),
    },
    # The derivative by the output, taken for the one by the weight.
    "input left out": {
        "kernel_gradient": lambda layer, x, dz: ops.matmul(
            ops.transpose(ops.ones_like(x)), dz
        ),
    },
    # dL/dz = dL/da, which is right for the cross-entropy and for no other loss.
    "activation left out": {
        "activation_gradient": lambda layer, z, a, upstream: upstream,
    },
}
