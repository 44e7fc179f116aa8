"""Bit for bit the same: u0, interval and trained weights of `solve` on eight small runs.

    python tests/golden.py record before.json
    python tests/golden.py compare before.json

Both on one machine, because other processors round otherwise. A change of structure must
leave every line equal; `compare` ends with an error where one differs.
"""

import argparse
import hashlib
import json
import pathlib
import sys
import tempfile

import keras
import numpy as np

from kerasmodels import bsde

SMALL = {"tolerance": 1e-3, "steps": 40, "batch_size": 32, "num_paths": 4000}
SMALL |= {"max_rounds": 2, "seed": 3}


@keras.saving.register_keras_serializable(package="golden")
class Own(bsde.Equation):
    """An equation as a user writes it: no step, one factor, a driver with kinks."""

    noise_dim = 1

    def drift(self, t, x):
        return -2.0 * x + t

    def diffusion_prod(self, t, x, dw):
        return (1 + x * x) ** 0.5 * dw

    def driver(self, t, x, u, z):
        return -0.1 * keras.ops.maximum(u, 0.2) + 0.3 * keras.ops.abs(z)

    def terminal(self, x):
        return bsde.squared_norm(x)


class Stop(keras.callbacks.Callback):
    """Ends a run as Ctrl-C does, after the epoch of this number."""

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 4:
            raise KeyboardInterrupt


def subnets(equation):
    with tempfile.TemporaryDirectory() as folder:
        found = bsde.pretrain_subnets(
            equation, folder, num_steps=4, num_paths=64, epochs=1, seed=1
        )
    return found[0]


def resumed(equation, **options):
    with tempfile.TemporaryDirectory() as folder:
        kept = {"checkpoints": folder, "checkpoint_every": 4}
        try:
            bsde.solve(equation, callbacks=[Stop()], **kept, **options)
        except KeyboardInterrupt:
            return bsde.solve(equation, resume=True, **kept, **options)
    raise RuntimeError("the run was not stopped")


def runs():
    """Name -> function that returns a `Solution`."""
    heat, hjb = bsde.Heat(3), bsde.HJB(3)
    strong = bsde.HJB(3, control_cost=20.0)
    return {
        "Brownian": lambda: bsde.solve(bsde.AllenCahn(3), num_steps=4, **SMALL),
        "geometric": lambda: bsde.solve(bsde.DefaultRisk(3), num_steps=4, **SMALL),
        "driven": lambda: bsde.solve(
            strong, num_steps=4, importance_sampling=True, **SMALL
        ),
        "driven, left, shared": lambda: bsde.solve(
            hjb,
            num_steps=3,
            importance_sampling=True,
            rule="left",
            control="shared",
            hidden=[5],
            **SMALL,
        ),
        "subnets, frozen": lambda: bsde.solve(
            heat, num_steps=4, subnets=subnets(heat), frozen=True, **SMALL
        ),
        "subnets, joint": lambda: bsde.solve(
            heat, num_steps=4, subnets=subnets(heat), **SMALL
        ),
        "own equation": lambda: bsde.solve(Own(2, 1.0, 0.5), num_steps=4, **SMALL),
        "resumed": lambda: resumed(hjb, num_steps=4, **SMALL),
    }


def numbers(solution):
    """What must not change: numbers as hexadecimal digits, weights as one hash."""
    digest = hashlib.sha256()
    for weight in solution.model.weights:
        digest.update(np.ascontiguousarray(weight.numpy()).tobytes())
    return {
        "u0": float(solution.u0).hex(),
        "interval": [float(end).hex() for end in solution.interval],
        "trained_u0": float(solution.trained_u0).hex(),
        "steps": solution.history["step"][-1],
        "weights": digest.hexdigest(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["record", "compare"])
    parser.add_argument("file", type=pathlib.Path)
    args = parser.parse_args()
    found = {}
    for name, run in runs().items():
        found[name] = numbers(run())
        print(f"{name}: {float.fromhex(found[name]['u0']):.8g}", flush=True)
    if args.what == "record":
        args.file.write_text(json.dumps(found, indent=1))
        return
    before = json.loads(args.file.read_text())
    different = [name for name in before if before[name] != found.get(name)]
    for name in different:
        print(f"DIFFERENT: {name}\n  before {before[name]}\n  now    {found.get(name)}")
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
