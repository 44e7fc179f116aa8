"""The tasks of the processes that `test_distribution.py` starts."""

import contextlib
import importlib.util
import os
import pathlib
import signal
import sys
import warnings

warnings.filterwarnings("error")
warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from kerasmodels import bsde  # noqa: E402
from kerasmodels._support import workers  # noqa: E402
from kerasmodels.runs.monitor import TrainingMonitor  # noqa: E402

ROOT = pathlib.Path(__file__).parents[2]
BATCH = 24
FLAGS = ["--quick", "--equation", "burgers", "--steps", "25", "--out"]


def flat(model):
    return np.concatenate([weight.numpy().ravel() for weight in model.weights])


def train():
    """The public `fit` and `evaluate`, on shares and on a plain data set: what came out."""
    equation = bsde.BlackScholesBarenblatt(3)
    model = bsde.GlobalModel(
        equation, num_steps=4, control="shared", importance_sampling=True
    )
    model.compile(bsde.decaying_adam(1e-2, 20), loss="mse", steps_per_execution=5)
    data = bsde.distributed_paths(equation, BATCH, num_steps=4, seed=3, jitter=True)
    history = model.fit(data, epochs=2, steps_per_epoch=5, verbose=0).history
    whole = bsde.path_dataset(equation, BATCH, num_steps=4, seed=3, start_step=10)
    more = model.fit(whole, steps_per_epoch=5, verbose=0).history
    held_out = bsde.path_dataset(equation, BATCH, num_steps=4, seed=9, num_batches=3)
    return {
        "weights": flat(model),
        "loss": np.array(history["loss"] + more["loss"]),
        "u0": np.array(history["u0"] + more["u0"]),
        "evaluate": model.evaluate(held_out, verbose=0),
    }


def batch_norm():
    """Two steps with batch normalisation: weights and moving statistics."""
    equation = bsde.HJB(2)
    control = bsde.StackedControl(3, 2, hidden=[4], batch_norm=True)
    model = bsde.GlobalModel(equation, num_steps=4, control=control)
    model.compile("sgd", loss="mse")
    data = bsde.distributed_paths(equation, BATCH, num_steps=4, seed=1)
    model.fit(data, steps_per_epoch=2, verbose=0)
    return {"batch_norm": flat(model)}


def mirrored(out):
    """Both devices of one process."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2
    )
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        np.savez(out, **train(), **batch_norm())


def script():
    sys.path.insert(0, str(ROOT / "experiments"))
    path = ROOT / "experiments" / "bsde.py"
    spec = importlib.util.spec_from_file_location("bsde_script", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def finished(out):
    """Leaves a mark, and waits to be killed.

    A worker that ends takes the others along if they are not through with their last
    message, because TensorFlow counts it as lost.
    """
    pathlib.Path(f"{out}-finished").touch()
    signal.pause()


def together(out, addresses, index):
    """The script, and in its scope what `mirrored` does; numbers of one worker's own."""
    kept, connect = [], bsde.connect

    def keep(*args):
        kept.append(connect(*args))
        return kept[0]

    bsde.connect = keep
    folder = pathlib.Path(out).parent / "script"
    script().main([*FLAGS, str(folder), "--workers", addresses, "--worker", index])
    # What is started again here is refused.
    with contextlib.suppress(ValueError):
        connect(addresses.split(","), int(index) + 1)
        raise AssertionError("a second index was taken")
    with kept[0].scope():
        own = (float(index), 7 + int(index), index == "0", np.full((2, 3), float(index)))
        number, count, chief, array = workers.agreed(own)
        np.savez(
            out,
            **train(),
            **batch_norm(),
            number=number,
            count=count,
            chief=chief,
            array=array,
        )
    finished(out)


def killed(out, addresses, index, victim):
    """The script; the victim dies in its thirteenth training step, with checkpoints."""
    if index == victim:

        def die(self, epoch, logs=None):
            if epoch == 12:
                os.kill(os.getpid(), signal.SIGKILL)

        TrainingMonitor.on_epoch_begin = die
    flags = [*FLAGS, out, "--checkpoint-every", "5"]
    if victim == "resume":
        flags.append("--resume")
    script().main([*flags, "--workers", addresses, "--worker", index])
    finished(pathlib.Path(out) / f"worker-{index}")
