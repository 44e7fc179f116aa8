"""What cannot fit into memory is refused before it is made, with its size in words."""

import re
import time

import keras
import numpy as np
import pytest

from kerasmodels import (
    bsde,
    by_hand,
    descent,
    losses,
    miniflow,
    neurons,
    recurrent,
    segmentation,
)
from kerasmodels._support import checks, memory

HEAT = bsde.Heat(2)
LABELS = np.zeros((1, 2, 2), int)


def model():
    return bsde.GlobalModel(HEAT, num_steps=3, control="shared", u0=1.0, z0=0.0)


# One size makes the call impossible on any machine. (argument, call of that size)
CALLS = {
    "time_grid": ("num_steps", lambda n: bsde.time_grid(1.0, n)),
    "tile_times": ("batch_size", lambda n: bsde.tile_times([0.0, 1.0], n)),
    "Heat": ("dim", lambda n: bsde.Heat(n)),
    "BlackScholesBarenblatt": ("dim", lambda n: bsde.BlackScholesBarenblatt(n)),
    "sample_paths, paths": (
        "batch_size",
        lambda n: bsde.sample_paths(HEAT, n, 0, num_steps=3),
    ),
    "sample_paths, steps": (
        "num_steps",
        lambda n: bsde.sample_paths(HEAT, 2, 0, num_steps=n),
    ),
    "path_dataset": ("batch_size", lambda n: bsde.path_dataset(HEAT, n, num_steps=3)),
    "z_samples": ("num_paths", lambda n: bsde.z_samples(HEAT, n, num_steps=3)),
    "baseline": ("num_steps", lambda n: bsde.baseline(HEAT, n)),
    "is_exchangeable": ("num_points", lambda n: bsde.is_exchangeable(HEAT, n)),
    "check_equation": ("num_points", lambda n: bsde.check_equation(HEAT, n)),
    "ZSubnet, dim": ("hidden", lambda n: bsde.ZSubnet(n)),
    "ZSubnet, width": ("hidden", lambda n: bsde.ZSubnet(2, hidden=[n])),
    "SharedControl": ("hidden", lambda n: bsde.SharedControl(2, hidden=[n, n])),
    "StackedControl": ("hidden", lambda n: bsde.StackedControl(n, 2)),
    "PerStepControl": ("num_times", lambda n: bsde.PerStepControl.fresh(n, 2)),
    "ExchangeableControl": ("width", lambda n: bsde.ExchangeableControl(2, [0.5], n)),
    "TerminalSkip": ("width", lambda n: bsde.TerminalSkip(3, n)),
    "GlobalModel": ("num_steps", lambda n: bsde.GlobalModel(HEAT, num_steps=n)),
    "estimate_u0, paths": ("num_paths", lambda n: bsde.estimate_u0(model(), n)),
    "estimate_u0, chunk": (
        "chunk_size",
        lambda n: bsde.estimate_u0(model(), 8, chunk_size=n),
    ),
    "estimate_u0, steps": ("num_steps", lambda n: bsde.estimate_u0(model(), 8, n)),
    "solve, paths": ("batch_size", lambda n: bsde.solve(HEAT, num_steps=3, batch_size=n)),
    "solve, steps": ("num_steps", lambda n: bsde.solve(HEAT, num_steps=n)),
    "solve, width": ("hidden", lambda n: bsde.solve(HEAT, num_steps=3, hidden=[n])),
    "HandDense": ("units", lambda n: by_hand.HandDense(n)(np.ones((2, 3)))),
    "dense_network": ("units", lambda n: by_hand.dense_network([n, 3], ["relu"])),
    "line_data": ("points", lambda n: descent.line_data(points=n)),
    "MeanDice": ("num_classes", lambda n: losses.MeanDice(n)),
    "generalized_dice_weights": (
        "num_classes",
        lambda n: losses.generalized_dice_weights(LABELS, n),
    ),
    "Regression": ("hidden", lambda n: miniflow.Regression(3, n)),
    "Regression.fit": (
        "batch_size",
        lambda n: miniflow.Regression(1).fit(np.ones((3, 1)), np.ones((3, 1)), 1, n),
    ),
    "LinearUnit": ("units", lambda n: neurons.LinearUnit(n)(np.ones((2, 3)))),
    "sequence": ("length", lambda n: recurrent.sequence(1.0, n)),
    "windows": ("count", lambda n: recurrent.windows(n, 3)),
    "SequenceLSTM": ("units", lambda n: recurrent.SequenceLSTM(n)),
    "roll_out": ("steps", lambda n: recurrent.SequenceLSTM(2).roll_out(np.ones((1, 3)), n)),
    "UNet, width": ("depth", lambda n: segmentation.UNet(2, width=n)),
    "UNet, depth": ("depth", lambda n: segmentation.UNet(2, depth=n)),
    "place_digits": (
        "side",
        lambda n: segmentation.place_digits(np.ones((1, 2, 2)), [0], n),
    ),
    "segmented_digits": ("side", lambda n: segmentation.segmented_digits(n)),
    "spheres": ("side", lambda n: segmentation.spheres(1, n)),
    "spheres, volumes": ("side", lambda n: segmentation.spheres(n, 12)),
}


@pytest.mark.parametrize("size", [10**14, 10**30], ids=["10^14", "10^30"])
def test_huge_sizes_are_refused_with_the_memory_they_would_need(size):
    for name, (argument, call) in CALLS.items():
        begin = time.thread_time()
        with pytest.raises(checks.ArgumentError) as refused:
            call(size)
        assert time.thread_time() - begin < 1.0, name
        text = str(refused.value)
        assert f"`{argument}`" in text and "Received: " in text, name
        assert re.search(r"would need [\d.e+]+ (GB|TB|PB) for ", text), text


def test_what_the_issue_names_is_refused_on_a_machine_of_16_gb(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 16 * 10**9)
    with pytest.raises(ValueError, match="would need 32 GB for x0, a state"):
        bsde.HJB(dim=10**9)
    with pytest.raises(ValueError, match="`num_steps`.* would need 24 GB"):
        bsde.time_grid(1.0, 10**9)
    with pytest.raises(ValueError, match="`batch_size`.* would need 112 TB for paths"):
        bsde.sample_paths(HEAT, 10**12, 0, num_steps=3)
    # The default network of two layers of d + 10 is what grows first.
    with pytest.raises(ValueError, match="`hidden`.* would need 12 TB"):
        bsde.ZSubnet(10**6)


def test_an_ordinary_call_is_refused_where_nothing_is_left(monkeypatch):
    for name in ("sample_paths, paths", "time_grid", "ZSubnet, dim", "Heat"):
        call = CALLS[name][1]
        with monkeypatch.context() as patch:
            call(3)
            patch.setattr(memory, "available", lambda: 10)
            with pytest.raises(
                ValueError, match="for the 10 bytes of memory that are left"
            ):
                call(3)
            # Where nothing says how much there is, nothing is refused.
            patch.setattr(memory, "available", lambda: None)
            call(3)


def test_sizes_in_words():
    assert memory.in_words(999) == "999 bytes"
    assert memory.in_words(1000) == "1 kB"
    assert memory.in_words(80 * 10**9) == "80 GB"
    assert memory.in_words(1.5e15) == "1.5 PB"
    assert memory.in_words(10**400) == "1e+285 PB"


def test_the_memory_that_is_left_is_that_of_a_machine():
    assert 10**7 < memory.available() < 10**16


def test_memory_is_read_where_there_is_no_proc(monkeypatch):
    def nowhere(path, *args, **kwargs):
        raise FileNotFoundError(str(path))

    monkeypatch.setattr(memory.pathlib.Path, "read_text", nowhere)
    assert 10**7 < memory.available() < 10**16
    monkeypatch.setattr(memory.os, "sysconf", nowhere)
    assert memory.available() is None


def test_a_container_has_what_its_limit_leaves(monkeypatch):
    files = {"/proc/meminfo": "MemTotal: 9 kB\nMemAvailable:   2000 kB\n"}
    monkeypatch.setattr(memory.pathlib.Path, "read_text", lambda path: files[str(path)])
    files["/sys/fs/cgroup/memory.max"] = "max\n"
    assert memory.available() == 2_048_000
    files["/sys/fs/cgroup/memory.max"] = "1000000\n"
    assert memory.available() == 1_000_000


def test_one_path_of_a_large_equation_still_works():
    # A hundred thousand dimensions are a few megabytes.
    x, dw = bsde.sample_paths(bsde.Heat(100_000), 1, 0, num_steps=2)
    assert x.shape == (1, 3, 100_000) and keras.ops.all(keras.ops.isfinite(dw))
