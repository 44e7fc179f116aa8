"""A process that solves again and again does not fill up."""

import gc
import json
import pathlib
import sys

import keras
import numpy as np
import pytest

from kerasmodels import bsde
from kerasmodels._support import memory
from tests.test_experiments import load

BENCHMARKS = pathlib.Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
soak = load(BENCHMARKS / "soak.py")


def operations():
    """Operations of TensorFlow's graphs that are alive."""
    gc.collect()
    return sum(type(thing).__name__ == "Operation" for thing in gc.get_objects())


def test_solve_leaves_no_graph_behind():
    counts = []
    for k in (0, 4):
        # The same equation: what is made once per equation may stay.
        soak.solve(k)
        counts.append(operations())
    # A training step has 1,900, and TensorFlow kept them: 10 MiB.
    assert counts[1] - counts[0] < 5, counts


@pytest.mark.slow
def test_soak_runs(tmp_path):
    results = soak.main(["--quick", "--out", str(tmp_path)])
    assert json.loads((tmp_path / "soak.json").read_text()) == results
    assert len(results["memory_mib"]) == 3 and min(results["memory_mib"]) > 100
    assert "| solves | 1 |" in (tmp_path / "soak.md").read_text()


def test_variables_leave_no_memory_behind():
    """TensorFlow keeps 0.03 MB for each name of a variable unless it is told not to."""

    def make():
        for _ in range(300):
            keras.Variable(1.0)
        memory.release()
        return soak.resident()

    before = [make() for _ in range(3)][-1]
    assert make() - before < 3


def test_sum_over_one_replica_is_left_out_without_a_trace(tmp_path):
    def trained(own):
        model = bsde.GlobalModel(bsde.HJB(3), num_steps=4, seed=1)
        model.compile(keras.optimizers.Adam(0.1), loss="mse")
        if own:
            # As Keras has it.
            model.make_train_function = lambda force=False: keras.Model.make_train_function(
                model, force
            )
        data = bsde.path_dataset(model.equation, 8, num_steps=4, num_batches=5)
        model.fit(data, verbose=0)
        return model

    ours, plain = trained(False), trained(True)
    for a, b in zip(ours.get_weights(), plain.get_weights()):
        np.testing.assert_array_equal(a, b)
    ours.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert type(loaded.optimizer) is keras.optimizers.Adam
    assert loaded.optimizer.learning_rate == plain.optimizer.learning_rate


def test_growth_is_that_after_the_warm_up():
    # 100 MiB of start, then 1 MiB per solve, on 1000.
    memory = [500.0] * 40 + [1000.0 + k for k in range(160)]
    assert 0.12 < soak.growth(memory) < 0.15
    assert soak.growth([500.0] * 40 + [1000.0] * 160) == 0
