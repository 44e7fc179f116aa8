"""Every script runs in its quick mode, and refuses what it cannot run in one line."""

import dataclasses
import importlib.util
import json
import pathlib
from typing import Literal

import keras
import pytest

from kerasmodels import bsde
from kerasmodels._scripts import command_line, setting_flags

ROOT = pathlib.Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "experiments").glob("[!_]*.py"))


def load(path):
    spec = importlib.util.spec_from_file_location(f"script_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


bsde_script = load(ROOT / "experiments" / "bsde.py")


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_script_has_the_one_form_and_runs(path, tmp_path, capsys):
    script = load(path)
    assert script.__doc__ and callable(script.run) and callable(script.plot)
    result = script.main(["--quick", "--out", str(tmp_path)])
    assert json.loads((tmp_path / "result.json").read_text()) == result
    assert (tmp_path / "figure.png").stat().st_size > 10_000
    # One line at the end that says what came out, and where it is.
    last = capsys.readouterr().out.strip().splitlines()[-1]
    assert last.endswith(f"; written to {tmp_path}") and len(last) > 30 + len(str(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("name", bsde.EQUATIONS)
def test_every_equation_in_quick_mode(name, tmp_path):
    bsde_script.main(["--equation", name, "--quick", "--out", str(tmp_path)])
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["equation"] == name and result["dim"] == 4
    names = {"result.json", "history.csv", "figure.png", "model.keras", "export"}
    assert {p.name for p in tmp_path.iterdir()} == {*names, "solution.json"}
    model = keras.saving.load_model(tmp_path / "model.keras")
    # The weight behind it is a float32 number.
    assert float(model.u0.numpy()) == pytest.approx(result["u0"], rel=1e-6)


@pytest.mark.parametrize(
    "flags",
    [
        pytest.param(
            ["--control", "per-step", "--dtype", "float64"], marks=pytest.mark.slow
        ),
        ["--control", "shared", "--param", "control_cost=10", "--num-steps", "1"],
        pytest.param(["--pretrain"], marks=pytest.mark.slow),
        pytest.param(
            ["--pretrain", "--frozen", "--equation", "allen-cahn"], marks=pytest.mark.slow
        ),
    ],
    ids=" ".join,
)
def test_flags(flags, tmp_path):
    result = bsde_script.main(["--quick", "--out", str(tmp_path), *flags])
    if "--param" in flags:
        assert result["equation_config"]["control_cost"] == 10.0
        assert result["num_steps"] == 1
    if "--pretrain" in flags:
        assert len(list((tmp_path / "subnets").glob("z_*.keras"))) == 4
        model = keras.saving.load_model(tmp_path / "model.keras")
        assert model.train_control is ("--frozen" not in flags)


@pytest.mark.parametrize(
    "flags, t, seed",
    [([], None, 0), (["--num-steps", "7"], 7, 0), (["--seed", "3"], None, 3)],
)
def test_solve_gets_the_seed_and_only_a_grid_that_was_given(
    flags, t, seed, tmp_path, monkeypatch
):
    class Seen(Exception):
        pass

    def solve(equation, **options):
        if options["method"] == "regression":
            raise bsde.MethodFailed("not asked here")
        raise Seen(options["num_steps"], options["seed"])

    monkeypatch.setattr(bsde, "solve", solve)
    with pytest.raises(Seen) as seen:
        bsde_script.main(["--out", str(tmp_path), *flags])
    assert seen.value.args == (t, seed)


@pytest.mark.parametrize(
    "flags, name",
    [
        ([], "hjb"),
        (["--equation", "burgers"], "burgers"),
        # What changes no result is no part of the name: the result is already there.
        (["--checkpoint-every", "100", "--resume", "--seed", "0"], "hjb"),
        (["--seed", "1", "--tolerance", "1e-3"], "hjb-seed-1-tolerance-0.001"),
        (["--tolerance", "1e-3", "--seed", "1"], "hjb-seed-1-tolerance-0.001"),
        (["--param", "control_cost=10"], "hjb-control_cost-10"),
        (
            ["--param", "x0=.1", "--param", "control_cost=1", "--param", "x0=2"],
            "hjb-control_cost-1-x0-2",
        ),
        (
            ["--hidden", "8", "16", "--no-importance-sampling"],
            "hjb-hidden-8-16-no-importance-sampling",
        ),
        (["--quick", "--pretrain", "--frozen"], "hjb-quick-pretrain-frozen"),
        (
            "--dtype float64 --learning-rate 0.1 --frozen --pretrain --rule left "
            "--num-paths 9 --max-rounds 5 --hidden 8 --tolerance 1 --steps 7 "
            "--batch-size 6 --num-steps 3 --dim 2".split(),
            "hjb-dim-2-num-steps-3-batch-size-6-steps-7-tolerance-1-num-paths-9-"
            "max-rounds-5-hidden-8-rule-left-pretrain-frozen-learning-rate-0.1-"
            "dtype-float64",
        ),
        (["--rule", "trapezoid", "--learning-rate", "0.01"], "hjb"),
        (["--method", "regression", "--seed", "1"], "hjb-seed-1-method-regression"),
        # Two numbers that print alike are two results.
        (["--tolerance", "0.00020000000001"], "hjb-tolerance-0.00020000000001"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_default_folder_is_named_by_the_flags(flags, name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bsde_script, "run", lambda args: {"seed": args.seed})
    monkeypatch.setattr(bsde_script, "plot", lambda result, path: path.touch())
    monkeypatch.setattr(bsde_script, "summary", str)
    bsde_script.main(flags)
    assert [path.name for path in tmp_path.rglob("result.json")] == ["result.json"]
    folder = tmp_path / "results" / "bsde" / name
    assert (folder / "result.json").exists()
    if "--resume" not in flags:
        with pytest.raises(SystemExit) as stop:
            bsde_script.main(flags)
        assert stop.value.code == 2 and f"bsde/{name}/result" in capsys.readouterr().err


def test_default_folder_of_a_script_and_of_a_table_that_grows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    seen = []

    def execute(parser, args, *functions, **options):
        name = parser.prog.removesuffix(".py")
        seen.append(str(args.out or command_line.default_folder(parser, args, name)))

    monkeypatch.setattr(command_line, "execute", execute)
    for script, flags in (
        ("xor", []),
        ("xor", ["--quick", "--seed", "2"]),
        ("housing", ["--csv", "../my tables/a.csv", "--learning-rate", "0.1"]),
        ("bsde_sweep", ["--seeds", "4", "5", "--equations", "heat", "--jobs", "3"]),
        ("bsde_sweep", ["--dim", "50"]),
    ):
        load(ROOT / "experiments" / f"{script}.py").main(flags)
    assert seen == [
        "results/xor",
        "results/xor-seed-2-quick",
        "results/housing-csv-.._my_tables_a.csv-learning-rate-0.1",
        "results/bsde_sweep",
        "results/bsde_sweep-dim-50",
    ]


@pytest.mark.slow
def test_same_seed_same_result(tmp_path):
    results = [
        bsde_script.main(["--quick", "--seed", "3", "--out", str(tmp_path / name)])
        for name in "ab"
    ]
    for result in results:
        del result["seconds"]
    assert results[0] == results[1]


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--equation", "hbj"], "unknown equation 'hbj'. Did you mean 'hjb'?"),
        (["--dim", "0"], "`HJB` expects `dim`"),
        (["--dim", "many"], "--dim"),
        (["--param", "control_cots=2"], "Did you mean 'control_cost'?"),
        (["--param", "control_cost"], "NAME=NUMBER"),
        (["--param", "control_cost=-1"], "`control_cost`"),
        (["--control", "stack"], "--control"),
        (["--steps", "-5"], "`steps`"),
        (["--batch-size", "0"], "`batch_size`"),
        (["--num-steps", "-1"], "`num_steps`"),
        (["--learning-rate", "0"], "`learning_rate`"),
        (["--seed", "-1"], "`seed`"),
        (["--hidden", "0"], "`hidden`"),
        (["--frozen"], "add --pretrain"),
        (["--pretrain", "--control", "shared"], "leave out --control"),
        (["--pretrain", "--seed", "-1"], "`seed`"),
        (["--seed", "99999999999999999999"], "`seed`"),
        (["--equation", "heat", "--param", "x0=1e30"], "NaN or infinite"),
        (["--pretrain", "--num-steps", "1"], "inner times"),
        (["--worker", "1"], "--workers and --worker need each other"),
        (["--workers", "a:1,b", "--worker", "0"], "Received: 'b'"),
        (["--workers", "a:1,b:2", "--worker", "2"], "less than the number of workers"),
        (["--workers", "a:1,b:2", "--worker", "0", "--pretrain"], "leave out --workers"),
        (["--method", "least-squares"], "--method"),
        (["--method", "regression", "--steps", "9"], "--steps is no setting of the method"),
        (["--num-random", "9"], "whose settings are --num-steps, --control"),
        (["--method", "monte_carlo", "--pretrain"], "leave out --method monte_carlo"),
        (["--method", "monte_carlo"], "`MonteCarlo`"),
        (["--method", "regression", "--num-random", "-1"], "`num_random`"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else "",
)
def test_bad_flags_end_with_code_2_and_one_line(flags, message, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        bsde_script.main(["--out", str(tmp_path / "out"), *flags])
    assert stop.value.code == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and message in lines[0], lines


@pytest.mark.parametrize(
    "method, equation", [("monte_carlo", "heat"), ("regression", "default-risk")]
)
def test_another_method_takes_its_own_settings(method, equation, tmp_path):
    flags = ["--method", method, "--equation", equation, "--num-steps", "4"]
    result = bsde_script.main(["--quick", "--out", str(tmp_path), *flags])
    assert result["num_steps"] == 4 and result["dim"] == 4
    assert (tmp_path / "solution.json").exists()


@dataclasses.dataclass
class First:
    """A method.

    Args:
        count: None or int. How many; 5 % of them
            are free.
        kind: "a" or "b". Which.
        free: function. No flag.
    """

    count: int | None = None
    kind: Literal["a", "b"] = "a"
    widths: list[int] | None = None
    strict: bool = False
    sure: bool | None = None
    free: object = None
    rounds: int = 5


@dataclasses.dataclass
class Second:
    """Another method.

    Args:
        factor: float. Scale.
    """

    kind: str = "a"
    factor: float = 2.0
    rounds: int = 3


def test_flags_are_made_from_fields(capsys):
    methods = {"one": First, "two": Second}
    parser = command_line.Parser(prog="x.py")
    setting_flags.add(parser, methods, "one")
    text = " ".join(parser.format_help().split())
    assert "How many; 5 % of them are free." in text and "--free" not in text
    assert "two: Scale. (default: 2.0)" in text
    assert "(default: 5 for one, 3 for two)" in text
    args = parser.parse_args("--widths 3 4 --no-sure --strict --kind b".split())
    expected = {"count": None, "kind": "b", "widths": [3, 4], "strict": True, "sure": False}
    assert setting_flags.chosen(args, First) == expected
    assert setting_flags.chosen(args, Second) == {"kind": "b", "factor": 2.0}
    setting_flags.refuse_others(parser, args, methods, "one")
    with pytest.raises(SystemExit):
        setting_flags.refuse_others(parser, args, methods, "two")
    assert "--widths is no setting of the method two" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        parser.parse_args(["--kind", "c"])


def test_unwritable_folder_is_an_error_in_one_line(tmp_path, capsys):
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as stop:
        bsde_script.main(["--quick", "--out", str(tmp_path / "file" / "below")])
    assert stop.value.code == 2
    assert "cannot write to --out" in capsys.readouterr().err


def test_list_names_every_equation(capsys):
    assert bsde_script.main(["--list"]) is None
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(bsde.EQUATIONS)
