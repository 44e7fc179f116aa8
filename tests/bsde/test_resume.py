"""A run that is stopped at any moment goes on, and ends like one that never was."""

import concurrent.futures
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasmodels import bsde
from kerasmodels.runs.progress import snapshot
from tests import processes
from tests.helpers import Hand

# Two rounds on a grid of three steps, in 48 points.
FLAGS = "--equation hjb --dim 10 --num-steps 3 --steps 240 --batch-size 64 "
FLAGS += "--num-paths 4096 --max-rounds 2 --tolerance 1e-9 --checkpoint-every 10"


def start(out, *flags):
    """A process of the script, with its streams beside `out`."""
    script = processes.ROOT / "experiments" / "bsde.py"
    flags = [*FLAGS.split(), "--out", out, *flags]
    return processes.script(out.parent / f"{out.name}-streams", script, *flags)


def finish(out, *flags):
    start(out, *flags).succeed()
    return ending(out)


def ending(out):
    """The numbers and the weights, optimizer included, of a finished run."""
    result = json.loads((out / "result.json").read_text())
    assert result["complete"] is True
    del result["seconds"]
    model = keras.saving.load_model(out / "model.keras")
    return result, snapshot(model)


def same(first, second):
    return first[0] == second[0] and all(
        a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(first[1], second[1])
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nobody stops."""
    return finish(tmp_path_factory.mktemp("whole") / "out")


def newest(out):
    """The step of the newest checkpoint, or 0."""
    kept = bsde.Checkpoints(out / "checkpoints").paths
    return int(kept[-1].name.removeprefix("step-")) if kept else 0


def test_killed_runs_end_bit_for_bit_like_the_whole_one(whole, tmp_path, request):
    kills = request.config.getoption("--kills")
    rng = np.random.default_rng(0)
    # A moment is a step and some time after it, so that it means the same on any machine:
    # anywhere in the training, and now and then before it or while u0 is estimated.
    cases = zip(range(kills), rng.integers(0, 480, kills), rng.exponential(0.1, kills))

    def trial(number, step, later):
        out = tmp_path / str(number)
        process = start(out)
        process.wait_until(lambda: newest(out) >= step)
        time.sleep(later)
        process.kill()
        killed = process.returncode == -signal.SIGKILL
        return newest(out), killed, same(finish(out, "--resume"), whole)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda case: trial(*case), cases))
    steps, killed, right = zip(*done)
    exact, steps = sum(right), sorted(steps)
    print(f"{exact}/{len(done)} resumes bit-exact, from the checkpoints of steps {steps}")
    assert exact == len(done)
    # A run may end before a busy machine gets to kill it, but not every other one.
    assert min(sum(killed), len(set(steps))) >= len(done) / 2


@pytest.mark.parametrize(
    "number, code",
    [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)],
)
def test_signals_save_and_say_how_to_go_on(number, code, whole, tmp_path):
    out = tmp_path / "out"
    process = start(out)
    # As soon as there is something to lose.
    process.wait_until(lambda: newest(out) >= 1)
    process.signal(number)
    assert process.wait() == code, process.stderr[-2000:]
    partial = json.loads((out / "result.json").read_text())
    assert partial["complete"] is False
    assert partial["interrupted_by"] == number.name
    assert partial["steps"] == partial["checkpoint_step"] == partial["history"]["step"][-1]
    assert process.stderr.strip().splitlines()[-1].endswith("--resume goes on")
    assert same(finish(out, "--resume"), whole)
    assert not (out / "checkpoints").exists()


SMALL = {"num_steps": 2, "steps": 8, "batch_size": 8, "num_paths": 64, "max_rounds": 1}


class Stop(keras.callbacks.Callback):
    """Ctrl-C at the end of an epoch, of the first `fit` or a later one."""

    def __init__(self, after, stage=0):
        super().__init__()
        self.after, self.stage = after, stage

    def on_epoch_end(self, epoch, logs=None):
        if epoch + 1 == self.after:
            if not self.stage:
                raise KeyboardInterrupt
            self.stage -= 1


def stopped(folder, stop=None, equation=None, **options):
    """Leaves two checkpoints, of steps 4 and 5 without `stop`, in a folder."""
    with pytest.raises(KeyboardInterrupt) as came:
        bsde.solve(
            equation or bsde.HJB(2),
            checkpoints=folder,
            checkpoint_every=1,
            callbacks=[stop or Stop(5)],
            **{**SMALL, **options},
        )
    return came.value.partial


def resume(folder, equation=None, **options):
    return bsde.solve(
        equation or bsde.HJB(2), checkpoints=folder, resume=True, **{**SMALL, **options}
    )


def equal(a, b):
    weights = zip(snapshot(a.model), snapshot(b.model), strict=True)
    return a.history == b.history and all(np.array_equal(x, y) for x, y in weights)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"control": "per-step", "dtype": "float64"},
        {"equation": bsde.HJB(2, control_cost=20.0), "importance_sampling": True},
        {"equation": Hand(2, a=0.3), "hidden": [4], "rule": "left"},
    ],
    ids=["default", "per step", "driven", "own equation"],
)
def test_a_stopped_solve_goes_on(options, tmp_path):
    equation = options.pop("equation", bsde.HJB(2))
    partial = stopped(tmp_path, equation=equation, **options)
    assert partial["steps"] == partial["checkpoint_step"] == 5
    whole = bsde.solve(equation, **{**SMALL, **options})
    assert equal(resume(tmp_path, equation, **options), whole)


@pytest.mark.slow
def test_with_frozen_subnets_both_halves_go_on(tmp_path):
    def subnets():
        return [bsde.ZSubnet(2, [4], seed=0)]

    whole = bsde.solve(bsde.HJB(2), subnets=subnets(), **SMALL)
    for stage, after in ((0, 2), (1, 3)):
        folder = tmp_path / str(stage)
        stopped(folder, stop=Stop(after, stage), subnets=subnets())
        assert equal(resume(folder, subnets=subnets()), whole)


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    """A folder with two checkpoints of a stopped run."""
    folder = tmp_path_factory.mktemp("left")
    partial = stopped(folder)
    assert partial["steps"] == partial["checkpoint_step"] == 5
    return folder


def test_a_new_run_does_not_remove_the_checkpoints_of_another(left):
    with pytest.raises(ValueError, match="resume=True"):
        bsde.solve(bsde.HJB(2), checkpoints=left, **SMALL)
    assert len(bsde.Checkpoints(left).paths) == 2


@pytest.mark.parametrize(
    "change, words",
    [
        ({"equation": bsde.HJB(2, control_cost=3.0)}, "equation_config"),
        ({"equation": bsde.HJB(3)}, '"dim": 3'),
        ({"equation": bsde.AllenCahn(2)}, 'equation="AllenCahn"'),
        ({"seed": 1}, "seed=1"),
        ({"batch_size": 9}, "batch_size=9"),
        ({"num_steps": 4}, "grid=["),
        ({"control": "shared"}, 'control="shared"'),
        ({"dtype": "float64"}, "float64"),
    ],
    ids=str,
)
def test_a_checkpoint_of_another_run_is_named(change, words, left):
    with pytest.raises(ValueError) as error:
        resume(left, **change)
    assert words in str(error.value) and "Received: " in str(error.value)
    assert len(bsde.Checkpoints(left).paths) == 2


def test_goes_on_from_the_one_before_a_torn_one(left, tmp_path):
    folder = tmp_path / "torn"
    shutil.copytree(left, folder)
    path = bsde.Checkpoints(folder).paths[-1] / "state.data-00000-of-00001"
    path.write_bytes(path.read_bytes()[:100])
    # Other arguments of the training may change.
    with pytest.warns(UserWarning, match="Going on from the one before, step-000000004"):
        solution = resume(folder, tolerance=1e-2)
    assert equal(solution, bsde.solve(bsde.HJB(2), **SMALL))


@pytest.mark.parametrize("file", ["state.index", "state.data-00000-of-00001"])
@pytest.mark.parametrize("harm", ["torn", "empty", "gone"])
def test_a_broken_checkpoint_is_passed_over(file, harm, tmp_path):
    store = bsde.Checkpoints(tmp_path)
    for step in (1, 2):
        store.save(step, [np.full((30, 4), float(step))], {"run": {"seed": 0}})
    path = store.paths[-1] / file
    content = path.read_bytes()
    if harm == "gone":
        path.unlink()
    else:
        path.write_bytes({"torn": content[: len(content) // 2], "empty": b""}[harm])
    with pytest.warns(UserWarning, match="Going on from the one before, step-000000001"):
        values, _ = store.load({"seed": 0})
    np.testing.assert_array_equal(values[0], np.ones((30, 4)))
    (store.paths[0] / "state.index").write_bytes(b"nonsense")
    with (
        pytest.raises(bsde.CheckpointError, match="There is none before it"),
        pytest.warns(UserWarning, match="cannot be read"),
    ):
        store.load({"seed": 0})


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_checkpoint_of_numbers_that_are_not_finite_is_passed_over(value, tmp_path):
    store = bsde.Checkpoints(tmp_path)
    store.save(1, [np.arange(3), np.ones(4)], {"run": {}})
    store.save(2, [np.arange(3), np.array([1.0, 1.0, value, 1.0])], {"run": {}})
    with pytest.warns(UserWarning, match="not finite.*Going on from the one before"):
        values, _ = store.load({})
    np.testing.assert_array_equal(values[1], np.ones(4))


@pytest.mark.filterwarnings("ignore:The checkpoint")
def test_no_flipped_bit_is_taken_for_a_number(tmp_path):
    store = bsde.Checkpoints(tmp_path)
    for step in (1, 2):
        store.save(step, [np.full((2, 3), float(step))], {"run": {"seed": 0}})
    refused = 0
    for path in sorted(store.paths[-1].iterdir()):
        content = path.read_bytes()
        for place in range(len(content)):
            harmed = bytearray(content)
            harmed[place] ^= 1 << place % 8
            path.write_bytes(harmed)
            values, record = store.load({"seed": 0})
            # Passed over, or a bit that nothing reads.
            refused += values[0][0, 0] == 1.0
            assert values[0].shape == (2, 3) and values[0].dtype == "float64"
            assert np.all(values[0] == values[0][0, 0]) and values[0][0, 0] in (1.0, 2.0)
            assert record == {"run": {"seed": 0}}
        path.write_bytes(content)
    assert refused > 100


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path):
    store = bsde.Checkpoints(tmp_path)
    store.save(1, [np.zeros(10)], {"run": {}})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(
            bsde.CheckpointError, match="The last good one: .*step-000000001"
        ):
            store.save(2, [np.zeros(10_000)], {"run": {}})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000001"]
    values, _ = store.load({})
    np.testing.assert_array_equal(values[0], np.zeros(10))


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(bsde.CheckpointError, match="cannot be written to '.*file/below'"):
        stopped(tmp_path / "file" / "below")


def test_a_process_that_died_leaves_nothing_behind(tmp_path):
    from kerasmodels._support import files

    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for pid in (dead.pid, os.getppid()):
        (tmp_path / "below" / f"{files._mark()}{pid}-x").mkdir(parents=True)
    files.remove_stale(tmp_path)
    left = [path.name for path in (tmp_path / "below").iterdir()]
    assert left == [f"{files._mark()}{os.getppid()}-x"]


def noisy_model():
    model = keras.Sequential(
        [
            keras.layers.Dense(4, kernel_initializer="ones"),
            keras.layers.Dropout(0.5, seed=3),
        ]
    )
    model.build((None, 3))
    model.compile("adam", loss="mse")
    return model


def test_backup_brings_back_weights_optimizer_random_state_and_history(tmp_path):
    x = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
    data = tf.data.Dataset.from_tensor_slices((x, x @ np.ones((3, 4), "float32"))).batch(8)

    def fit(model, backup, epochs):
        done = backup.restore(model)
        model.fit(
            data,
            initial_epoch=done // 4,
            epochs=epochs,
            shuffle=False,
            callbacks=[backup],
            verbose=0,
        )
        return snapshot(model)

    whole = fit(noisy_model(), backup := bsde.Backup(tmp_path / "whole", every=4), 6)
    history = backup.history
    fit(noisy_model(), bsde.Backup(tmp_path / "parts", every=4), 3)
    again = bsde.Backup(tmp_path / "parts", every=4)
    values = fit(noisy_model(), again, 6)
    assert all(np.array_equal(a, b) for a, b in zip(whole, values, strict=True))
    assert again.history == history and len(history["loss"]) == 6
    other = keras.Sequential([keras.layers.Dense(5)])
    other.build((None, 3))
    other.compile("adam", loss="mse")
    with pytest.raises(ValueError, match="of another run"):
        bsde.Backup(tmp_path / "parts").restore(other)
    with pytest.raises(ValueError, match="compiled and built"):
        bsde.Backup(tmp_path / "parts").restore(keras.Sequential([keras.layers.Dense(5)]))
