"""Shared code of the scripts that train a faulty network beside the corrected one."""

import numpy as np
from matplotlib.figure import Figure

from kerasmodels import by_hand
from kerasmodels._support import files

COLORS = {"as asked": "tab:red", "as fixed": "tab:blue"}


def run(args, name, more=None, quick_epochs=3):
    """Trains both variants of a recipe and prints how they differ.

    Args:
        args: the parsed arguments of the script.
        name: str. The name of the recipe.
        more: None or function (variants, args) -> dict of further results.
        quick_epochs: int. The number of epochs with --quick.

    Returns:
        A dict of plain values: `title`, `variants`, `more`.
    """
    recipe = by_hand.recipe(name)
    variants = by_hand.side_by_side(
        recipe, args.seed, min(quick_epochs, recipe.epochs) if args.quick else None
    )
    print(f"{recipe.title}\n")
    fixed = variants["as fixed"]
    x, y = fixed.train
    batch = min(len(x), recipe.batch_size or len(x))
    backward = by_hand.explain_backward(fixed.model, x[:batch], y[:batch])
    print(f"The backward pass:\n{backward}\n")
    labels = {"as asked": recipe.label, "as fixed": "as fixed"}
    for variant in variants.values():
        label = labels[variant.name]
        print(f"{label}: gradients before training\n{variant.report}")
        for when in ("before", "after"):
            for finding in getattr(variant, when):
                print(f"{when} training: {finding.name}. {finding.text}")
        if variant.failure:
            print(f"training stopped: {variant.failure[:200]}")
        elif variant.history["loss"]:
            print(f"loss {variant.history['loss'][0]:.4g} -> {_last(variant)}")
        if variant.test_accuracy is not None:
            print(f"accuracy on the test set {variant.test_accuracy:.3f}")
        print()
    return {
        "title": recipe.title,
        "labels": labels,
        "variants": {key: variant.to_dict() for key, variant in variants.items()},
        "more": {} if more is None else more(variants, args),
    }


def _last(variant):
    return f"{variant.history['loss'][-1]:.4g}"


def plot(result, path, panels=0, draw=None):
    """Draws the loss and accuracy of both variants, and further panels of the script.

    Args:
        result: dict, as `run` returns it.
        path: path of the figure.
        panels: int. The number of further panels.
        draw: None or function (list of axes, result) that draws the further panels.
    """
    variants = result["variants"]
    with_accuracy = any(v["test_accuracy"] is not None for v in variants.values())
    count = 1 + with_accuracy + panels
    # At most as wide as a page, because a page would shrink the letters of a wider figure.
    columns = count if count <= 3 else -(-count // 2)
    rows = -(-count // columns)
    width = 3.2 if columns > 2 else 4.2
    figure = Figure(figsize=(width * columns, 3.1 * rows), layout="constrained")
    axes = np.ravel(figure.subplots(rows, columns))
    for unused in axes[count:]:
        unused.set_axis_off()
    for name, variant in variants.items():
        history, label = variant["history"], result["labels"][name]
        style = {"color": COLORS[name], "label": label}
        loss = np.array(history["loss"], float)
        marker = "." if loss.size < 4 else None
        if not np.any(np.isfinite(loss)):
            ends = "the backward pass stops" if variant["failure"] else "loss is not finite"
            title = f"{label}:\n{ends}"
            axes[0].set_title(title, color=COLORS[name], fontsize="medium")
            continue
        axes[0].plot(history["epoch"], loss, marker=marker, **style)
        if with_accuracy:
            axes[1].plot(history["epoch"], history["accuracy"], marker=marker, **style)
    axes[0].set(xlabel="epoch", ylabel="loss", yscale="log")
    axes[0].legend(fontsize="small")
    if with_accuracy:
        axes[1].set(xlabel="epoch", ylabel="training accuracy", ylim=(0, 1.02))
    if draw is not None:
        draw(list(axes[1 + with_accuracy : count]), result)
    files.save_figure(figure, path)


def summary(result):
    """The last line of the script: the final accuracy or loss of each variant."""
    parts = []
    for key, variant in result["variants"].items():
        name = result["labels"][key]
        if variant["failure"]:
            parts.append(f"{name}: the backward pass stops")
        elif variant["test_accuracy"] is None:
            parts.append(f"{name}: loss {variant['history']['loss'][-1]:.3g}")
        else:
            parts.append(f"{name}: accuracy {variant['test_accuracy']:.3f}")
    return "; ".join(parts)


def decision_map(model, low, high, points=60, scale=lambda x: x):
    """The model's output over a square of two features, `[points, points, outputs]`.

    `scale` computes inputs from the two features; further inputs of the model are ones.
    """
    line = np.linspace(low, high, points)
    grid = np.stack([part.ravel() for part in np.meshgrid(line, line)], axis=1)
    features = model.stack[0].kernel.shape[0]
    ones = np.ones((len(grid), features - 2))
    inputs = np.concatenate([scale(grid), ones], axis=1)
    return np.asarray(model(inputs)).reshape(points, points, -1)


def draw_map(axes, values, low, high, title):
    """Draws a `decision_map`: the class, or the value of a single output from 0 to 1."""
    values = np.asarray(values)
    one = values.shape[-1] == 1
    shown = values[..., 0] if one else np.argmax(values, axis=-1)
    axes.imshow(
        shown,
        origin="lower",
        extent=(low, high, low, high),
        cmap="RdBu_r" if one else "Pastel1",
        vmin=0,
        vmax=1 if one else 8,
    )
    axes.set(title=title, xlabel="first input", ylabel="second input")
    if one:
        axes.figure.colorbar(axes.images[0], ax=axes, shrink=0.8)


def hidden_before(variant, count=200):
    """The first layer's activations before training, `[samples, units]`."""
    trained = variant.model.get_weights()
    variant.model.set_weights(variant.start)
    found = hidden(variant.model, variant.train[0][:count])
    variant.model.set_weights(trained)
    return found


def draw_hidden(axes, found):
    """Draws a histogram of the activations of each variant, from {name: list}."""
    bins = np.linspace(0, 1, 41)
    for name, color in COLORS.items():
        axes.hist(found[name], bins, color=color, alpha=0.6, label=name)
    axes.set(xlabel="hidden activation", ylabel="count", title="before training")
    axes.legend(fontsize="small")


def hidden(model, x, layer=0):
    """The activations of a layer, `[batch, units]`."""
    _, caches = model.forward(np.asarray(x, model.compute_dtype))
    return np.asarray(caches[layer][2])
