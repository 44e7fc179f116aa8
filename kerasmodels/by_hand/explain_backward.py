"""A table of the lines of a backward pass, with their shapes and sums."""

from kerasmodels._support import checks
from kerasmodels.by_hand.network import HandNetwork


def explain_backward(model, x, y):
    """Every line of the backward pass with its shapes, as text.

    Args:
        model: `HandNetwork`, compiled.
        x, y: one batch.

    Returns:
        str: a table, one line per product, from the output to the input.

    Raises:
        ValueError: the model is no `HandNetwork`, or is not compiled with a `HandLoss`.
    """
    checks.instance("explain_backward", "model", model, HandNetwork)
    x, _ = model.check_batch("explain_backward", x, y)
    fused = model.loss.fused
    output, caches = model.forward(x)
    loss = type(model.loss).__name__
    lines = [
        f"batch of {output.shape[0]}; {loss} of the output {_size(output)}",
        f"{'layer':>7}  {'line':20} {'shapes':34} what it does",
    ]
    for number, layer in reversed(list(enumerate(model.stack, 1))):
        x, z, *_ = caches[number - 1]
        n, m, batch = x.shape[-1], z.shape[-1], z.shape[0]
        rows = [
            ("dz = da h'(z)", f"{_size(z)}", f"through {layer.activation}, entry by entry"),
            (
                "dW = x^T dz",
                f"({n}x{batch}) ({batch}x{m}) -> {n}x{m}",
                f"the transpose makes the product sum over the {batch} samples",
            ),
        ]
        if layer.activation.endswith("softmax"):
            rows[0] = (
                "dz = a (da - a . da)",
                f"{_size(z)}",
                "every output moves every input of a softmax",
            )
        if number == len(model.stack) and layer.activation in fused:
            rows[0] = ("dz = a - y", f"{_size(z)}", f"{layer.activation} and loss cancel")
        if layer.use_bias:
            rows.append(("db = sum of dz", f"{_size(z)} -> {m}", "over the samples"))
        if number > 1:
            rows.append(
                (
                    "dx = dz W^T",
                    f"({batch}x{m}) ({m}x{n}) -> {batch}x{n}",
                    f"the weights carry the error back to layer {number - 1}",
                )
            )
        lines += [f"{number:7d}  {line:20} {size:34} {what}" for line, size, what in rows]
    return "\n".join(lines)


def _size(value):
    return "x".join(str(n) for n in value.shape)
