"""Gradients made of operations that ONNX and LiteRT have.

The gradients of TensorFlow hold operations of their own (`TanhGrad`, `StridedSliceGrad`,
`BroadcastGradientArgs`), which no other runtime has. `gradient` walks a graph backward and
takes the rules of the table here instead: the same numbers from sums, products and slices.
Shapes are those of the graph, in which the size of the batch alone may be unknown; so a
rule may not sum over the batch.

Where no rule fits an operation, it keeps the gradient of TensorFlow. Within `strictly()`,
as for a file of another runtime, such an operation is refused, if that gradient has
operations of its own.
"""

import contextlib
import contextvars

import numpy as np
import tensorflow as tf

from kerasmodels._support import checks

# Function (operation, gradient of its output) -> gradients of its inputs, by type. A rule
# for an operation of several outputs takes the list of their gradients.
_RULES, _OF_SEVERAL = {}, {}
# Operations of TensorFlow alone, by the ends of their names.
_FOREIGN = ("Grad", "BroadcastGradientArgs", "ConcatOffset", "DynamicStitch")
_STRICT = contextvars.ContextVar("strict", default=False)


class NoPlainGradient(checks.RunError):
    """An operation whose gradient has no form that another runtime could run."""


@contextlib.contextmanager
def strictly():
    """Refuses operations without a plain gradient, instead of taking TensorFlow's."""
    token = _STRICT.set(True)
    try:
        yield
    finally:
        _STRICT.reset(token)


def gradient(y, x, output_gradients=None):
    """sum(output_gradients . dy/dx) in a graph, `x.shape`; ones where they are None.

    Raises:
        NoPlainGradient: within `strictly()`, an operation between x and y has no plain
            gradient.
    """
    path = _between(x, y)
    first = tf.ones_like(y) if output_gradients is None else output_gradients
    found = {y.ref(): first}
    for op in reversed(path):
        of_outputs = [found.get(output.ref()) for output in op.outputs]
        if all(part is None for part in of_outputs):
            continue
        for tensor, part in zip(op.inputs, _of_inputs(op, of_outputs)):
            if part is not None:
                before = found.get(tensor.ref())
                found[tensor.ref()] = part if before is None else before + part
    return found.get(x.ref(), tf.zeros_like(x))


def value_and_gradient(function, x):
    """The pair (y, the gradient of the sum of y by x) of y = function(x)."""
    if tf.executing_eagerly():
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            y = function(x)
        return y, tape.gradient(y, x, unconnected_gradients="zero")
    x = tf.identity(x)
    y = function(x)
    return y, gradient(y, x)


def _between(x, y):
    """The operations from x to y, in the order in which they were made."""
    of_x, path = {x.ref()}, []
    for op in y.graph.get_operations():
        # The inputs of an operation are made before it.
        if any(tensor.ref() in of_x for tensor in op.inputs):
            of_x.update(tensor.ref() for tensor in op.outputs)
            path.append(op)
    return path


def _of_inputs(op, of_outputs):
    """The gradients of the inputs of an operation, None where it has none."""
    try:
        if op.type in _OF_SEVERAL:
            return _OF_SEVERAL[op.type](op, of_outputs)
        if op.type in _RULES:
            found = _RULES[op.type](op, of_outputs[0])
            return found if isinstance(found, tuple) else (found,)
    except NoPlainGradient:
        if _STRICT.get():
            raise
    return _of_tensorflow(op, of_outputs)


def _of_tensorflow(op, of_outputs):
    """The gradients of the inputs as TensorFlow gives them."""
    # Each tensor once, because the gradient of one that comes twice is the sum of both.
    inputs = list({tensor.ref(): tensor for tensor in op.inputs}.values())
    pairs = [pair for pair in zip(op.outputs, of_outputs) if pair[1] is not None]
    outputs, weights = zip(*pairs)
    count = len(op.graph.get_operations())
    found = tf.gradients(list(outputs), inputs, list(weights), stop_gradients=inputs)
    foreign = {
        new.type for new in op.graph.get_operations()[count:] if new.type.endswith(_FOREIGN)
    }
    if foreign and _STRICT.get():
        raise NoPlainGradient(
            f"The operation {op.type} has a gradient of {', '.join(sorted(foreign))}, "
            "which no other runtime has. Write it in other operations, or export a "
            "SavedModel."
        )
    once = dict(zip((tensor.ref() for tensor in inputs), found))
    # An input that comes a second time has no further gradient.
    return [once.pop(tensor.ref(), None) for tensor in op.inputs]


def _rule(*types):
    def register(function):
        _RULES.update(dict.fromkeys(types, function))
        return function

    return register


def _sizes(op, tensor):
    """The static shape of a tensor, with None for the batch alone."""
    shape = tensor.shape
    if shape.rank is None or shape.as_list().count(None) > 1:
        raise NoPlainGradient(
            f"The operation {op.type} has a result of the unknown shape {shape}, so that "
            "no other runtime has its gradient. Give sizes as numbers, the batch excepted."
        )
    return shape.as_list()


def _constant(op, tensor):
    """The value of a constant tensor."""
    value = tf.get_static_value(tensor)
    if value is None:
        raise NoPlainGradient(
            f"The operation {op.type} takes sizes or places that are computed, so that no "
            "other runtime has its gradient."
        )
    return value


def _like(op, grad, tensor):
    """`grad` in the shape of `tensor`, which has as many numbers."""
    sizes = _sizes(op, tensor)
    return tf.reshape(grad, [-1 if size is None else size for size in sizes])


def _summed(op, grad, tensor):
    """`grad` summed over the axes along which `tensor` was repeated."""
    own, full = _sizes(op, tensor), _sizes(op, grad)
    extra = len(full) - len(own)
    if extra:
        grad = tf.reduce_sum(grad, axis=list(range(extra)))
    axes = [k for k, size in enumerate(own) if size == 1 and full[k + extra] != 1]
    return tf.reduce_sum(grad, axis=axes, keepdims=True) if axes else grad


@_rule("Tanh")
def _tanh(op, grad):
    y = op.outputs[0]
    return grad * (1 - y * y)


@_rule("Sigmoid")
def _sigmoid(op, grad):
    y = op.outputs[0]
    return grad * y * (1 - y)


@_rule("Sqrt")
def _sqrt(op, grad):
    return grad * 0.5 / op.outputs[0]


@_rule("Rsqrt")
def _rsqrt(op, grad):
    y = op.outputs[0]
    return -0.5 * grad * y * y * y


@_rule("Reciprocal", "Inv")
def _reciprocal(op, grad):
    y = op.outputs[0]
    return -grad * y * y


@_rule("Relu")
def _relu(op, grad):
    return grad * tf.cast(op.inputs[0] > 0, grad.dtype)


@_rule("Softplus")
def _softplus(op, grad):
    return grad * tf.sigmoid(op.inputs[0])


@_rule("Elu")
def _elu(op, grad):
    y = op.outputs[0]
    return tf.where(y > 0, grad, grad * (y + 1))


def _pair(op, first, second):
    """The gradients of both arguments, each summed to its own shape."""
    x, y = op.inputs
    return _summed(op, first, x), _summed(op, second, y)


@_rule("AddV2", "Add")
def _add(op, grad):
    return _pair(op, grad, grad)


@_rule("Sub")
def _sub(op, grad):
    return _pair(op, grad, -grad)


@_rule("Mul")
def _mul(op, grad):
    x, y = op.inputs
    return _pair(op, grad * y, grad * x)


@_rule("RealDiv")
def _div(op, grad):
    x, y = op.inputs
    return _pair(op, grad / y, -grad * x / y / y)


@_rule("SquaredDifference")
def _squared_difference(op, grad):
    x, y = op.inputs
    both = 2 * grad * (x - y)
    return _pair(op, both, -both)


@_rule("Maximum")
def _maximum(op, grad):
    x, y = op.inputs
    first = tf.cast(x >= y, grad.dtype)
    return _pair(op, grad * first, grad * (1 - first))


@_rule("Minimum")
def _minimum(op, grad):
    x, y = op.inputs
    first = tf.cast(x <= y, grad.dtype)
    return _pair(op, grad * first, grad * (1 - first))


@_rule("Pow")
def _pow(op, grad):
    x, p = op.inputs
    of_x = grad * p * tf.pow(x, p - 1)
    if tf.get_static_value(p) is not None:
        return _summed(op, of_x, x), None
    logarithm = tf.math.log(tf.where(x > 0, x, tf.ones_like(x)))
    return _pair(op, of_x, grad * op.outputs[0] * logarithm)


@_rule("SelectV2")
def _select(op, grad):
    chosen, x, y = op.inputs
    zero = tf.zeros_like(grad)
    first, second = tf.where(chosen, grad, zero), tf.where(chosen, zero, grad)
    return None, _summed(op, first, x), _summed(op, second, y)


@_rule("BatchMatMulV2")
def _batch_matmul(op, grad):
    x, y = op.inputs
    of_x = {
        (False, False): lambda: tf.matmul(grad, y, transpose_b=True),
        (False, True): lambda: tf.matmul(grad, y),
        (True, False): lambda: tf.matmul(y, grad, transpose_b=True),
        (True, True): lambda: tf.matmul(y, grad, transpose_a=True, transpose_b=True),
    }
    of_y = {
        (False, False): lambda: tf.matmul(x, grad, transpose_a=True),
        (False, True): lambda: tf.matmul(grad, x, transpose_a=True),
        (True, False): lambda: tf.matmul(x, grad),
        (True, True): lambda: tf.matmul(grad, x, transpose_a=True, transpose_b=True),
    }
    turned = bool(op.get_attr("adj_x")), bool(op.get_attr("adj_y"))
    return _pair(op, of_x[turned](), of_y[turned]())


def _kept(op, value):
    """The result of a reduction, or its gradient, with the reduced axes of size 1."""
    sizes = _sizes(op, op.inputs[0])
    axes = np.atleast_1d(_constant(op, op.inputs[1])) % len(sizes)
    if any(sizes[k] is None for k in axes):
        raise NoPlainGradient(
            f"The operation {op.type} mixes the rows of a batch, so that no other runtime "
            "has its gradient."
        )
    kept = [1 if k in axes else -1 if n is None else n for k, n in enumerate(sizes)]
    count = int(np.prod([sizes[k] for k in axes]))
    return tf.reshape(value, kept), count


@_rule("Sum")
def _sum(op, grad):
    return _kept(op, grad)[0] + tf.zeros_like(op.inputs[0]), None


@_rule("Mean")
def _mean(op, grad):
    grad, count = _kept(op, grad)
    return grad / count + tf.zeros_like(op.inputs[0]), None


@_rule("Max", "Min")
def _extreme(op, grad):
    x = op.inputs[0]
    reached = tf.cast(tf.equal(x, _kept(op, op.outputs[0])[0]), grad.dtype)
    axes = [int(k) for k in np.atleast_1d(_constant(op, op.inputs[1]))]
    number = tf.reduce_sum(reached, axis=axes, keepdims=True)
    return _kept(op, grad)[0] * reached / number, None


@_rule("Reshape")
def _reshape(op, grad):
    return _like(op, grad, op.inputs[0]), None


@_rule("ExpandDims")
def _expand_dims(op, grad):
    return _like(op, grad, op.inputs[0]), None


@_rule("Squeeze")
def _squeeze(op, grad):
    return _like(op, grad, op.inputs[0])


@_rule("Transpose")
def _transpose(op, grad):
    return tf.transpose(grad, np.argsort(_constant(op, op.inputs[1])).tolist()), None


@_rule("BroadcastTo")
def _broadcast_to(op, grad):
    return _summed(op, grad, op.inputs[0]), None


@_rule("Tile")
def _tile(op, grad):
    sizes = _sizes(op, op.inputs[0])
    shape = []
    for multiple, size in zip(_constant(op, op.inputs[1]).tolist(), sizes):
        shape += [multiple, -1 if size is None else size]
    return tf.reduce_sum(tf.reshape(grad, shape), axis=list(range(0, len(shape), 2))), None


@_rule("ConcatV2")
def _concat(op, grad):
    *parts, axis = op.inputs
    axis = int(_constant(op, axis)) % grad.shape.rank
    sizes = [_sizes(op, part)[axis] for part in parts]
    if None in sizes:
        raise NoPlainGradient("A concatenation along the batch has no plain gradient.")
    return (*tf.split(grad, sizes, axis=axis), None)


def _parts(op, of_outputs):
    """The gradients of all outputs, with zeros for those that nothing reads."""
    return [
        tf.zeros_like(output) if part is None else part
        for output, part in zip(op.outputs, of_outputs)
    ]


def _split_v(op, of_outputs):
    axis = int(_constant(op, op.inputs[2]))
    return tf.concat(_parts(op, of_outputs), axis=axis), None, None


def _split(op, of_outputs):
    axis = int(_constant(op, op.inputs[0]))
    return None, tf.concat(_parts(op, of_outputs), axis=axis)


def _unpack(op, of_outputs):
    return (tf.stack(_parts(op, of_outputs), axis=op.get_attr("axis")),)


_OF_SEVERAL.update(SplitV=_split_v, Split=_split, Unpack=_unpack)


@_rule("GatherV2")
def _gather(op, grad):
    x, places, axis = op.inputs
    sizes = _sizes(op, x)
    axis, places = int(_constant(op, axis)) % len(sizes), _constant(op, places)
    if axis != len(sizes) - 1 or places.ndim > 1 or op.get_attr("batch_dims"):
        raise NoPlainGradient("Coordinates may be gathered along the last axis alone.")
    rows = np.eye(sizes[-1])[np.atleast_1d(places)]
    if places.ndim == 0:
        grad = tf.expand_dims(grad, -1)
    return tf.matmul(grad, tf.constant(rows, grad.dtype)), None, None


@_rule("StridedSlice")
def _strided_slice(op, grad):
    """The gradient of a slice, padded with zeros to the shape of the whole."""
    sizes = _sizes(op, op.inputs[0])
    before, after, kept = [], [], []
    for size, part in zip(sizes, _slices(op, len(sizes))):
        start, stop = (0, 0) if size is None else part.indices(size)[:2]
        if size is None and part != slice(None):
            raise NoPlainGradient("A slice of the batch has no plain gradient.")
        before.append(start)
        after.append(0 if size is None else size - max(stop, start))
        kept.append(-1 if size is None else max(stop - start, 0))
    grad = tf.reshape(grad, kept)
    return tf.pad(grad, list(zip(before, after))), None, None, None


def _slices(op, rank):
    """One slice per axis of the whole tensor; an index is a slice of length one."""
    begin, end, strides = (_constant(op, v).tolist() for v in op.inputs[1:])
    masks = {
        name: op.get_attr(f"{name}_mask")
        for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")
    }
    found = []
    spent = sum(not masks["new_axis"] >> k & 1 for k in range(len(begin)))
    for k, (first, last, stride) in enumerate(zip(begin, end, strides)):
        if masks["ellipsis"] >> k & 1:
            found += [slice(None)] * (rank - spent + 1)
        elif masks["new_axis"] >> k & 1:
            continue
        elif masks["shrink_axis"] >> k & 1:
            found.append(slice(first, None if first == -1 else first + 1))
        elif stride != 1:
            raise NoPlainGradient("A slice with a stride has no plain gradient.")
        else:
            first = None if masks["begin"] >> k & 1 else first
            found.append(slice(first, None if masks["end"] >> k & 1 else last))
    return found + [slice(None)] * (rank - len(found))
