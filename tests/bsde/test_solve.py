"""The whole way: small problems are solved, and the files say so."""

import csv
import json
import sys

import keras
import numpy as np
import pytest
from keras import ops

from kerasmodels import bsde
from kerasmodels.bsde import rounds
from kerasmodels.bsde.verify.checking import check_equation
from tests.helpers import Hand

# Where it does not matter how good the answer is.
SMALL = {"num_steps": 2, "steps": 10, "batch_size": 8, "num_paths": 256, "max_rounds": 1}


@pytest.mark.slow
@pytest.mark.parametrize("control", ["stacked", "shared"])
def test_small_hjb_is_solved(control):
    solution = bsde.solve(
        bsde.HJB(5), tolerance=20, control=control, steps=300, hidden=[16]
    )
    result = solution.to_dict()
    # The baseline E g(X_T) is 13 % off; the left-point rule on this grid costs 1.1 %.
    assert result["relative_error"] < 0.02
    assert abs(result["baseline_u0"] / result["reference_u0"] - 1) > 0.1


def test_user_equation_with_linear_driver():
    # dY = -f dt with f = -0.3 u discounts: u0 = 1.25 exp(-0.3), z0 = exp(-0.3).
    solution = bsde.solve(
        Hand(dim=1, x0=0.5, a=-0.3),
        tolerance=20,
        steps=200,
        hidden=[16],
        learning_rate=0.02,
    )
    # Seen: 1e-5 and 0.007.
    assert solution.u0 == pytest.approx(0.926023, rel=1e-3)
    assert solution.z0[0] == pytest.approx(0.740818, rel=0.02)
    assert solution.to_dict()["reference_u0"] is None


def test_saved_solution_reads_back(tmp_path):
    solution = bsde.solve(bsde.Burgers(2), hidden=[4], **SMALL)
    solution.save(tmp_path)
    result = json.loads((tmp_path / "result.json").read_text())
    wanted = "equation dim num_steps u0 reference_u0 relative_error baseline_u0 loss "
    wanted += "seconds seed versions history"
    assert set(wanted.split()) <= set(result)
    assert result["equation"] == "burgers" and result["u0"] == solution.u0
    rows = list(csv.DictReader((tmp_path / "history.csv").read_text().splitlines()))
    assert [int(row["step"]) for row in rows] == result["history"]["step"]
    model = keras.saving.load_model(tmp_path / "model.keras")
    # The estimate is a float64; the model keeps it in float32.
    assert float(model.u0.numpy()) == pytest.approx(solution.u0, rel=1e-6)
    assert model.equation.get_config() == solution.equation.get_config()


def test_diverging_run_is_an_error_with_advice():
    with pytest.raises(FloatingPointError, match="learning_rate"):
        bsde.solve(Hand(dim=1, a=1e30), num_steps=5, steps=5, batch_size=8)


def test_nothing_trains_on_the_answer(monkeypatch):
    @keras.saving.register_keras_serializable(package="tests.solve")
    class Blind(bsde.HJB):
        seen = 0

        def exact_solution(self, t, x):
            if Blind.seen:
                raise AssertionError("the exact solution was read")
            return super().exact_solution(t, x)

        def reference(self):
            raise AssertionError("the reference was read")

    def check_and_shut(equation, **options):
        check_equation(equation, **options)
        Blind.seen += 1

    # The check of a user's equation compares with the answer; from then on it is shut.
    monkeypatch.setattr(
        sys.modules[bsde.solve.__module__], "check_equation", check_and_shut
    )
    blind = bsde.solve(Blind(3), **SMALL)
    assert Blind.seen == 1
    seeing = bsde.solve(bsde.HJB(3), **SMALL)
    assert blind.u0 == seeing.u0


def test_settings_of_the_table_and_of_the_rest():
    assert bsde.default_settings(bsde.HJB(2)).num_steps == 20
    assert bsde.default_settings(bsde.Burgers(2)).num_steps == 40
    assert bsde.default_settings(Hand()).num_steps == 20


def test_interval_is_reported_with_its_parts_and_holds_the_truth():
    solution = bsde.solve(bsde.BlackScholesBarenblatt(3), tolerance=5e-3, steps=100)
    result = json.loads(json.dumps(solution.to_dict(), allow_nan=False))
    low, high = result["u0_interval"]
    assert low < result["reference_u0"] < high and low < result["u0"] < high
    assert solution.converged and high - low < 2 * 5e-3 * result["u0"]
    assert result["u0_standard_error"] < high - low
    assert float(solution.model.u0) == pytest.approx(solution.u0, rel=1e-6)
    assert solution.plot().axes[0].get_legend() is not None


def test_what_cannot_be_reached_is_said_after_the_last_round():
    solution = bsde.solve(
        bsde.HJB(2), tolerance=1e-9, **{**SMALL, "steps": 20, "max_rounds": 2}
    )
    assert not solution.converged
    assert solution.history["step"][-1] == 40


@pytest.mark.slow
def test_strong_drift_is_found_before_training():
    options = {"steps": 5, "batch_size": 8, "num_paths": 1, "max_rounds": 1}
    rare = bsde.solve(bsde.HJB(5, control_cost=200.0), **options)
    assert rare.model.importance_sampling and rare.model.num_steps == 100


@pytest.mark.parametrize(
    "dtype", ["mixed_bfloat16", pytest.param("float64", marks=pytest.mark.slow)]
)
def test_other_precisions(dtype):
    solution = bsde.solve(
        bsde.Heat(2), steps=10, batch_size=8, num_paths=1, max_rounds=1, dtype=dtype
    )
    assert solution.u0 == pytest.approx(2.0, rel=0.1)
    assert not solution.model.importance_sampling and solution.model.num_steps == 20


def test_control_is_chosen_by_the_symmetry_of_the_equation(monkeypatch):
    @keras.saving.register_keras_serializable(package="tests.solve")
    class FirstCounts(bsde.Heat):
        def terminal(self, x):
            return x[:, :1] ** 2

        def exact_solution(self, t, x):
            return None

    class Made(Exception):
        pass

    def train(model, *args, **options):
        raise Made(model.control)

    def control(equation, **options):
        with pytest.raises(Made) as made:
            bsde.solve(equation, **options, **SMALL)
        return made.value.args[0]

    monkeypatch.setattr(sys.modules[bsde.DeepBSDE.__module__], "train", train)
    assert type(control(bsde.Heat(2))) is bsde.ExchangeableControl
    assert type(control(FirstCounts(2))) is bsde.SharedControl
    assert control(bsde.Heat(2), hidden=[4]).hidden == (4,)


def test_baseline_is_the_mean_of_the_terminal_condition():
    # 2^14 paths: |W|^2 in d = 4 has standard deviation 2.83, so 0.022 for the mean.
    assert bsde.baseline(bsde.Heat(4)) == pytest.approx(4.0, abs=0.1)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"frozen": True}, "needs `subnets`"),
        ({"dtype": "float16"}, "`dtype` to be one of"),
        ({"steps": -1}, "`steps`"),
        ({"batch_size": 1.5}, "`batch_size`"),
        ({"learning_rate": 0.0}, "`learning_rate`"),
        ({"control": "share"}, "Did you mean 'shared'"),
        ({"control": "exchangeable", "hidden": [4]}, "`hidden`"),
        ({"tolerance": 0.0}, "`tolerance`"),
        ({"num_paths": 0}, "`num_paths`"),
        ({"max_rounds": 0}, "`max_rounds`"),
        ({"importance_sampling": "auto"}, "`importance_sampling`"),
        ({"rule": "euler"}, "`rule`"),
        ({"equation": bsde.HJB}, "an instance of `Equation`"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        bsde.solve(**{"equation": bsde.Heat(2), "num_steps": 3, **arguments})


def test_history_continues_over_two_trainings():
    equation = bsde.Heat(1)
    model = bsde.GlobalModel(equation, num_steps=3)
    history = {"step": [], "loss": [], "u0": []}
    for _ in range(2):
        bsde.train(model, 4, 8, 0.01, 0, history, num_points=2)
    assert history["step"] == [2, 4, 6, 8]
    assert np.all(np.isfinite(history["loss"]))


def test_training_that_a_callback_stops_early_keeps_its_result():
    stop = keras.callbacks.EarlyStopping(monitor="loss", patience=0, min_delta=1e9)
    solution = bsde.solve(bsde.Heat(1), callbacks=[stop], **{**SMALL, "steps": 50})
    assert 2 <= solution.history["step"][-1] < 50


@keras.saving.register_keras_serializable(package="tests.solve")
class Rotated(bsde.Heat):
    """No x0 among the arguments, and a matrix among them."""

    def __init__(self, dim=5, sigma=None):
        super().__init__(dim)
        self.sigma = np.eye(dim) if sigma is None else np.asarray(sigma)


def test_equation_without_x0_and_with_a_matrix_is_reported():
    solution = bsde.solve(Rotated(), **SMALL)
    result = json.loads(json.dumps(solution.to_dict(), allow_nan=False))
    assert np.shape(result["equation_config"]["sigma"]) == (5, 5)
    assert "Rotated(dim=5" in repr(Rotated())


def test_equation_that_cannot_be_saved_is_refused_before_training():
    class Unsavable(bsde.Heat):
        def __init__(self, dim=2, shape=None):
            super().__init__(dim)
            self.shape = np.sin

    with pytest.raises(bsde.EquationError, match="cannot be saved"):
        bsde.solve(Unsavable(), num_steps=3, steps=1)


class Unregistered(bsde.Heat):
    """Sound, but no file could name it."""


def test_equation_that_is_not_registered_is_refused_before_training(monkeypatch, tmp_path):
    def never(*args, **kwargs):
        raise AssertionError("a model was made")

    # One mistake in the equation itself comes first; then the line that is missing.
    monkeypatch.setattr(bsde.DeepBSDE, "_model", never)
    line = r'register_keras_serializable\(package="mine"\)` in the line above `class Unreg'
    with pytest.raises(ValueError, match=line):
        bsde.solve(Unregistered(2), num_steps=3, steps=1)
    with pytest.raises(ValueError, match=line):
        bsde.GlobalModel(Unregistered(2), num_steps=3)
    with pytest.raises(ValueError, match=line):
        bsde.sweep([Unregistered(2)], [0], tmp_path, verbose=0)
    with pytest.raises(ValueError, match=line):
        bsde.solve_on_ray(Unregistered(2), tmp_path)


def test_two_equations_of_one_registered_name_are_told_apart():
    register = keras.saving.register_keras_serializable(package="tests.twice", name="Mine")

    def define():
        @register
        class First(bsde.Heat):
            pass

        return First(2)

    # As in a notebook: a cell that runs again defines the same class.
    again = [define(), define()]
    for equation in again:
        assert bsde.GlobalModel(equation, num_steps=1, u0=0.0, z0=0.0).equation is equation

    @register
    class Second(bsde.HJB):
        pass

    # A file with a First would be read back as a Second.
    with pytest.raises(ValueError, match=r"now belongs to `tests.*\.Second`"):
        bsde.GlobalModel(again[1], num_steps=1, u0=0.0, z0=0.0)
    assert bsde.GlobalModel(Second(2), num_steps=1, u0=0.0, z0=0.0).equation.dim == 2


def test_terminal_condition_without_values_is_named():
    with pytest.raises(ValueError, match="NaN or infinite values of g"):
        bsde.solve(bsde.Heat(2, x0=1e30), num_steps=3, steps=1)


class Flipped(bsde.Burgers):
    def driver(self, t, x, u, z):
        return -super().driver(t, x, u, z)


class LostAxis(bsde.Heat):
    def terminal(self, x):
        return ops.sum(x**2, axis=-1)


@pytest.mark.parametrize(
    "cls, words", [(Flipped, "sign of the driver flipped"), (LostAxis, "`terminal`")]
)
def test_mistakes_of_an_equation_are_named_before_training(cls, words, monkeypatch):
    def never(*args, **kwargs):
        raise AssertionError("a model was made")

    monkeypatch.setattr(bsde.DeepBSDE, "_model", never)
    with pytest.raises(bsde.EquationError, match=words):
        bsde.solve(cls(3), **SMALL)


def test_check_before_a_solve_is_short_and_skips_the_equations_of_the_package(monkeypatch):
    class Ready(Exception):
        pass

    def stop(*args, **kwargs):
        raise Ready

    def never(*args, **kwargs):
        raise AssertionError("it was checked")

    solve = sys.modules[bsde.solve.__module__]
    monkeypatch.setattr(bsde.DeepBSDE, "_model", stop)

    @keras.saving.register_keras_serializable(package="tests.solve")
    class Mine(bsde.HurePhamWarin):
        pass

    checked = []

    def noted(equation, num_points, seed):
        checked.append(num_points * equation.dim)
        return check_equation(equation, num_points=num_points, seed=seed)

    monkeypatch.setattr(solve, "check_equation", noted)
    for dim in (3, 100, 5000):
        with pytest.raises(Ready):
            bsde.solve(Mine(dim), "deep_bsde")
    # The work grows with points times dimension: half a second of it in dimension 100.
    assert checked == [16 * 3, 16 * 100, 2 * 5000]
    monkeypatch.setattr(solve, "check_equation", never)
    with pytest.raises(Ready):
        bsde.solve(bsde.HurePhamWarin(3), "deep_bsde")


def test_mistake_in_the_check_is_told_with_the_seed_of_the_solve(monkeypatch):
    seen = {}
    solve = sys.modules[bsde.solve.__module__]
    monkeypatch.setattr(
        solve, "check_equation", lambda equation, **options: seen.update(options)
    )
    monkeypatch.setattr(bsde.DeepBSDE, "_model", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        bsde.solve(Hand(), "deep_bsde", seed=7)
    assert seen == {"num_points": 16, "seed": 7}


@pytest.mark.parametrize("drift_size, num_steps", [(0.0, 20), (1e3, 100)])
def test_seed_of_a_solve_reaches_weights_paths_and_estimate(
    drift_size, num_steps, monkeypatch
):
    class Stop(Exception):
        pass

    class Estimator:
        def __init__(self, model, seed, most_paths):
            seeds.append(seed)

        def pilot_run(self):
            return drift_size, False

    def train(model, steps, seed, **options):
        seeds.extend([model.seed, seed])
        assert model.num_steps == num_steps
        raise Stop(model)

    def weights(seed):
        seeds.clear()
        with pytest.raises(Stop) as stop:
            bsde.solve(bsde.HJB(1), "deep_bsde", seed=seed)
        # Of the estimator, the weights and the paths.
        assert seeds == [seed] * 3
        return stop.value.args[0].get_weights()

    seeds = []
    monkeypatch.setattr(rounds, "Estimator", Estimator)
    monkeypatch.setattr(sys.modules[bsde.DeepBSDE.__module__], "train", train)
    first, again, other = weights(7), weights(7), weights(8)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_training_draws_the_paths_of_its_seed_from_where_the_history_ends(monkeypatch):
    class Stop(Exception):
        pass

    def paths(equation, batch_size, **options):
        raise Stop(batch_size, options["seed"], options["start_step"])

    monkeypatch.setattr(sys.modules[bsde.train.__module__], "distributed_paths", paths)
    history = {"step": [3], "loss": [1.0], "u0": [1.0]}
    for seed in (0, 7):
        with pytest.raises(Stop) as stop:
            model = bsde.GlobalModel(bsde.Heat(1), num_steps=1, u0=1.0, z0=[0.0])
            bsde.train(model, 4, 8, 0.01, seed, history)
        assert stop.value.args == (8, seed, 3)
