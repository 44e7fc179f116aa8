"""Backpropagation as a walk through a graph: forward in order, back in reverse.

The parts are Input, Linear, Sigmoid and MSE nodes, a topological sort, and gradients that
are added where a node is used more than once. The same network in Keras gives the same
gradients. About ten seconds.
"""

import _start  # noqa: F401

# isort: split
import time

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from kerasmodels import miniflow
from kerasmodels._scripts import command_line
from kerasmodels._support import files


def run(args):
    graph, feed, model = small_network(args.seed)
    before = graph.forward(feed)
    gradients = graph.backward()
    print(f"{'node, in order':18} {'value':>10} {'gradient':>10}")
    for node in graph.order:
        print(
            f"{node.name:18} {str(np.shape(graph.values[node])):>10} "
            f"{str(np.shape(gradients.get(node, 0.0))):>10}"
        )
    gap = against_keras(model, graph, gradients, feed)
    print(f"\nagainst Keras and automatic differentiation: {gap:.1e}")
    losses = [before]
    for _ in range(20 if args.quick else 200):
        graph.step(0.05)
        losses.append(graph.forward(feed))
        graph.backward()
    count = 100 if args.quick else 1000
    seconds = diamonds(count)
    print(f"{count} diamonds, 2^{count} paths: sorted in {seconds:.3f} s\n")
    return {
        "loss": [float(value) for value in losses],
        "gap": gap,
        "seed": args.seed,
    }


def small_network(seed):
    """3-5-1 with a sigmoid: (graph, feed, the same as a Keras model)."""
    network = miniflow.Regression(features=3, hidden=5, seed=seed)
    x = np.random.default_rng(seed).normal(size=(8, 3))
    feed = {network.x: x, network.y: x.sum(axis=1, keepdims=True)}
    return network.graph, feed, network.to_keras()


def against_keras(model, graph, gradients, feed):
    """Largest difference of the gradients of the parameters."""
    x, y = feed.values()
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(model(x) - y))
    found = tape.gradient(loss, model.trainable_variables)
    pairs = zip(graph.parameters, found, strict=True)
    return float(max(np.max(np.abs(gradients[p] - g.numpy())) for p, g in pairs))


def diamonds(count):
    """Seconds to sort a chain of diamonds, each of which doubles the number of paths."""
    node = miniflow.Input("x")
    for _ in range(count):
        node = miniflow.MSE(miniflow.Sigmoid(node), miniflow.Sigmoid(node))
    begin = time.perf_counter()
    miniflow.topological_sort(node)
    return time.perf_counter() - begin


def plot(result, path):
    """The graph with its values and gradients, and the loss."""
    figure = Figure(figsize=(11, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2.4, 1))
    graph, feed, _ = small_network(result["seed"])
    graph.forward(feed)
    graph.backward()
    miniflow.draw(graph, left)
    left.set(title="shape and root mean square: values in blue, gradients in red")
    right.semilogy(result["loss"])
    right.set(xlabel="step", ylabel="mean squared error", title="gradient descent")
    files.save_figure(figure, path)


def summary(result):
    first, last = result["loss"][0], result["loss"][-1]
    return f"loss {first:.4f} -> {last:.4f}; gradients within {result['gap']:.0e} of Keras"


def main(argv=None):
    return command_line.main("miniflow", __doc__, argv, run, plot, summary)


if __name__ == "__main__":
    main()
