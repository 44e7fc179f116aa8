"""Bad flags to every script: one line, exit code 2, at once, and nothing written."""

import time

from tests.test_experiments import SCRIPTS, load

EVERY = [
    ["--seed", "-1"],
    ["--seed", "1.5"],
    ["--seed", "one"],
    ["--seed", ""],
    ["--seed", str(2**63)],
    ["--seed"],
    ["--out"],
    ["--quick=3"],
    ["--sead", "1"],
    ["--no-such-flag"],
    ["-x"],
    ["extra"],
]
# What the line says, where that is more than that something is wrong.
SAYS = {"--sead": "Did you mean --seed?", str(2**63): "`seed`", "-1": "`seed`"}
BSDE = {
    ("--equation", "hbj"): "Did you mean 'hjb'?",
    ("--equation", "burger"): "Did you mean 'burgers'?",
    ("--equation", ""): "unknown equation",
    ("--dim", "0"): "`dim`",
    ("--dim", "-3"): "`dim`",
    ("--dim", "2.0"): "--dim",
    ("--dim", "many"): "--dim",
    ("--dim", str(10**13)): "would need",
    ("--num-steps", "0"): "`num_steps`",
    ("--num-steps", "-1"): "`num_steps`",
    ("--num-steps", "1.5"): "--num-steps",
    ("--num-steps", str(10**13)): "would need",
    ("--steps", "0"): "`steps`",
    ("--steps", "-5"): "`steps`",
    ("--steps", "ten"): "--steps",
    ("--batch-size", "0"): "`batch_size`",
    ("--batch-size", "-1"): "`batch_size`",
    ("--batch-size", str(10**13)): "would need",
    ("--num-paths", "0"): "`num_paths`",
    ("--num-paths", "1e5"): "--num-paths",
    ("--max-rounds", "0"): "`max_rounds`",
    ("--max-rounds", "-1"): "`max_rounds`",
    ("--tolerance", "0"): "`tolerance`",
    ("--tolerance", "-1e-3"): "--tolerance",
    ("--tolerance", "nan"): "`tolerance`",
    ("--tolerance", "inf"): "`tolerance`",
    ("--tolerance", "1 %"): "--tolerance",
    ("--learning-rate", "0"): "`learning_rate`",
    ("--learning-rate", "nan"): "`learning_rate`",
    ("--learning-rate=-1",): "`learning_rate`",
    ("--hidden", "0"): "`hidden`",
    ("--hidden", "8", "-1"): "`hidden`",
    ("--hidden", "8.5"): "--hidden",
    ("--hidden", "8", "--control", "exchangeable"): "`hidden`",
    ("--hidden", str(10**13), "--control", "shared"): "would need",
    ("--control", "stack"): "--control",
    ("--rule", "euler"): "--rule",
    ("--dtype", "float16"): "--dtype",
    ("--param", "control_cots=2"): "Did you mean 'control_cost'?",
    ("--param", "control_cost"): "NAME=NUMBER",
    ("--param", "control_cost=much"): "NAME=NUMBER",
    ("--param", "control_cost=nan"): "`control_cost`",
    ("--param", "control_cost=inf"): "`control_cost`",
    ("--param", "control_cost=-1"): "`control_cost`",
    ("--param", "terminal_time=0"): "`terminal_time`",
    ("--param", "terminal_time=-1"): "`terminal_time`",
    ("--param", "x0=nan"): "`x0`",
    ("--param", "=3"): "one of",
    ("--equation", "default-risk", "--param", "volatility=0"): "`volatility`",
    ("--equation", "default-risk", "--param", "high_value=1"): "`high_value`",
    ("--equation", "different-rates", "--param", "borrowing_rate=0"): "`borrowing_rate`",
    ("--equation", "black-scholes-basket", "--param", "x0=-1"): "`x0`",
    ("--frozen",): "add --pretrain",
    ("--frozen", "--pretrain", "--control", "shared"): "leave out --control",
    ("--pretrain", "--control", "shared"): "leave out --control",
    ("--pretrain", "--num-steps", "1"): "inner times",
    ("--pretrain", "--seed", "-1"): "`seed`",
    ("--pretrain", "--steps", "0"): "`steps`",
    ("--pretrain", "--batch-size", "0"): "`batch_size`",
    ("--pretrain", "--tolerance", "nan"): "`tolerance`",
    ("--pretrain", "--learning-rate", "0"): "`learning_rate`",
    ("--pretrain", "--hidden", "0"): "`hidden`",
    ("--batchsize", "3"): "Did you mean --batch-size?",
    ("--learing-rate", "3"): "Did you mean --learning-rate?",
}
HOUSING = {
    ("--hidden", "0"): "`hidden`",
    ("--hidden", str(10**13)): "would need",
    ("--epochs", "0"): "`epochs`",
    ("--epochs", "1.5"): "--epochs",
    ("--learning-rate", "0"): "`learning_rate`",
    ("--learning-rate", "nan"): "`learning_rate`",
    ("--table", "diabets"): "--table",
    ("--csv", "none.csv"): "`path`",
    ("--csv", "."): "`path`",
    ("--csv", "none.csv", "--table", "california"): "not allowed with",
}


def refused(main, flags, capsys):
    """What the script prints, or what is wrong with the way in which it ends."""
    begin = time.thread_time()
    try:
        main(flags)
    except SystemExit as stop:
        code = stop.code
    except BaseException as error:
        return None, f"{type(error).__name__}: {error}"
    else:
        return None, "ran"
    if time.thread_time() - begin > 1.0:
        return None, f"took {time.thread_time() - begin:.1f} s"
    lines = capsys.readouterr().err.splitlines()
    if code != 2 or len(lines) != 1:
        return None, f"ended with code {code} and {len(lines)} lines: {lines[:3]}"
    return lines[0], None


def cases_of(script, folder):
    """Pairs (flags, words in the line) for one script."""
    said = [(flags, next((SAYS[f] for f in flags if f in SAYS), "")) for flags in EVERY]
    said += {"bsde": BSDE, "housing": HOUSING}.get(script, {}).items()
    cases = [
        (["--out", str(folder / "out" / "deep"), *flags], text) for flags, text in said
    ]
    for place in (folder / "file" / "below", folder / "file"):
        cases.append((["--quick", "--out", str(place)], "cannot write to --out"))
    return cases


def test_a_wrong_value_is_told_before_a_result_that_is_there(tmp_path, capsys):
    """What is wrong with the flags first: a new folder would not help."""
    (tmp_path / "result.json").write_text('{"complete": true}')
    scripts = {path.stem: load(path).main for path in SCRIPTS}
    cases = [("bsde", flags, words) for flags, words in BSDE.items()]
    cases += [("housing", flags, words) for flags, words in HOUSING.items()]
    wrong = []
    for script, flags, words in cases:
        flags = ["--out", str(tmp_path), *flags]
        line, found = refused(scripts[script], flags, capsys)
        if found or words not in line or "is a finished result" in line:
            wrong.append(f"{script} {' '.join(flags[2:])}: {found or line}")
    line, _ = refused(scripts["bsde"], ["--out", str(tmp_path)], capsys)
    assert "is a finished result and stays as it is" in line
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]
    assert not wrong, "\n".join(wrong)


def test_bad_flags_end_with_code_2_and_one_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    count, wrong = 0, []
    for path in SCRIPTS:
        main = load(path).main
        for flags, text in cases_of(path.stem, tmp_path):
            line, found = refused(main, flags, capsys)
            if found is None and not line.startswith(f"{path.name}: error: "):
                found = f"says: {line}"
            if found is None and text not in line:
                found = f"does not say {text!r}: {line}"
            count += 1
            if found:
                wrong.append(f"{path.name} {' '.join(flags[2:])} {found}"[:300])
        assert [p.name for p in tmp_path.iterdir()] == ["file"], path.name
    told = f"scripts: {count - len(wrong)} of {count} bad inputs clean"
    with capsys.disabled():
        print(f"\n{told}")
    assert not wrong, "\n".join([told, *wrong])
