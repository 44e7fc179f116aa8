"""The deep BSDE method as `solve` runs it: a `GlobalModel`, trained round by round."""

import dataclasses
import math
from typing import ClassVar, Literal

import keras

from kerasmodels._support import checks
from kerasmodels._support.workers import agreed
from kerasmodels.bsde.control import CONTROLS, make_control
from kerasmodels.bsde.control.network import layer_widths
from kerasmodels.bsde.control.process import ControlProcess, as_control
from kerasmodels.bsde.methods.base import Method
from kerasmodels.bsde.methods.deep_bsde.approximation import NetworkApproximation
from kerasmodels.bsde.methods.deep_bsde.assembly import check_subnets
from kerasmodels.bsde.methods.deep_bsde.global_model import GlobalModel
from kerasmodels.bsde.methods.deep_bsde.optimizer import description, start_of
from kerasmodels.bsde.methods.deep_bsde.settings import default_settings
from kerasmodels.bsde.methods.deep_bsde.training import train
from kerasmodels.bsde.paths.grid import as_time_grid, check_steps_or_grid, paths_fit
from kerasmodels.bsde.recursion.forward import RULES
from kerasmodels.bsde.verify.symmetry import is_exchangeable
from kerasmodels.runs.progress_line import TrainingLine

# Mean of int |b|^2 dt before training from which paths are driven at once, and per time
# step, from which they need smaller steps too.
_DRIVEN = 1.0
_STRONG = 0.5
# Rounds of training after which the method gives up on a tolerance.
MAX_ROUNDS = 5
DTYPES = ("float32", "float64", "mixed_bfloat16")


@keras.saving.register_keras_serializable(package="kerasmodels")
@dataclasses.dataclass(frozen=True)
class DeepBSDE(Method):
    """One network for z, and u0 and z0 as weights, trained on the terminal mismatch.

    Builds a `GlobalModel` with the terminal gradient as a skip term and trains it on fresh
    paths with Adam along a cosine. Where the interval is too wide, and the mismatch is that
    of the networks rather than of the time grid, it trains another round.

    Args:
        num_steps: None or int. Number N of equal time steps; None is the default of the
            equation, unless `grid` is given.
        grid: None or sequence of floats. The times of the steps, in place of `num_steps`.
        control: None, "exchangeable", "shared", "stacked", "per-step", or a Keras layer
            called as `layer(t, x)` on t `[batch, times, 1]` and x `[batch, times, dim]`,
            which returns z `[batch, times, noise_dim]` at any times. The networks for z:
            one that permutes z as the coordinates of x are permuted, one with the time as
            an input, or one per time step, with stacked weights or as models of their own.
            None is "exchangeable" where the equation allows it (`is_exchangeable`) and
            "shared" elsewhere.
        hidden: None or list of int. Widths of the hidden layers of dense networks; they
            make "shared" the default of `control`. None is two layers of d + 10.
        subnets: None or list of N - 1 trained Keras models (`fit_subnets`,
            `load_subnets`). The networks for z at the inner times, in place of `control`;
            the first half of the training then fits u0 and z0 alone, and the second half
            everything.
        frozen: bool. Keep pre-trained `subnets` as they are in the second half too.
        rule: "trapezoid" or "left". Rule of the driver's integral in the training; the
            estimate always takes the trapezoid.
        importance_sampling: None or bool. Drive the training paths by the control
            (`GlobalModel`). None does so from the start where the drift of the untrained
            model moves paths by more than their deviation, and takes five times as many
            steps where that drift is strong, unless their number is given; it also does so
            after a round whose mismatch on driven paths is larger than that of the
            training.
        steps: None or int. Training steps per round, rounded up to a multiple of the
            number of points in the history; with `subnets`, each half is.
        batch_size: None or int. Paths per training step.
        learning_rate: None or float. Learning rate at the start of the cosine. None is that
            of `optimizer`, or 1e-2.
        max_rounds: int. Rounds of training, at most.
        dtype: "float32", "float64" or "mixed_bfloat16". Type of the numbers; the third is
            that of the networks alone, while paths and u stay in float32.
        optimizer: None or Keras optimizer. It takes the place of Adam: each round starts
            with a new one of the same config. Its learning rate falls along the cosine; a
            schedule is kept instead. Gradients are as small as the square of the
            solution, for which an `epsilon` of 1e-7 may be too large.

    Raises:
        ValueError: an argument is not of the form above.

    Reference: E, Han, Jentzen (2017), https://doi.org/10.1007/s40304-017-0117-6
    """

    approximation: ClassVar[type] = NetworkApproximation
    num_steps: int | None = None
    grid: object = None
    control: Literal[CONTROLS] | object | None = None
    hidden: list[int] | None = None
    subnets: object = None
    frozen: bool = False
    rule: Literal[RULES] = "trapezoid"
    importance_sampling: bool | None = None
    steps: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    max_rounds: int = MAX_ROUNDS
    dtype: Literal[DTYPES] = "float32"
    optimizer: object = None

    def __post_init__(self):
        owner = "solve"
        checks.one_of(owner, "dtype", self.dtype, DTYPES)
        checks.one_of(owner, "rule", self.rule, RULES)
        check_steps_or_grid(owner, self.num_steps, self.grid)
        if self.hidden is not None:
            layer_widths(owner, self.hidden)
        for name in ("max_rounds", "steps", "batch_size"):
            if getattr(self, name) is not None or name == "max_rounds":
                checks.positive_int(owner, name, getattr(self, name))
        start_of(owner, self.optimizer, self.learning_rate)
        if self.importance_sampling is not None:
            checks.boolean(owner, "importance_sampling", self.importance_sampling)
        if self.subnets is not None:
            object.__setattr__(self, "subnets", check_subnets(owner, self.subnets))
        elif self.control is not None:
            _check_control(owner, self.control, self.hidden)
        if checks.boolean(owner, "frozen", self.frozen) and self.subnets is None:
            advice = "`frozen=True` needs `subnets`: only trained networks can be frozen."
            raise checks.ArgumentError(
                checks.message(owner, "frozen", "False", "frozen=True", advice)
            )

    def cost_factor(self, equation):
        return default_settings(equation).cost_factor

    def fit(self, equation, run):
        defaults = default_settings(equation)
        grid = self._times(equation)
        steps = defaults.steps if self.steps is None else self.steps
        batch_size = defaults.batch_size if self.batch_size is None else self.batch_size
        paths_fit("solve", "batch_size", equation, len(grid) - 1, batch_size, "float32", 8)
        learning_rate = start_of("solve", self.optimizer, self.learning_rate)
        first_stage = 1 if self.subnets is None else 0
        checkpointer = run.begin(
            self._identity(equation, grid, steps, batch_size, run), first_stage
        )
        approximation = self._untrained(equation, grid, run)
        model, progress = approximation.model, checkpointer.progress
        if checkpointer.loaded:
            model.importance_sampling = progress.importance_sampling
        progress.importance_sampling = model.importance_sampling
        approximation.history = progress.history
        approximation.settings = {
            "batch_size": batch_size,
            "learning_rate": learning_rate,
        }

        def train_once(name, steps):
            train(
                model,
                steps,
                batch_size=batch_size,
                learning_rate=learning_rate,
                seed=run.seed,
                callbacks=[*run.callbacks, TrainingLine(run.line, name)],
                verbose=run.verbose,
                checkpointer=checkpointer,
                optimizer=self.optimizer,
            )

        if self.subnets is not None:
            steps = -(-steps // 2)
            if progress.stage == 0:
                train_once("training of u0 and z0", steps)
                progress.next_stage(model.importance_sampling)
                model.compiled = False
            model.train_control = not self.frozen
        while True:
            train_once(f"training, round {progress.stage}", steps)
            found = yield approximation
            if not self._worth_another(progress, found):
                return
            rms = math.sqrt(progress.history["loss"][-1])
            if (
                self.importance_sampling is None
                and not model.importance_sampling
                and found.estimate.mismatch_std > rms
            ):
                model.importance_sampling = True
                model.compiled = False
            progress.next_stage(model.importance_sampling, found.attainable_half_width)

    @property
    def _free_grid(self):
        """Whether the caller has left the time steps to the method."""
        return self.num_steps is None and self.grid is None

    def _times(self, equation):
        """The times of the training, unless the drift turns out to be strong."""
        num_steps = self.num_steps
        if self._free_grid:
            num_steps = default_settings(equation).num_steps
        return as_time_grid("solve", equation, num_steps, self.grid)

    def _worth_another(self, progress, found):
        """Whether another round may narrow the interval by a fifth."""
        # What the time grid leaves in the mismatch no training takes out.
        trainable = found.estimate.z_std > found.estimate.mismatch_std / 2
        before = progress.attainable_half_width
        before = math.inf if before is None else before
        narrower = found.attainable_half_width < 0.8 * before
        return progress.stage < self.max_rounds and trainable and narrower

    def _untrained(self, equation, grid, run):
        """The approximation before training, on paths that suit the drift it shows."""
        run.line.phase("start: sampling paths")
        approximation = NetworkApproximation(
            self._model(equation, grid, bool(self.importance_sampling), run.seed)
        )
        estimator = run.estimator(approximation)
        run.line.phase("start: a pilot run of paths")
        drift_size, iterated_integrals = _pilot_run(estimator)
        model = approximation.model
        if self.importance_sampling is None:
            model.importance_sampling = drift_size > _DRIVEN
        strong = (
            self.importance_sampling is not False and drift_size > _STRONG * model.num_steps
        )
        named = self.control is None or isinstance(self.control, str)
        fixed = not named and as_control(self.control).num_times is not None
        any_grid = self.subnets is None and not fixed
        if self.importance_sampling is None and self._free_grid and any_grid and strong:
            # Rare paths decide the value: drive the paths from the start, in small steps.
            grid = as_time_grid("solve", equation, 5 * default_settings(equation).num_steps)
            model = self._model(equation, grid, True, run.seed)
            approximation = NetworkApproximation(model)
        # Where the drift moves paths further than their noise does, z bends in a step.
        model.iterated_integrals = iterated_integrals and not strong
        return approximation

    def _model(self, equation, grid, importance_sampling, seed):
        """The `GlobalModel` to train."""
        control = self.control if self.subnets is None else self.subnets
        named = not isinstance(control, keras.layers.Layer)
        if self.subnets is None and len(grid) > 2 and named:
            if control is None:
                dense = self.hidden is not None or not is_exchangeable(equation)
                control = "shared" if dense else "exchangeable"
            options = {} if self.hidden is None else {"hidden": self.hidden}
            control = make_control(
                control,
                grid[1:-1],
                equation.dim,
                noise_dim=equation.noise_dim,
                dtype=self.dtype,
                seed=seed,
                **options,
            )
        elif self.subnets is None and len(grid) == 2:
            control = "stacked"  # not used: there are no inner times
        return GlobalModel(
            equation,
            control=control,
            grid=grid,
            # Trained subnets already hold the whole of z.
            terminal_skip=self.subnets is None
            and not (isinstance(control, ControlProcess) and control.uses_terminal),
            train_control=self.subnets is None,
            rule=self.rule,
            importance_sampling=importance_sampling,
            seed=seed,
            dtype=self.dtype,
        )

    def _identity(self, equation, grid, steps, batch_size, run):
        """The settings in which a run must equal the one whose checkpoints it reads."""
        control, subnets = self.control, self.subnets
        named = isinstance(control, str) or control is None
        return {
            "equation": type(equation).__name__,
            "equation_config": equation.get_config(),
            "grid": grid.tolist(),
            "control": control if named else type(control).__name__,
            "hidden": self.hidden,
            "subnets": None if subnets is None else len(subnets),
            "frozen": self.frozen,
            "rule": self.rule,
            "importance_sampling": self.importance_sampling,
            "steps": steps,
            "batch_size": batch_size,
            "seed": run.seed,
            "dtype": self.dtype,
            "optimizer": description(self.optimizer),
        }


def _check_control(owner, control, hidden):
    """Raises ValueError unless `control` is a name, or a layer without `hidden`."""
    if not isinstance(control, keras.layers.Layer):
        checks.one_of(owner, "control", control, CONTROLS, ", or a layer of (t, x)")
    elif hidden is not None:
        received = f"hidden={checks.describe(hidden)} beside control={control.name!r}"
        expected = "left out where the control process is a layer"
        raise checks.ArgumentError(checks.message(owner, "hidden", expected, received))


def _pilot_run(estimator):
    """`Estimator.pilot_run` before training."""
    try:
        return agreed(estimator.pilot_run())
    except FloatingPointError:
        # Training raises the same error, with advice.
        return agreed((0.0, False))
