"""The code in README and docs runs as printed, and prints what it says."""

import pathlib
import re

import pytest

from tests import processes

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def python_blocks(path):
    return re.findall(r"```python\n(.*?)```", path.read_text(), re.DOTALL)


BLOCKS = [
    pytest.param(block, id=f"{path.name}-{k}")
    for path in PAGES
    for k, block in enumerate(python_blocks(path))
]


def test_readme_shows_the_two_ways_and_a_user_equation():
    blocks = "\n".join(python_blocks(ROOT / "README.md"))
    for needed in ("bsde.solve(", "model.fit(", "(bsde.Equation):"):
        assert needed in blocks
    # The newcomer's commands, indented as a block.
    for target in ("solve", "test"):
        assert re.search(rf"^    make {target}\b", README, re.M)
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.M)


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
