"""A solve on a cluster that starts lost workers again: Ray Train around `solve`."""

import importlib
import pathlib

import keras

from kerasmodels._support import checks, files, registered, workers
from kerasmodels.bsde.equation import Equation
from kerasmodels.bsde.solve import solve
from kerasmodels.runs import distribution


def solve_on_ray(
    equation,
    folder,
    num_workers=2,
    checkpoint_every=100,
    max_failures=2,
    use_gpu=False,
    **options,
):
    """`solve` on the workers of a Ray cluster, data parallel, with restarts.

    Ray Train starts the workers and sets `TF_CONFIG`. Where one is killed, it starts all of
    them again, and training goes on from the chief's last checkpoint. Call `ray.init()`
    before for a cluster that runs; else Ray starts one on this machine.

    Reference: Moritz et al. (2018), https://arxiv.org/abs/1712.05889

    Args:
        equation: `Equation`, of a class in a module that the workers can import.
        folder: str or path, that all workers can write: the chief leaves here what
            `Solution.save` writes, the others below `worker-K`.
        num_workers: int.
        checkpoint_every: None or int. Training steps from one checkpoint to the next; None
            keeps none, and a restart then begins anew.
        max_failures: int. Restarts, at most.
        use_gpu: bool. Whether every worker needs a GPU.
        **options: of `solve`, plain values.

    Returns:
        The dict of `result.json`.

    Raises:
        ImportError: Ray is not installed.
        ValueError: an argument is not of the form above.
    """
    owner = "solve_on_ray"
    checks.instance(owner, "equation", equation, Equation)
    registered.require_registered(type(equation), "equation")
    count = checks.positive_int(owner, "num_workers", num_workers)
    failures = checks.positive_int(owner, "max_failures", max_failures, minimum=0)
    if checkpoint_every is not None:
        checks.positive_int(owner, "checkpoint_every", checkpoint_every)
    checks.boolean(owner, "use_gpu", use_gpu)
    # Workers start in a folder of Ray's.
    folder = checks.path(owner, "folder", folder).resolve()
    try:
        from ray.train import FailureConfig, RunConfig, ScalingConfig
        from ray.train.tensorflow import TensorflowTrainer
    except ImportError as error:
        raise ImportError(
            "`solve_on_ray` needs Ray, which is not installed: run `pip install '.[ray]'` "
            "in a clone of this package. The `kerasmodels` of the package index is another."
        ) from error
    config = {
        "module": type(equation).__module__,
        "equation": keras.saving.serialize_keras_object(equation),
        "folder": str(folder),
        "checkpoint_every": checkpoint_every,
        "options": options,
    }
    trainer = TensorflowTrainer(
        solve_on_worker,
        train_loop_config=config,
        scaling_config=ScalingConfig(num_workers=count, use_gpu=use_gpu),
        run_config=RunConfig(
            name="ray",
            storage_path=str(folder),
            failure_config=FailureConfig(max_failures=failures),
        ),
    )
    trainer.fit()
    return files.read_json(folder / "result.json")


def solve_on_worker(config):
    """The function that every worker runs."""
    strategy = distribution.joined()
    if strategy is None:
        _solve(config, 0)
        return
    with strategy.scope():
        _solve(config, workers.task_index())
        workers.agreed(0.0)


def _solve(config, index):
    importlib.import_module(config["module"])
    equation = keras.saving.deserialize_keras_object(config["equation"])
    folder = pathlib.Path(config["folder"])
    folder = folder / f"worker-{index}" if index else folder
    options = config["options"]
    if config["checkpoint_every"] is not None:
        # All workers read the chief's, whatever machine a worker is on now.
        kept = folder / "checkpoints"
        options = {**options, "checkpoints": kept, "resume": True}
        options["checkpoint_every"] = config["checkpoint_every"]
    solve(equation, **options).save(folder)
