"""A small graph of nodes with gradients."""

from kerasmodels.miniflow.drawing import draw
from kerasmodels.miniflow.graph import Graph, topological_sort
from kerasmodels.miniflow.keras_model import to_keras
from kerasmodels.miniflow.nodes import MSE, Input, Linear, Node, Parameter, Sigmoid
from kerasmodels.miniflow.regression import Regression, baselines
from kerasmodels.miniflow.tables import read_csv, split, table

__all__ = [
    "Graph",
    "Input",
    "Linear",
    "MSE",
    "Node",
    "Parameter",
    "Regression",
    "Sigmoid",
    "baselines",
    "draw",
    "read_csv",
    "split",
    "table",
    "to_keras",
    "topological_sort",
]
