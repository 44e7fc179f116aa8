"""A graph of this package as a Keras model with the same weights."""

import keras

from kerasmodels._support import checks
from kerasmodels.miniflow.graph import topological_sort
from kerasmodels.miniflow.nodes import Input, Linear, Node, Parameter, Sigmoid


def to_keras(output, shapes, dtype="float64"):
    """A `keras.Model` that computes a node.

    Each `Linear` on `Parameter`s becomes a `Dense` layer, one for all nodes that share both
    parameters; each `Sigmoid` becomes an activation. The loss is not part of the model:
    `compile(loss="mse")` is `MSE`.

    Args:
        output: `Node`, made of `Linear` and `Sigmoid` over `Input`s.
        shapes: dict from `Input` to its number of features.
        dtype: "float32" or "float64".

    Returns:
        A functional `keras.Model`; its inputs are in the order of `shapes`.

    Raises:
        ValueError: a node has no counterpart in Keras, or an argument is not of the form
            above.
    """
    owner = "to_keras"
    checks.instance(owner, "output", output, Node)
    checks.instance(owner, "shapes", shapes, dict)
    for node, features in shapes.items():
        checks.instance(owner, "shapes", node, Input)
        checks.positive_int(owner, "shapes", features)
    dtype = checks.float_type(owner, checks.instance(owner, "dtype", dtype, str))
    tensors, layers = {}, {}
    names = [node.name for node in shapes]
    for node, features in shapes.items():
        # Keras refuses equal names.
        name = node.name if names.count(node.name) == 1 else None
        tensors[node] = keras.Input((features,), dtype=dtype, name=name)
    for node in topological_sort(output):
        if node in tensors or isinstance(node, Parameter):
            continue
        if isinstance(node, Sigmoid) and node.inputs[0] in tensors:
            tensors[node] = keras.layers.Activation("sigmoid", dtype=dtype)(
                tensors[node.inputs[0]]
            )
            continue
        x, *parameters = node.inputs if isinstance(node, Linear) else (None, None)
        if x not in tensors or not all(isinstance(p, Parameter) for p in parameters):
            raise checks.ArgumentError(
                checks.message(
                    "to_keras",
                    "output",
                    "made of Sigmoid, and Linear on Parameters, over the Inputs of shapes",
                    repr(node),
                )
            )
        features = len(parameters[0].value)
        if tensors[x].shape[1] != features:
            expected = f"such that the input of {node!r} has {features} features"
            received = f"{tensors[x].shape[1]}"
            raise checks.ArgumentError(checks.message(owner, "shapes", expected, received))
        key = tuple(parameters)
        if key not in layers:
            layers[key] = keras.layers.Dense(parameters[0].value.shape[1], dtype=dtype)
            layers[key].build(tensors[x].shape)
            layers[key].set_weights([p.value for p in parameters])
        tensors[node] = layers[key](tensors[x])
    if output not in tensors or output in shapes:
        raise checks.ArgumentError(
            checks.message(owner, "output", "made of the inputs of shapes", repr(output))
        )
    inputs = [tensors[node] for node in shapes]
    return keras.Model(inputs[0] if len(inputs) == 1 else inputs, tensors[output])
