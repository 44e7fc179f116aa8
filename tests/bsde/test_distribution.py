"""Several devices and several processes do what one does."""

import hashlib
import json
import pathlib
import socket

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasmodels import bsde
from kerasmodels._support import workers
from tests.bsde import distributed_worker
from tests.helpers import refusals
from tests.processes import Child

UNEVEN = [0.0, 0.05, 0.3, 1.0]


def start(streams, task, *arguments):
    """A process that runs a function of `distributed_worker`."""
    return Child(streams, task, *map(str, arguments), environment={"TF_CONFIG": None})


def free_addresses(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    return ",".join(addresses)


def both_finish(processes, places):
    """Waits until each process has left the mark of `distributed_worker.finished`."""
    try:
        for process, place in zip(processes, places):
            mark = pathlib.Path(f"{place}-finished")
            process.wait_until(mark.exists)
            assert mark.exists(), process.stderr[-3000:]
    finally:
        for process in processes:
            process.kill()


def solved(folder):
    """The weights that the script left, and its result."""
    model = keras.saving.load_model(folder / "model.keras")
    result = json.loads((folder / "result.json").read_text())
    history = np.array([result["history"][name] for name in ("loss", "u0")])
    return {
        "solved": distributed_worker.flat(model),
        "solved_u0": np.array([result["u0"], *result["u0_interval"]]),
        "history": history,
    }


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What one process finds."""
    folder = tmp_path_factory.mktemp("alone")
    distributed_worker.script().main([*distributed_worker.FLAGS, str(folder)])
    return {
        **distributed_worker.train(),
        **distributed_worker.batch_norm(),
        **solved(folder),
    }


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """What two processes find: a dict each."""
    folder, addresses = tmp_path_factory.mktemp("pair"), free_addresses(2)
    files = [folder / f"{k}.npz" for k in range(2)]
    processes = [
        start(folder / f"streams-{k}", distributed_worker.together, file, addresses, k)
        for k, file in enumerate(files)
    ]
    both_finish(processes, files)
    folders = [folder / "script", folder / "script" / "worker-1"]
    return [{**np.load(file), **solved(place)} for file, place in zip(files, folders)]


def assert_the_same(found, expected):
    # The order of summation of float32 gradients differs, and Adam divides by their size:
    # seen up to 5e-7 after 50 steps.
    for name in found.keys() & expected.keys():
        value = expected[name]
        np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("dtype, jitter", [("float32", True), ("float64", False)])
@pytest.mark.parametrize("dim, batch, count", [(5, 9, 3), (1, 30, 2)])
def test_shares_are_the_parts_of_the_whole_bit_for_bit(dtype, dim, batch, count, jitter):
    equation = bsde.Heat(dim)
    options = {"seed": 4, "start_step": 2, "num_batches": 2}
    options |= {"dtype": dtype, "jitter": jitter}
    whole = list(bsde.path_dataset(equation, batch, grid=UNEVEN, **options))
    shares = [
        list(bsde.path_dataset(equation, batch, grid=UNEVEN, share=(k, count), **options))
        for k in range(count)
    ]
    for step in range(2):
        parts = [tf.nest.flatten(share[step]) for share in shares]
        for value, *pieces in zip(tf.nest.flatten(whole[step]), *parts):
            np.testing.assert_array_equal(np.concatenate(pieces), value)


def test_a_list_of_shares_comes_one_after_another():
    options = {"seed": 4, "num_batches": 2, "start_step": 1}
    several = list(
        bsde.path_dataset(bsde.Heat(3), 8, num_steps=3, share=([1, 3], 4), **options)
    )
    for place, index in enumerate([1, 3]):
        one = list(
            bsde.path_dataset(bsde.Heat(3), 8, num_steps=3, share=(index, 4), **options)
        )
        for step in range(2):
            np.testing.assert_array_equal(several[2 * step + place][0][1], one[step][0][1])


@pytest.mark.slow
def test_two_devices_do_what_one_does(alone, tmp_path):
    process = start(tmp_path, distributed_worker.mirrored, tmp_path / "found.npz")
    process.succeed()
    found = dict(np.load(tmp_path / "found.npz"))
    assert {"weights", "evaluate", "batch_norm"} <= set(found)
    assert_the_same(found, alone)


def test_two_processes_do_what_one_does(alone, pair):
    for found in pair:
        assert set(alone) <= set(found)
        assert_the_same(found, alone)


def test_two_processes_have_identical_weights(pair):
    for name in ("weights", "solved", "solved_u0", "history", "batch_norm", "evaluate"):
        hashes = [hashlib.sha256(found[name].tobytes()).hexdigest() for found in pair]
        assert hashes[0] == hashes[1], name


def test_the_chief_decides_where_processes_differ(pair):
    for found in pair:
        assert found["number"] == 0 and found["count"] == 7 and found["chief"]
        np.testing.assert_array_equal(found["array"], np.zeros((2, 3)))


def killed(tmp_path, victim):
    """Two processes of the script in which the worker `victim`, if any, is killed."""
    addresses = free_addresses(2)
    pair = [
        start(tmp_path / f"{k}", distributed_worker.killed, tmp_path, addresses, k, victim)
        for k in range(2)
    ]
    return pair, addresses


def lose_a_worker(tmp_path):
    """Kills one of two workers; the other one names it, and its checkpoints stay."""
    (victim, survivor), addresses = killed(tmp_path, 0)
    assert victim.wait() == -9
    # The survivor ends by itself: it would wait for ever if it did not see the loss.
    assert survivor.wait() == 1
    error = survivor.stderr
    last = error.strip().splitlines()[-1]
    first = addresses.split(",")[0]
    assert last.startswith(f"bsde.py: Lost worker 0 ({first}) of 2 workers"), error
    assert "--resume" in last
    # The other one never wrote any, and takes the chief's.
    kept = [path.name for path in bsde.Checkpoints(tmp_path / "checkpoints").paths]
    assert kept == ["step-000000005", "step-000000010"]


def test_a_lost_worker_is_named(tmp_path):
    lose_a_worker(tmp_path)


@pytest.mark.slow
def test_after_a_loss_all_go_on_with_resume(alone, tmp_path):
    lose_a_worker(tmp_path)
    again, _ = killed(tmp_path, "resume")
    both_finish(again, [tmp_path / f"worker-{k}" for k in range(2)])
    results = [solved(tmp_path), solved(tmp_path / "worker-1")]
    for found in results:
        assert_the_same(found, alone)
    assert np.array_equal(results[0]["solved"], results[1]["solved"])


def test_the_first_worker_of_a_chain_of_messages_is_the_lost_one(monkeypatch):
    config = {"cluster": {"worker": ["a:1", "b:1", "c:1"]}}
    config["task"] = {"type": "worker", "index": 0}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    told = "remote target /job:worker/replica:0/task:1 x /job:worker/replica:0/task:2 y"
    with pytest.raises(bsde.WorkerLost, match=r"Lost worker 1 \(b:1\) of 3"):
        with workers.naming_lost_workers():
            raise tf.errors.UnavailableError(None, None, told)
    with pytest.raises(bsde.WorkerLost, match=r"worker 1 \(b:1\) or worker 2 \(c:1\)"):
        with workers.naming_lost_workers():
            raise tf.errors.UnavailableError(None, None, "nothing is known")


def test_without_others_nothing_changes(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert bsde.joined() is None and workers.task_index() == 0
    assert workers.agreed((1, 2.0)) == (1, 2.0)
    data = bsde.distributed_paths(bsde.Heat(2), 5, num_steps=2)
    assert isinstance(data, tf.data.Dataset)
    with pytest.raises(tf.errors.UnavailableError):
        with workers.naming_lost_workers():
            raise tf.errors.UnavailableError(None, None, "of something else")


def shared(share, batch_size=8):
    return lambda: bsde.path_dataset(bsde.Heat(2), batch_size, num_steps=2, share=share)


test_refusals = refusals(
    [
        (lambda: bsde.connect(["a:1", "b"], 0), "'b'"),
        (lambda: bsde.connect(["a:1", "b:99999"], 0), "'b:99999'"),
        (lambda: bsde.connect(["a:1", "a:1"], 0), "different addresses"),
        (lambda: bsde.connect(["a:1"], 0), "One process alone needs none"),
        (lambda: bsde.connect("a:1,b:1", 0), "`workers`"),
        (lambda: bsde.connect(["a:1", "b:1"], 2), "`index` to be less than"),
        (lambda: bsde.connect(["a:1", "b:1"], -1), "`index`"),
        (shared((2, 2)), "`share`"),
        (shared((0.5, 2)), "`share`"),
        (shared(3), "`share`"),
        (shared(([], 2)), "`share`"),
        (shared((0, 3)), "`batch_size` to be a multiple of the 3"),
        (shared((0, 3), 2), "The next ones: 3."),
    ]
)
