"""Ray Train around `solve`: what can be tested without Ray, and one run where it is."""

import builtins
import json
import os
import signal
import subprocess
import threading
import time

import keras
import pytest

from kerasmodels import bsde
from kerasmodels.bsde.fleet import on_ray
from tests.helpers import refusals

TINY = {"num_steps": 3, "steps": 4, "batch_size": 8, "num_paths": 64, "max_rounds": 1}


def test_without_ray_the_error_says_what_to_install(monkeypatch, tmp_path):
    found = builtins.__import__

    def missing(name, *args, **kwargs):
        if name.startswith("ray"):
            raise ImportError(name)
        return found(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ImportError, match=r"pip install '\.\[ray\]'.*another"):
        bsde.solve_on_ray(bsde.HJB(2), tmp_path)


def test_a_worker_resumes_from_its_folder(monkeypatch, tmp_path):
    seen = {}

    class Solved:
        def save(self, folder):
            seen["folder"] = folder

    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.setattr(on_ray, "solve", lambda e, **kw: seen.update(kw) or Solved())
    config = {
        "module": "kerasmodels.bsde",
        "equation": keras.saving.serialize_keras_object(bsde.HJB(2)),
        "folder": str(tmp_path),
        "checkpoint_every": 7,
        "options": {"steps": 3},
    }
    on_ray.solve_on_worker(config)
    assert seen == {
        "steps": 3,
        "checkpoints": tmp_path / "checkpoints",
        "checkpoint_every": 7,
        "resume": True,
        "folder": tmp_path,
    }


def kill_one_worker(folder, killed):
    """Kills a worker of Ray Train once the chief has kept a checkpoint."""
    while not bsde.Checkpoints(folder / "checkpoints").paths:
        if killed.is_set():
            return
        time.sleep(0.05)
    found = subprocess.run(
        ["pgrep", "-f", "^ray::.*TrainWorker"], capture_output=True, text=True, check=True
    )
    os.kill(int(found.stdout.split()[-1]), signal.SIGKILL)
    killed.set()


# Ray's own, on closing.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
def test_two_workers_of_ray_find_one_solution_though_one_is_killed(tmp_path):
    ray = pytest.importorskip("ray")
    options = {**TINY, "steps": 400}
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    killed = threading.Event()
    killer = threading.Thread(target=kill_one_worker, args=(tmp_path, killed))
    killer.start()
    try:
        result = bsde.solve_on_ray(bsde.HJB(2), tmp_path, checkpoint_every=1, **options)
        assert killed.is_set()
    finally:
        killed.set()
        killer.join()
        ray.shutdown()
    other = json.loads((tmp_path / "worker-1" / "result.json").read_text())
    assert result["u0"] == other["u0"] and result["history"] == other["history"]
    assert result["history"]["step"] == list(range(16, 401, 16))
    alone = bsde.solve(bsde.HJB(2), **options)
    # The order of summation alone differs.
    assert result["u0"] == pytest.approx(alone.u0, rel=1e-5)


def call(equation=None, **options):
    equation = bsde.HJB(2) if equation is None else equation
    return lambda: bsde.solve_on_ray(equation, "unused", **options)


test_refusals = refusals(
    [
        (call("hjb"), "`equation`"),
        (call(num_workers=0), "`num_workers`"),
        (call(checkpoint_every=0), "`checkpoint_every`"),
        (call(max_failures=-1), "`max_failures`"),
    ]
)
