"""The code in README and docs runs as printed, and prints what it says."""

import ast
import inspect
import pathlib
import re

import pytest

import kerasmodels
from tests import processes

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def python_blocks(path):
    return re.findall(r"```python\n(.*?)```", path.read_text(), re.DOTALL)


# A solve of a hundred dimensions twice, one of a user's own equation, and other trainings.
LONG = ("README.md-0", "README.md-1", "README.md-2", "bsde.md-0", "bsde.md-1")
LONG += ("README.md-3", "bsde_region.md-0", "bsde_greeks.md-0", "bsde_control.md-0")
LONG += ("bsde_sweep.md-0", "spiral.md-0", "generalized_dice.md-0", "your_subnets.md-0")
BLOCKS = [
    pytest.param(block, id=name, marks=pytest.mark.slow if name in LONG else [])
    for path in PAGES
    for k, block in enumerate(python_blocks(path))
    for name in [f"{path.name}-{k}"]
]


def test_readme_shows_the_two_ways_and_a_user_equation():
    blocks = "\n".join(python_blocks(ROOT / "README.md"))
    for needed in ("bsde.solve(", "model.fit(", "(bsde.Equation):"):
        assert needed in blocks
    # The newcomer's commands, indented as a block.
    for target in ("solve", "test"):
        assert re.search(rf"^    make {target}\b", README, re.M)
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.M)


@pytest.mark.parametrize("block", [param.values[0] for param in BLOCKS])
def test_calls_of_the_package_have_arguments_that_it_takes(block):
    calls = [node for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Call)]
    for call in calls:
        # "bsde.solve" and the like; a method of a result has no name that is known here.
        found = re.fullmatch(r"(\w+)\.(\w+)", ast.unparse(call.func))
        if found and found[1] in kerasmodels.__all__:
            function = getattr(getattr(kerasmodels, found[1]), found[2])
            plain = not any(isinstance(argument, ast.Starred) for argument in call.args)
            keywords = {word.arg: None for word in call.keywords if word.arg}
            if plain:
                inspect.signature(function).bind(*call.args, **keywords)


@pytest.mark.parametrize("block", BLOCKS)
def test_block_prints_what_its_comments_say(block, tmp_path):
    promised = re.findall(r"# -> (.*)", block)
    assert promised
    path = tmp_path / "block.py"
    path.write_text(block)
    done = processes.script(tmp_path / "streams", path, cwd=tmp_path)
    printed = [line for line in done.succeed().splitlines() if line.strip()]
    assert printed[-len(promised) :] == promised


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_files_that_a_page_links_exist(path):
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", path.read_text()):
        assert (path.parent / target).exists(), target


@pytest.mark.parametrize("script", sorted((ROOT / "experiments").glob("[!_]*.py")))
def test_every_experiment_has_a_row_a_page_and_a_figure(script):
    assert f"`experiments/{script.name}`" in README
    page = ROOT / "docs" / f"{script.stem}.md"
    assert f"](docs/{page.name})" in README
    # Two dozen figures would bury the rest of the README: each stands on its page.
    assert re.search(rf"!\[.+\]\({script.stem}.*\.png\)", page.read_text())
