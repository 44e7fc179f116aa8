"""The bad inputs of what keeps, spreads and repeats runs of `kerasmodels.bsde`."""

import json
import os

import keras

from kerasmodels import bsde
from tests.bad_inputs.corpus import entry
from tests.bad_inputs.kinds import (
    BOOLEAN,
    COUNT,
    COUNT_OR_ZERO,
    SEED,
    Near,
    instance_of,
    optional,
)

FOLDER = [None, 3, 1.5, [], {}, object(), b"folder", "a\0b"]
HEAT = bsde.Heat(2, 1.0)
WORKERS = ["a:1", "b:1"]


def connect(workers=WORKERS, index=0):
    """Refuses before it waits for anybody."""
    os.environ.pop("TF_CONFIG", None)
    return bsde.connect(workers, index)


def joined(config):
    os.environ["TF_CONFIG"] = config
    try:
        return bsde.joined()
    finally:
        del os.environ["TF_CONFIG"]


def restored(model):
    return bsde.Backup("backup").restore(model)


def raw(*layers):
    return keras.Sequential(list(layers))


EQUATIONS = [None, 3, [], [3], {"x": 3}, ["heat", None], object()]
EQUATIONS += [
    [Near("allen-can", "allen-cahn")],
    [b"heat"],
    {3: HEAT},
    {"a/b": HEAT},
    {"..": HEAT},
]

ENTRIES = [
    entry(
        "bsde.Checkpoints", bsde.Checkpoints, folder=("f", FOLDER), keep=(2, [*COUNT, 1])
    ),
    entry(
        "bsde.Backup",
        bsde.Backup,
        folder=("f", FOLDER),
        every=(1, COUNT),
        keep=(2, [*COUNT, 1]),
    ),
    entry(
        "bsde.Backup.restore",
        restored,
        works=False,
        model=(None, [*instance_of(keras.Model), raw(), raw(keras.layers.Dense(2))]),
    ),
    entry(
        "bsde.connect",
        connect,
        works=False,
        workers=(
            WORKERS,
            [None, 3, "a:1,b:1", [], ["a:1"], ["a:1", "a:1"], ["a:1", 3], {}, object()]
            + [["a:1", bad] for bad in ("b", "b:0", "b:65536", "b:-1", ":1", "b:1:1", "")],
        ),
        index=(0, [*COUNT_OR_ZERO, 2]),
    ),
    entry(
        "bsde.joined",
        joined,
        words={"config": "`TF_CONFIG`"},
        config=(json.dumps({}), ["{", "text", "[3]", "3", '{"cluster": 3}', "null"]),
    ),
    entry(
        "bsde.distributed_paths",
        bsde.distributed_paths,
        equation=(HEAT, instance_of(bsde.Equation)),
        num_steps=(3, COUNT),
        batch_size=(2, COUNT),
    ),
    entry(
        "bsde.sweep",
        bsde.sweep,
        works=False,
        equations=(["heat"], EQUATIONS),
        seeds=([0], [None, 3, "0", [], [-1], [1, 1], [1.5], [None], object()]),
        folder=("f", FOLDER),
        jobs=(None, optional(COUNT_OR_ZERO)),
        overwrite=(False, BOOLEAN),
    ),
    entry(
        "bsde.solve_on_ray",
        bsde.solve_on_ray,
        works=False,
        equation=(HEAT, instance_of(bsde.Equation)),
        folder=("f", FOLDER),
        num_workers=(2, COUNT),
        checkpoint_every=(None, optional(COUNT)),
        max_failures=(0, COUNT_OR_ZERO),
        use_gpu=(False, BOOLEAN),
    ),
    entry(
        "bsde.solve.checkpoints",
        bsde.solve,
        works=False,
        equation=(HEAT, []),
        checkpoints=(None, optional(FOLDER)),
        checkpoint_every=(200, COUNT),
        resume=(False, [*BOOLEAN, True]),
        seed=(0, SEED),
    ),
]
