"""Data parallel training on several devices or machines, by `tf.distribute`.

Every replica computes the gradient of its share of a batch, and the sum over the replicas
is the gradient of the batch: Keras's losses are divided by their number. A loss with
weights is divided by the size of the batch, not by the sum of the weights, so it is the
same mean. The shares are parts of the batch that one process draws, so that the trained
weights depend on the number of replicas by the order of summation alone.
"""

import contextlib
import json
import os
import re

import keras
import tensorflow as tf

from kerasmodels._support import checks
from kerasmodels._support.saving import SavedAsKeras
from kerasmodels._support.workers import (
    config_of_cluster,
    naming_lost_workers,
    several,
    several_workers,
    task_index,
)


def connect(workers, index):
    """Joins the processes that train together; returns their strategy.

    Call it in every process before TensorFlow computes anything, then build and train
    within its scope, with the same arguments everywhere:

        strategy = bsde.connect(["10.0.0.1:2222", "10.0.0.2:2222"], index)
        with strategy.scope():
            solution = bsde.solve(equation)

    It returns when all of them have called it. Sets `TF_CONFIG`.

    Args:
        workers: list of str. "host:port" of every process, at least two, in the same
            order everywhere. The first is the chief.
        index: int. Which of them this process is, from 0.

    Returns:
        A `tf.distribute.MultiWorkerMirroredStrategy`.

    Raises:
        ValueError: an argument is not of the form above, `TF_CONFIG` contradicts it, or
            TensorFlow has computed something already.
    """
    workers = _addresses(workers)
    index = checks.positive_int("connect", "index", index, minimum=0)
    if index >= len(workers):
        raise checks.ArgumentError(
            checks.message(
                "connect",
                "index",
                f"less than the number of workers, {len(workers)}",
                f"index={index}",
            )
        )
    config = {
        "cluster": {"worker": workers},
        "task": {"type": "worker", "index": index},
    }
    before = config_of_cluster()
    if before and before != config:
        raise checks.ArgumentError(
            checks.message(
                "connect",
                "workers",
                "those of the environment variable TF_CONFIG, because it is set",
                f"workers={workers}, index={index} beside TF_CONFIG={before}",
                "Leave the arguments out, or unset TF_CONFIG.",
            )
        )
    os.environ["TF_CONFIG"] = json.dumps(config)
    return _strategy()


def joined():
    """The strategy of the processes that `TF_CONFIG` names, or None for one alone.

    A launcher sets it, such as Ray Train or `connect`.

    Raises:
        ValueError: TensorFlow has computed something already.
    """
    return _strategy() if several() else None


def _strategy():
    with naming_lost_workers():
        try:
            return tf.distribute.MultiWorkerMirroredStrategy()
        except RuntimeError as error:
            if "program startup" not in str(error):
                raise
            raise checks.ArgumentError(
                "`connect` expects to be called before TensorFlow computes anything. "
                "Received: a process in which it has. Call it first, right after the "
                "imports."
            ) from error
        except tf.errors.OpError as error:
            raise checks.RunError(
                f"Worker {task_index()} cannot join the others, TF_CONFIG="
                f"{os.environ.get('TF_CONFIG')}: {str(error).splitlines()[0]}"
            ) from error


def _addresses(workers):
    if isinstance(workers, str) or not isinstance(workers, (list, tuple)):
        workers = ()
    wrong = [w for w in workers if not _is_address(w)]
    if wrong or len(workers) < 2 or len(set(workers)) < len(workers):
        received = f"{wrong[0]!r}" if wrong else f"workers={list(workers)}"
        raise checks.ArgumentError(
            checks.message(
                "connect",
                "workers",
                "two or more different addresses host:port",
                received,
                "One process alone needs none." if len(workers) == 1 else "",
            )
        )
    return list(workers)


def _is_address(text):
    match = re.fullmatch(r"([\w.-]+|\[[0-9a-fA-F:]+\]):(\d{1,5})", str(text))
    return match is not None and 0 < int(match.group(2)) < 2**16


class DistributedModel(SavedAsKeras, keras.Model):
    """A Keras model that can be fitted on several machines; elsewhere a plain one.

    `fit` and `evaluate` of Keras 3 fail under `MultiWorkerMirroredStrategy`, because they
    reduce scalars along an axis (keras-team/keras#20585, keras-team/keras#20329). The
    overrides here are to go when these are closed: they act in that case alone.
    """

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        if not several_workers(self.distribute_strategy):
            return super()._maybe_symbolic_build(iterator, data_batch)
        # A model that is built needs no batch to be built on, only its metrics do.
        return None

    def make_train_function(self, force=False):
        if not several_workers(self.distribute_strategy):
            return super().make_train_function(force)
        if self.train_function is None or force:
            self.train_function = self._over_workers(self.train_step)
        return None

    def make_test_function(self, force=False):
        if not several_workers(self.distribute_strategy):
            return super().make_test_function(force)
        if self.test_function is None or force:
            self.test_function = self._over_workers(self.test_step)
        return None

    def _over_workers(self, step):
        strategy = self.distribute_strategy

        @tf.function(reduce_retracing=True)
        def on_all(data):
            logs = strategy.run(step, args=(data,))
            return {k: strategy.reduce("MEAN", v, axis=None) for k, v in logs.items()}

        return lambda iterator: on_all(next(iterator))

    @contextlib.contextmanager
    def _on_replicas(self):
        if self.compiled and self.distribute_strategy.num_replicas_in_sync > 1:
            # Several steps in one call fail in Keras with more than one replica, and XLA
            # cannot compile what reads variables of several devices. Not in `compile`:
            # Keras does not call one that is overridden when it loads a model.
            self.steps_per_execution = 1
            self.jit_compile = False
        with naming_lost_workers():
            yield

    def fit(self, *args, **kwargs):
        with self._on_replicas():
            return super().fit(*args, **kwargs)

    def evaluate(self, *args, **kwargs):
        with self._on_replicas():
            return super().evaluate(*args, **kwargs)

    def predict(self, *args, **kwargs):
        with self._on_replicas():
            return super().predict(*args, **kwargs)
