"""Shell commands of README and docs: run as printed, page by page, in the order printed.

What takes minutes is marked slow. The quick test runs the same commands through each
script's own flags and folders, with the work itself left out.
"""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from kerasmodels._scripts import command_line
from tests import processes
from tests.test_experiments import load

ROOT = pathlib.Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MAKEFILE = (ROOT / "Makefile").read_text()
# What a clone holds that the commands need.
NEEDED = ("experiments", "kerasmodels", "Makefile", "requirements.txt")
NEEDED += ("requirements-dev.txt",)

# Commands that no test runs as they are printed, each with the reason.
HOURS = "measures for minutes to hours; tests/test_benchmarks.py runs its quick mode"
ITSELF = "runs this test"
NETWORK = "downloads packages; .ci/run does it"
TWO_MACHINES = "two machines; tests/bsde/test_distribution.py has two processes of one"
MINUTES = "takes many minutes; the README's sweep is run, and the flags of this one"
NOT_RUN = {
    "python experiments/bsde_sweep.py --seeds 0 1 2 3": MINUTES,
    "python experiments/bsde_sweep.py --equations burgers hjb --dim 50 --jobs 4 "
    "--out results/mine": MINUTES,
    "make test": ITSELF,
    "make test-all": ITSELF,
    "make test-lowest": ITSELF,
    "make benchmark-check": HOURS,
    "make soak": HOURS,
    "pip install .": NETWORK,
    "pip install '.[ray]'": NETWORK,
    "pip install '.[onnx]'": NETWORK,
    # The other way to do what `make solve` does.
    "pip install -r requirements.txt && python experiments/bsde.py": NETWORK,
    "source .venv/bin/activate": "changes the shell that it is typed into",
    "pytest tests/bsde/test_resume.py --kills 50": ITSELF,
    **{
        f"python benchmarks/{name}.py": HOURS
        for name in (
            "ablation",
            "absent_classes",
            "accuracy",
            "by_hand",
            "coverage",
            "estimate",
            "first_answer",
            "outside",
            "peers",
            "regression",
            "report",
            "scaling",
            "speed",
        )
    },
    **{
        "python experiments/bsde.py --out results/two "
        f"--workers 10.0.0.1:2222,10.0.0.2:2222 --worker {k}": TWO_MACHINES
        for k in (0, 1)
    },
}


def commands(path):
    """The commands of a page in order, of blocks and within the text, without comments."""
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    start = r"(?:python3?|make|pip|source|pytest|bash|sh|git)\b"
    found = re.finditer(rf"^    ({start} .*)$|`({start}\s[^`]+)`", text, re.MULTILINE)
    lines = (match[1] or match[2] for match in found)
    return [" ".join(line.partition(" #")[0].split()) for line in lines]


BY_PAGE = {path.name: commands(path) for path in PAGES}
README = "README.md"
# What the README prints too is run there, once: such commands take minutes.
RUN = {
    name: [
        line
        for line in dict.fromkeys(lines)
        if line not in NOT_RUN and (name == README or line not in BY_PAGE[README])
    ]
    for name, lines in BY_PAGE.items()
}


def test_every_command_is_run_or_has_its_reason():
    printed = {line for lines in BY_PAGE.values() for line in lines}
    assert set(NOT_RUN) <= printed
    for line in printed - set(NOT_RUN):
        assert line.startswith(("python experiments/", "python -m kerasmodels", "make s"))
    # The newcomer's page, and every script's own.
    assert "make solve" in RUN[README] and len(RUN[README]) >= 8
    assert {line for lines in RUN.values() for line in lines} == printed - set(NOT_RUN)
    scripts = {path.name for path in (ROOT / "experiments").glob("[!_]*.py")}
    assert scripts == {
        name for name in scripts if any(f"experiments/{name}" in line for line in printed)
    }
    for line in NOT_RUN:
        for word in shlex.split(line):
            if word.endswith(".py"):
                assert (ROOT / word).exists(), line
            if line.startswith("make ") and word != "make":
                assert re.search(rf"^{word}:", MAKEFILE, re.MULTILINE), line
    # What is downloaded under the name of the extra.
    assert re.search(r"^ray = \[", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)


def test_nothing_advises_to_install_the_package_that_has_our_name():
    advice = re.compile(r"pip install (-\S+ )*['\"]?kerasmodels")
    assert advice.search("pip install -U kerasmodels[ray]")
    sources = [*PAGES, *ROOT.glob("*.md"), *(ROOT / "kerasmodels").rglob("*.py")]
    assert [path for path in sources if advice.search(path.read_text())] == []


def recipe(line):
    """What make runs for a target of ours that is one command."""
    target = line.removeprefix("make ")
    return re.search(rf"^{target}:.*\n\t\$\(BIN\)/(.*)$", MAKEFILE, re.MULTILINE)[1]


@pytest.mark.parametrize("page", [page for page, lines in BY_PAGE.items() if lines])
def test_flags_and_folders_of_a_page_in_its_order(page, tmp_path, monkeypatch, capsys):
    """Every script takes the flags, and none finds another command's result in its way."""
    monkeypatch.chdir(tmp_path)
    execute = command_line.execute
    ran = []

    def without_the_work(parser, args, run, plot, line, **options):
        def run(args):
            ran.append(args)
            return {}

        def plot(result, path):
            path.touch()

        return execute(parser, args, run, plot, str, **options)

    monkeypatch.setattr(command_line, "execute", without_the_work)
    lines = BY_PAGE[page]
    start = "python experiments/"
    lines = [line for line in lines if line not in NOT_RUN or line.startswith(start)]
    for line in dict.fromkeys(lines):
        line = recipe(line) if line.startswith("make ") else line
        _, script, *flags = shlex.split(line)
        if script == "-m" or "--list" in flags:
            continue
        try:
            load(ROOT / script).main(flags)
        except SystemExit as stop:
            assert "--help" in flags and stop.code == 0, capsys.readouterr().err


def clone(folder):
    """A folder as a clone has it, with what `make` sets up: an environment of Python."""
    folder.mkdir()
    for name in NEEDED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        ignored = {"ignore": shutil.ignore_patterns("__pycache__")}
        copy(ROOT / name, folder / name, **(ignored if copy is shutil.copytree else {}))
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    # Newer than the requirements, so that make installs nothing.
    (folder / ".venv" / "installed").touch()
    return folder


def finish(line, folder, streams):
    """Runs a command as a shell in `folder` does; returns what it prints."""
    _, script, *flags = shlex.split(line)
    if script.endswith(".py"):
        # TensorFlow is imported already.
        child = processes.script(streams, script, *flags, cwd=folder)
        # Tables of many runs take longer than any other child.
        return child.succeed(limit=6 * processes.HANG)
    path = os.pathsep.join([str(folder / ".venv" / "bin"), os.environ["PATH"]])
    done = subprocess.run(
        ["sh", "-c", line],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page, lines in RUN.items() if lines])
def test_commands_of_a_page_end_well_in_its_order(page, tmp_path):
    folder = clone(tmp_path / "clone")
    for k, line in enumerate(RUN[page]):
        print(line)
        printed = finish(line, folder, tmp_path / f"streams-{k}").strip()
        assert printed, line
        if "experiments/" in line and not re.search("--list|--help", line):
            # The last line names the folder, and the result lies there.
            out = printed.splitlines()[-1].rpartition("written to ")[2]
            assert (folder / out / "result.json").exists() and (
                folder / out / "figure.png"
            ).exists(), line


def test_list_and_help_run_from_a_clone(tmp_path):
    folder = clone(tmp_path / "clone")
    listed = finish("python experiments/bsde.py --help", folder, tmp_path / "help")
    assert "--tolerance" in listed and "results/bsde" in listed
    assert sorted(path.name for path in folder.iterdir()) == sorted([".venv", *NEEDED])
