"""Graph of nodes: values forward in topological order, gradients backward."""

import numpy as np

from kerasmodels._support import checks
from kerasmodels.miniflow.nodes import Input, Node, Parameter


def topological_sort(outputs):
    """Every node that the outputs need, each once and after its inputs.

    The search is depth first with an explicit stack: each edge is visited once, however
    many paths lead through it, and a long chain needs no recursion. The order is the same
    each time.

    Args:
        outputs: `Node` or a sequence of them.

    Returns:
        list of `Node`.

    Raises:
        ValueError: a node is among its own inputs.
    """
    owner = "topological_sort"
    outputs = [outputs] if isinstance(outputs, Node) else outputs
    if not isinstance(outputs, (list, tuple)) or not outputs:
        raise checks.ArgumentError(
            checks.message(
                owner,
                "outputs",
                "a `Node` or a list of them",
                f"outputs={checks.describe(outputs)}",
            )
        )
    order, done, open_nodes = [], set(), set()
    for output in outputs:
        stack = [(checks.instance(owner, "outputs", output, Node), 0)]
        while stack:
            node, position = stack.pop()
            if position == 0:
                if node in done:
                    continue
                open_nodes.add(node)
            if position < len(node.inputs):
                stack.append((node, position + 1))
                below = node.inputs[position]
                if below in open_nodes:
                    raise checks.ArgumentError(
                        checks.message(
                            owner,
                            "outputs",
                            "made without a circle",
                            f"{below!r}, which is among its own inputs",
                        )
                    )
                if below not in done:
                    stack.append((below, 0))
            else:
                open_nodes.discard(node)
                done.add(node)
                order.append(node)
    return order


class Graph:
    """Forward, backward and gradient descent over nodes.

    Args:
        *outputs: `Node`s. The first is the loss that `backward` differentiates.

    Attributes:
        order: list of `Node`, each after its inputs.
        parameters: list of `Parameter`, in that order.
        values, gradients: dicts from node to float64 array, of the last run.
    """

    def __init__(self, *outputs):
        if not outputs:
            raise checks.ArgumentError(
                checks.message("Graph", "outputs", "at least one `Node`", "none")
            )
        self.outputs = outputs
        self.order = topological_sort(outputs)
        self.parameters = [n for n in self.order if isinstance(n, Parameter)]
        self.values, self.gradients = {}, {}

    def forward(self, feed=None):
        """Computes every node.

        Args:
            feed: dict from `Input` to array of numbers, integers too.

        Returns:
            The value of the first output.

        Raises:
            ValueError: an input is missing, something else is fed, or shapes do not fit.
        """
        feed = checks.instance("Graph.forward", "feed", {} if feed is None else feed, dict)
        known = [node for node in self.order if isinstance(node, Input)]
        for node in feed:
            if node not in known:
                raise checks.ArgumentError(
                    checks.message(
                        "Graph.forward", "feed", f"among the inputs {known}", repr(node)
                    )
                )
        values = {}
        for node in self.order:
            if isinstance(node, Input):
                if node not in feed:
                    raise checks.ArgumentError(
                        checks.message(
                            "Graph.forward", "feed", f"to hold {node!r}", list(feed)
                        )
                    )
                values[node] = checks.finite_array("Graph.forward", "feed", feed[node])
            elif isinstance(node, Parameter):
                values[node] = node.value
            else:
                values[node] = node.compute(*(values[below] for below in node.inputs))
        self.values, self.gradients = values, {}
        return values[self.outputs[0]]

    def backward(self):
        """The derivative of the first output, a number, by every node that it depends on.

        Returns:
            A dict from node to an array of its shape.

        Raises:
            ValueError: nothing was computed yet, or the first output is no number.
        """
        loss = self.outputs[0]
        if loss not in self.values or np.ndim(self.values[loss]) != 0:
            received = np.shape(self.values[loss]) if self.values else "no forward pass"
            raise checks.ArgumentError(
                checks.message("Graph.backward", "outputs", "a single number", received)
            )
        gradients = {loss: np.float64(1.0)}
        for node in reversed(self.order):
            if node not in gradients or not node.inputs:
                continue
            inputs = [self.values[below] for below in node.inputs]
            pulled = node.pull_back(gradients[node], self.values[node], *inputs)
            # The gradient of a node with several users is the sum over its users.
            for below, gradient in zip(node.inputs, pulled):
                gradients[below] = gradients.get(below, 0.0) + gradient
        self.gradients = gradients
        return gradients

    def step(self, learning_rate):
        """Gradient descent: each parameter minus learning_rate times its gradient.

        Raises:
            ValueError: there are no gradients, because `backward` was not called first.
        """
        if not self.gradients:
            raise checks.ArgumentError(
                "`Graph.step` expects gradients. Received: none since the last `forward`. "
                "Call `backward` first."
            )
        rate = checks.finite_float("Graph.step", "learning_rate", learning_rate)
        for node in self.parameters:
            if node in self.gradients:
                node.value = node.value - rate * self.gradients[node]
