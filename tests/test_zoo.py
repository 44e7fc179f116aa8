"""One list of systems: README, command line and folders say the same."""

import pathlib

from kerasmodels import zoo
from kerasmodels.__main__ import main

ROOT = pathlib.Path(__file__).parents[1]


def test_every_script_is_an_entry_with_a_page_and_a_figure():
    scripts = {path.stem for path in (ROOT / "experiments").glob("[!_]*.py")}
    assert {entry.name for entry in zoo.ENTRIES} == scripts
    assert len(zoo.ENTRIES) == len(scripts)
    for entry in zoo.ENTRIES:
        page = (ROOT / entry.page).read_text()
        assert f"experiments/{entry.name}.py" in page
        # The first two lines after the title say what the reader learns.
        title, empty, learns = page.splitlines()[:3]
        assert title.startswith("# ") and not empty and learns.startswith("What you learn")
        assert list((ROOT / "docs").glob(f"{entry.name}*.png"))


def test_the_table_of_the_readme_is_the_generated_one():
    assert f"\n{zoo.markdown()}\n" in (ROOT / "README.md").read_text()


def test_the_command_line_lists_every_command(capsys):
    main([])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(zoo.ENTRIES)
    for line, entry in zip(lines, zoo.ENTRIES):
        assert line.startswith(f"python experiments/{entry.name}.py ")
        assert entry.title in line
    main(["--markdown"])
    assert capsys.readouterr().out.strip() == zoo.markdown()
