"""The processes that train together: the number of this one, and shared values."""

import contextlib
import json
import os
import re

import numpy as np
import tensorflow as tf

from kerasmodels._support import checks


class WorkerLost(checks.RunError):
    """Another process of this training is gone; nothing can go on without it.

    TensorFlow may wait for that process when this one ends: leave by `os._exit`.
    """

    hangs = True


def several():
    """Whether `TF_CONFIG` names more than one process."""
    return sum(len(tasks) for tasks in config_of_cluster().get("cluster", {}).values()) > 1


def task_index():
    """Which worker this process is: 0, the chief, where there is but one."""
    return int(config_of_cluster().get("task", {}).get("index", 0))


def config_of_cluster():
    """The content of `TF_CONFIG`."""
    text = os.environ.get("TF_CONFIG") or "{}"
    try:
        config = json.loads(text)
    except ValueError:
        config = None
    if not isinstance(config, dict) or not isinstance(config.get("cluster", {}), dict):
        expected = 'a JSON object with "cluster" and "task"'
        raise checks.ArgumentError(
            checks.message("environment", "TF_CONFIG", expected, text)
        )
    return config


def agreed(values):
    """`values` as the chief has them, on every worker; unchanged where there is but one.

    What every worker computes for itself may differ in the last digit from one processor
    to another, and a decision on it would part them. All workers must call it.

    Args:
        values: structure of numbers and arrays, of one shape everywhere.
    """
    if not several_workers(tf.distribute.get_strategy()):
        return values
    flat = [np.asarray(value) for value in tf.nest.flatten(values)]
    one = np.concatenate([value.astype("float64").ravel() for value in flat])

    with naming_lost_workers():
        found = _of_the_chief(tf.constant(one)).numpy()
    parts = np.split(found, np.cumsum([value.size for value in flat])[:-1])
    parts = [
        part.reshape(value.shape).astype(value.dtype) for part, value in zip(parts, flat)
    ]
    parts = [
        part if isinstance(value, np.ndarray) else type(value)(part)
        for part, value in zip(parts, tf.nest.flatten(values))
    ]
    return tf.nest.pack_sequence_as(values, parts)


def agreed_text(text):
    """A text as the chief has it, on every worker."""
    length = agreed(len(text.encode()))
    padded = np.frombuffer(text.encode()[:length].ljust(length), "uint8")
    return bytes(agreed(padded)).decode() if length else ""


@tf.function(autograph=False, reduce_retracing=True)
def _of_the_chief(values):
    strategy = tf.distribute.get_strategy()

    def share():
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        return tf.where(tf.equal(replica, 0), values, tf.zeros_like(values))

    return strategy.reduce("SUM", strategy.run(share), axis=None)


@contextlib.contextmanager
def naming_lost_workers():
    """Turns TensorFlow's error about a worker that is gone into a `WorkerLost`."""
    try:
        yield
    except (tf.errors.UnavailableError, tf.errors.AbortedError) as error:
        workers = config_of_cluster().get("cluster", {}).get("worker", [])
        if not workers:
            raise
        own = task_index()
        found = re.findall(r"worker/(?:replica:0/)?task:(\d+)", str(error))
        # The first one named is where the chain of messages began.
        named = [k for k in map(int, found) if k != own and k < len(workers)]
        lost = named[:1] or [k for k in range(len(workers)) if k != own]
        names = " or ".join(f"worker {k} ({workers[k]})" for k in lost)
        raise WorkerLost(
            f"Lost {names} of {len(workers)} workers, seen by worker {own}. Training "
            "together cannot go on without it: start all workers again, with resume=True "
            "where checkpoints were kept."
        ) from error


def several_workers(strategy):
    several = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
    return several and strategy.num_replicas_in_sync > 1
