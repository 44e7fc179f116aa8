"""Values and gradients of small graphs, and what the usual versions get wrong."""

import json
import pathlib
import time

import numpy as np
import pytest

from kerasmodels import miniflow
from kerasmodels.miniflow import MSE, Graph, Input, Linear, Parameter, Sigmoid
from tests.by_hand.test_numbers import det

NUMBERS = json.loads((pathlib.Path(__file__).parent / "numbers.json").read_text())
CLOSE = {"rtol": 1e-9, "atol": 1e-12}


class Small:
    """3-5-1 with a sigmoid: nodes, graph and the numbers it is fed."""

    def __init__(self):
        self.x, self.y = Input("x"), Input("y")
        self.w1 = Parameter(det(3, 5, phase=20), "w1")
        self.b1 = Parameter(det(5, phase=40), "b1")
        self.w2 = Parameter(det(5, 1, phase=50), "w2")
        self.b2 = Parameter(det(1, phase=60), "b2")
        hidden = Sigmoid(Linear(self.x, self.w1, self.b1))
        self.output = Linear(hidden, self.w2, self.b2)
        self.graph = Graph(MSE(self.y, self.output))
        self.feed = {self.x: det(4, 3), self.y: det(4, 1, phase=70, scale=3)}


def test_numbers_that_were_derived_on_paper():
    net = Small()
    assert net.graph.forward(net.feed) == pytest.approx(NUMBERS["mse"], rel=1e-9)
    gradients = net.graph.backward()
    for node, key in (
        (net.w1, "gW1"),
        (net.b1, "gb1"),
        (net.w2, "gW2"),
        (net.b2, "gb2"),
        (net.x, "gX"),
        (net.y, "gy"),
    ):
        wanted = np.reshape(NUMBERS[key], gradients[node].shape)
        np.testing.assert_allclose(gradients[node], wanted, **CLOSE)
    net.graph.step(0.01)
    after = net.graph.forward(net.feed)
    assert after == pytest.approx(NUMBERS["loss_after_sgd_001"], rel=1e-9)


def differences(graph, feed, parameter):
    """Central differences of the loss by a parameter."""
    start, found = parameter.value, np.zeros_like(parameter.value)
    for place in np.ndindex(start.shape):
        values = []
        for sign in (1, -1):
            moved = start.copy()
            moved[place] += sign * 1e-6
            parameter.value = moved
            values.append(graph.forward(feed))
        found[place] = (values[0] - values[1]) / 2e-6
    parameter.value = start
    return found


def check_parameters(graph, feed):
    graph.forward(feed)
    gradients = dict(graph.backward())
    for parameter in graph.parameters:
        wanted = differences(graph, feed, parameter)
        np.testing.assert_allclose(gradients[parameter], wanted, rtol=1e-6, atol=1e-8)


def test_several_outputs_shared_nodes_and_one_used_twice():
    x, y = Input("x"), Input("y")
    # Square, so that the same parameter can serve two layers.
    w, b = Parameter(det(3, 3), "w"), Parameter(det(3, phase=9), "b")
    hidden = Sigmoid(Linear(x, w, b))
    output = Linear(hidden, w, b)
    check_parameters(Graph(MSE(y, output)), {x: det(4, 3), y: det(4, 3, phase=5)})
    # Both inputs of the loss are made of the same node, and one node is both of them.
    twice = MSE(hidden, Linear(hidden, w, b))
    check_parameters(Graph(twice), {x: det(4, 3)})
    same = Graph(MSE(hidden, hidden))
    assert same.forward({x: det(4, 3)}) == 0
    assert not np.any(same.backward()[w])


def test_integers_and_the_callers_arrays():
    start = np.ones((2, 1), dtype="int64")
    given = np.array([[1, 2], [3, 4], [5, 6]])
    x, y = Input("x"), Input("y")
    w, b = Parameter(start), Parameter(np.zeros(1, "int64"))
    graph = Graph(MSE(y, Linear(x, w, b)))
    graph.forward({x: given, y: np.array([[0], [1], [2]])})
    graph.backward()
    graph.step(0.01)
    assert w.value.dtype == "float64" and not np.any(w.value == 1)
    np.testing.assert_array_equal(start, 1)
    np.testing.assert_array_equal(given, [[1, 2], [3, 4], [5, 6]])


def test_sort_takes_linear_time_and_no_recursion():
    class Sum(miniflow.Node):
        def compute(self, *values):
            return sum(values)

        def pull_back(self, gradient, value, *values):
            return [gradient] * len(values)

    node = Parameter(1.0)
    first = node
    for _ in range(1000):
        # A diamond: twice as many paths each time.
        left, right = Sum(node), Sum(node)
        node = Sum(left, right)
    begin = time.process_time()
    graph = Graph(node)
    assert time.process_time() - begin < 1
    assert len(graph.order) == 3001 and graph.order[0] is first
    assert graph.forward() == 2.0**1000
    assert graph.backward()[first] == 2.0**1000


def test_sigmoid_does_not_overflow():
    x = Input("x")
    value = Graph(Sigmoid(x)).forward({x: np.array([-1e4, 0.0, 1e4])})
    np.testing.assert_array_equal(value, [0, 0.5, 1])


def test_keras_model_is_equal():
    net = Small()
    model = miniflow.to_keras(net.output, {net.x: 3})
    graph = Graph(net.output)
    expected = graph.forward({net.x: net.feed[net.x]})
    np.testing.assert_allclose(np.asarray(model(net.feed[net.x])), expected, rtol=1e-12)
    assert len(model.trainable_variables) == 4


def refusals():
    net = Small()
    circle = Sigmoid(net.x)
    circle.inputs = (circle,)
    return [
        (lambda: net.graph.forward({}), "`feed`"),
        (lambda: net.graph.forward({net.x: det(4, 2), net.y: det(4, 1)}), "(4, 2)"),
        (lambda: net.graph.forward({net.x: det(4, 3), net.y: det(4)}), "column"),
        (lambda: Graph(circle), "circle"),
        (lambda: Graph(3), "`outputs`"),
        (lambda: Sigmoid(3), "`inputs`"),
        (lambda: Parameter("a"), "`value`"),
        (lambda: Graph(net.output).backward(), "single number"),
        (lambda: miniflow.to_keras(MSE(net.y, net.output), {net.x: 3}), "`output`"),
    ]


@pytest.mark.parametrize("case", range(len(refusals())))
def test_bad_input_is_refused(case):
    call, match = refusals()[case]
    with pytest.raises(ValueError) as error:
        call()
    assert match in str(error.value)
