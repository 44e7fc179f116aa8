"""A graph drawn with the values and gradients of its last run."""

import matplotlib.axes
import numpy as np

from kerasmodels._support import checks
from kerasmodels.miniflow.graph import Graph
from kerasmodels.miniflow.nodes import Input, Parameter


def layers_of(graph):
    """The column of each node in the drawing: one right of the rightmost of its inputs.

    Returns:
        dict from node to int. A node without inputs is one column left of its first user.
    """
    column = {}
    for node in graph.order:
        column[node] = 1 + max((column[below] for below in node.inputs), default=-1)
    for node in reversed(graph.order):
        users = [column[user] for user in graph.order if node in user.inputs]
        if not node.inputs and users:
            column[node] = min(users) - 1
    return column


def draw(graph, axes):
    """Draws a graph with its last values in blue and gradients in red.

    A number is drawn as it is, an array as its shape and root mean square.

    Args:
        graph: `Graph`, after `forward`, and after `backward` for the gradients.
        axes: matplotlib axes.

    Raises:
        ValueError: the graph has not run, or an argument is not of the form above.
    """
    checks.instance("draw", "graph", graph, Graph)
    if not graph.values:
        raise checks.ArgumentError(
            checks.message("draw", "graph", "one after `forward`", "one that never ran")
        )
    checks.instance("draw", "axes", axes, matplotlib.axes.Axes)
    column, places, count = layers_of(graph), {}, {}
    for node in graph.order:
        row = count.setdefault(column[node], 0)
        count[column[node]] += 1
        places[node] = np.array([column[node], -row - 0.35 * (column[node] % 2)], float)
    for node in graph.order:
        for below in node.inputs:
            axes.annotate(
                "",
                places[node] - [0.3, 0],
                places[below] + [0.3, 0],
                arrowprops={"arrowstyle": "->", "color": "gray"},
            )
    colors = {Input: "lightyellow", Parameter: "honeydew"}
    for node, (x, y) in places.items():
        axes.text(
            x,
            y,
            node.name,
            ha="center",
            va="center",
            bbox={
                "boxstyle": "round",
                "facecolor": colors.get(type(node), "white"),
                "edgecolor": "black",
            },
        )
        below = {"ha": "center", "va": "top", "fontsize": 7}
        axes.text(x, y - 0.2, _told(graph.values[node]), color="tab:blue", **below)
        if node in graph.gradients:
            axes.text(x, y - 0.38, _told(graph.gradients[node]), color="tab:red", **below)
    axes.set(xlim=(-0.6, max(column.values()) + 0.6), ylim=(-max(count.values()), 0.5))
    axes.axis("off")


def _told(value):
    """A number itself, an array as its shape and root mean square."""
    value = np.asarray(value)
    if value.ndim == 0:
        return f"{value:.3g}"
    size = np.sqrt(np.mean(value**2))
    return f"{'x'.join(map(str, value.shape))}, rms {size:.2g}"
