"""Committed numbers carry their commit, and a page says which code has changed since."""

import json
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
sys.path.insert(0, str(ROOT / "benchmarks"))

import command  # noqa: E402
import evidence  # noqa: E402
import fingerprints  # noqa: E402

# Everything in which the syntax trees of Python 3.11, 3.12 and 3.13 may differ.
TRICKY = """
from __future__ import annotations
import math as m

def price(x: float, *rest: tuple[int, ...], label: str | None = None) -> "float":
    return f"{{{x:{label}.4%}}} a{x!r}b" f"c{m.pi=}" "d" rf"\\{x:>{len(label)}}" f""

class Price(Exception, metaclass=type):
    table: dict[str, int] = {**{}, "one": 1_000, u"two": 0x10}

    async def pay(self, /, *, due=None):
        async with self as (a, b), self:
            yield [c async for c in a if c is not ... and b"x" not in b]

def kind(value):
    match value:
        case None | True:
            return lambda *_: 1e-3j
        case {"a": [first, *_], **rest} if (n := len(rest)) > 1:
            return first @ n
        case Price(table=-1) as found:
            return found[1:, ::2]
    try:
        raise ValueError("\\u00e9\\U0001fae8") from None
    except* ValueError:
        pass
"""


def test_fingerprint_is_the_same_on_every_version_of_python():
    # Computed with Python 3.11.7, 3.12.1 and 3.13.0.
    assert fingerprints.fingerprint(TRICKY) == "ff1de8d61bfe"


BEFORE = '''"""A module."""

def f(x, scale=2):
    """Scales."""
    if x is None:
        pass
    return {"a": scale * x, "b": f"{x:.2f} and {scale}"}
'''
LAYOUT = [
    BEFORE.replace("A module.", "Another text."),
    BEFORE.replace('    """Scales."""\n', ""),
    BEFORE.replace("        pass", "        # Nothing to do.\n        pass"),
    BEFORE.replace("        pass", '        "Nothing to do."'),
    BEFORE.replace('{"a": scale * x, ', "{\n        'a': (scale * x),\n        "),
    BEFORE.replace('f"{x:.2f} and {scale}"', 'f"{x:.2f} " f"and " f"{scale}"'),
    BEFORE.replace("\n", "\n\n"),
]
CODE = [
    BEFORE.replace("scale=2", "scale=3"),
    BEFORE.replace("scale=2", "scale=2.0"),
    BEFORE.replace("scale=2", "scale=None"),
    BEFORE.replace("scale=2", "scale: int = 2"),
    BEFORE.replace("f(x,", "f(x, /,"),
    BEFORE.replace("scale * x", "x * scale"),
    BEFORE.replace("scale * x", "scale**x"),
    BEFORE.replace(".2f", ".3f"),
    BEFORE.replace(" and ", " or "),
    BEFORE.replace("{scale}", "{scale!r}"),
    BEFORE.replace("is None", "is not None"),
    BEFORE.replace('{"a": scale * x, ', '{**x, "a": scale, '),
    BEFORE.replace("        pass", "        return"),
    BEFORE.replace("    if x is None:\n        pass\n", ""),
]


@pytest.mark.parametrize("after", LAYOUT, ids=range(len(LAYOUT)))
def test_comments_docstrings_and_layout_leave_the_fingerprint_alone(after):
    assert after != BEFORE
    assert fingerprints.fingerprint(after) == fingerprints.fingerprint(BEFORE)


def test_every_change_of_code_changes_the_fingerprint():
    found = {fingerprints.fingerprint(source) for source in [BEFORE, *CODE]}
    assert len(found) == 1 + len(CODE)


FILES = {
    "benchmarks/fast.py": 'import json, kit\nfrom zoo import pde\nCASE = "case.py"\n',
    "benchmarks/kit.py": "def run():\n    from zoo.tools import ruler\n    return ruler\n",
    "benchmarks/case.py": "import zoo.data\n",
    "benchmarks/other.py": "SIZE = 1\n",
    "zoo/__init__.py": "from zoo import cats, pde\n",
    "zoo/cats.py": "LIVES = 9\n",
    "zoo/data.py": "import json\nfrom .pde.paths import draw\n",
    "zoo/json.py": "raise RuntimeError\n",
    "zoo/pde/__init__.py": "import zoo\nfrom zoo.pde.solve import solve\n",
    "zoo/pde/solve.py": "def solve():\n    '''Solves.'''\n    return 1\n",
    "zoo/pde/paths.py": "from ..words import text\nfrom . import grid as g\n",
    "zoo/pde/grid.py": "import numpy as np\n",
    "zoo/tools/__init__.py": "from zoo.tools.ruler import measure as ruler\n",
    "zoo/tools/ruler.py": "measure = 1\n",
    "zoo/words.py": "text = 1\n",
}


@pytest.fixture
def repository(tmp_path):
    """A small repository, and its benchmark."""
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path, tmp_path / "benchmarks" / "fast.py"


def measured(repository, **changed):
    """Results of the benchmark, measured now."""
    root, script = repository
    results = {"value": 1}
    entry = evidence.entry(script, root, started=float("inf"))
    evidence.stamp(results, entry | {"machine": "Abacus", "clean": True} | changed)
    return results


def test_a_script_rests_on_what_it_imports_and_starts(repository):
    root, script = repository
    # `import zoo.data` in case.py makes all of `zoo` available, so zoo/cats.py counts.
    rest = {"benchmarks/other.py", "zoo/json.py"}
    assert set(fingerprints.code(script, root)) == set(FILES) - rest
    (root / "benchmarks" / "case.py").write_text("from zoo import data\n")
    # Now it is passed on the way to its submodules.
    rest.add("zoo/cats.py")
    assert set(fingerprints.code(script, root)) == set(FILES) - rest


def test_a_script_rests_on_a_package_beside_it(repository):
    root, script = repository
    before = set(fingerprints.code(script, root))
    files = {
        "problems/__init__.py": "from .hard import CASE\nfrom problems import easy\n",
        "problems/hard.py": "from . import tools\nimport kit\n",
        "problems/easy.py": "from problems.sub import one\n",
        "problems/tools.py": "from zoo.json import nothing\n",
        "problems/sub/__init__.py": "from .. import deep\n",
        "problems/sub/one.py": "",
        "problems/deep.py": "",
        "problems/unused.py": "",
    }
    for name, text in files.items():
        path = root / "benchmarks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    script.write_text(script.read_text() + "from problems import PROBLEMS\n")
    added = {f"benchmarks/{name}" for name in files} - {"benchmarks/problems/unused.py"}
    # `problems.sub` is passed on the way to its module, and not followed.
    added -= {"benchmarks/problems/deep.py"}
    assert set(fingerprints.code(script, root)) - before == added | {"zoo/json.py"}


@pytest.mark.parametrize(
    "path, text, expected",
    [
        ("zoo/pde/solve.py", "def solve():\n    # One.\n    return 1\n", {}),
        (
            "zoo/pde/solve.py",
            "def solve():\n    return 2\n",
            {"zoo/pde/solve.py": "changed"},
        ),
        ("benchmarks/other.py", "SIZE = 2\n", {}),
        (
            "zoo/pde/grid.py",
            "import zoo.json\n",
            {"zoo/pde/grid.py": "changed", "zoo/json.py": "new"},
        ),
        (
            "zoo/pde/paths.py",
            "from ..words import text\n",
            {"zoo/pde/paths.py": "changed", "zoo/pde/grid.py": "gone"},
        ),
        ("zoo/tools/ruler.py", None, {"zoo/tools/ruler.py": "gone"}),
        (
            "benchmarks/fast.py",
            None,
            dict.fromkeys(
                set(FILES) - {"benchmarks/other.py", "zoo/json.py"},
                "gone",
            ),
        ),
    ],
    ids="comment code unrelated new-import import-gone removed benchmark-gone".split(),
)
def test_what_changed_since_is_reported(repository, path, text, expected):
    root, _ = repository
    results = measured(repository)
    assert evidence.changes(results, root) == ({}, 13)
    if text is None:
        (root / path).unlink()
    else:
        (root / path).write_text(text)
    found, _ = evidence.changes(results, root)
    assert found == expected
    told = evidence.told(results, root)
    assert all(pathlib.Path(name).stem in told for name in expected)
    assert ("not changed since" in told) == (not expected)


def test_what_is_told_under_a_table(repository):
    root, _ = repository
    results = measured(repository, commit="0123456789" * 4)
    (root / "zoo/pde/solve.py").write_text("def solve():\n    return 2\n")
    (root / "zoo/pde/__init__.py").write_text("from zoo.pde.solve import solve, other\n")
    (root / "zoo/cats.py").unlink()
    origin = "Machine: Abacus. Measured at commit `0123456`."
    assert evidence.told(results, root) == (
        f"{origin} Changed since then, by more than comments (3 of 13 modules): `zoo`: "
        "cats (gone); `zoo/pde`: __init__, solve."
    )
    assert evidence.told_short(results, root) == (
        f"{origin} The code has changed since in 3 of 13 modules: "
        "[docs/benchmarks.md](docs/benchmarks.md) lists them."
    )


@pytest.mark.parametrize(
    "clean, expected",
    [
        (True, "Measured at commit `0123456`. "),
        (False, "Measured at commit `0123456`, with changes that were not committed. "),
        (
            None,
            "Commit that first held these numbers: `0123456`; whether the tree was clean "
            "was not recorded. ",
        ),
    ],
)
def test_whether_the_tree_was_clean_is_told(repository, clean, expected):
    results = measured(repository, commit="0123456789" * 4, clean=clean)
    assert f"Machine: Abacus. {expected}" in evidence.told(results, repository[0])


def test_runs_of_several_commits_name_theirs(repository):
    root, script = repository
    first = evidence.entry(script, root, started=float("inf"))
    first |= {"commit": "a" * 40, "machine": "Abacus", "clean": True}
    results = {"runs": {"HJB": [{"seed": 0}, {"seed": 1}]}}
    evidence.stamp(results, first, results["runs"]["HJB"])
    # What is read from a file and measured anew has no name again.
    results["runs"]["HJB"][1] = {"seed": 1}
    second = {**first, "commit": "b" * 40, "machine": "Slide rule"}
    evidence.stamp(results, second, results["runs"]["HJB"])
    names = [evidence.name_of(first), evidence.name_of(second)]
    assert [run["measured"] for run in results["runs"]["HJB"]] == names
    assert results["measured"] == dict(zip(names, [first, second]))
    told = evidence.told(results, root)
    assert "Machine: Abacus. Measured at commit `aaaaaaa` (1 run)." in told
    assert "Machine: Slide rule. Measured at commit `bbbbbbb` (1 run)." in told
    # An entry that no run names is dropped.
    results["runs"]["HJB"][0] = {"seed": 0}
    evidence.stamp(results, second, results["runs"]["HJB"])
    assert set(results["measured"]) == {names[1]}


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_entry_names_the_commit_and_whether_the_tree_was_clean(repository):
    root, script = repository

    def git(*arguments):
        names = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
        done = subprocess.run(
            ["git", "-C", root, *names, *arguments], capture_output=True, check=True
        )
        return done.stdout.decode().strip()

    def found(started=float("inf")):
        return evidence.entry(script, root, started)

    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "All of it")
    assert found()["commit"] == git("rev-parse", "HEAD") and found()["clean"] is True
    (root / "benchmarks" / "results").mkdir()
    (root / "benchmarks" / "results" / "fast.json").write_text("{}")
    assert found()["clean"] is True
    (root / "benchmarks" / "new.py").write_text("")
    assert found()["clean"] is False
    (root / "benchmarks" / "new.py").unlink()
    # Written after the benchmark had imported it: which of both was measured?
    late = found(started=(root / "zoo/cats.py").stat().st_mtime - 1)
    assert late["clean"] is False and set(late["code"].values()) == {None}
    results = {}
    evidence.stamp(results, late)
    assert evidence.changes(results, root)[0] == dict.fromkeys(late["code"], "changed")


def test_without_git_the_commit_is_not_known(repository, monkeypatch):
    monkeypatch.setenv("PATH", "")
    entry = evidence.entry(repository[1], repository[0])
    assert entry["commit"] is None and entry["clean"] is None
    assert "`" not in evidence._commits(None, {None: 1}, False)


def test_numbers_without_a_commit_are_not_mixed_with_new_ones(tmp_path):
    path = tmp_path / "soak.json"
    assert command.earlier(path, {"runs": {}}) == {"runs": {}}
    results = {"growth": 0.01}
    command.write(path, results, lambda results: "A table" + command.footer(results))
    assert command.earlier(path, {}) == results
    (entry,) = results["measured"].values()
    assert (
        entry["script"] == "benchmarks/soak.py"
        and "kerasmodels/bsde/solve.py" in entry["code"]
    )
    assert evidence.told(results) in path.with_suffix(".md").read_text()
    path.write_text('{"growth": 0.01}')
    with pytest.raises(SystemExit, match="no commit"):
        command.earlier(path, {})


# Pages that hold a table; all others are on docs/benchmarks.md.
PAGES = {"scaling": "docs/scaling.md", "absent_classes": "docs/generalized_dice.md"}
NAMES = sorted(path.stem for path in RESULTS.glob("*.json"))


@pytest.mark.parametrize(
    "name, page",
    [
        *((name, PAGES.get(name, "docs/benchmarks.md")) for name in NAMES),
        *((name, f"benchmarks/results/{name}.md") for name in NAMES),
        ("accuracy", "README.md"),
    ],
)
def test_committed_page_says_which_code_has_changed_since(name, page):
    results = json.loads((RESULTS / f"{name}.json").read_text())
    told = evidence.told_short if page == "README.md" else evidence.told
    assert told(results) in (ROOT / page).read_text(), (
        f"Code that {name}.json rests on has changed since it was measured, and {page} "
        f"presents its numbers without saying so. Run: {evidence.REPAIR}"
    )


@pytest.mark.parametrize("name", NAMES)
def test_committed_numbers_carry_their_commit(name):
    results = json.loads((RESULTS / f"{name}.json").read_text())
    for key, entry in results["measured"].items():
        assert key == evidence.name_of(entry)
        assert len(entry["commit"]) == 40 and int(entry["commit"], 16) >= 0
        assert entry["clean"] in (True, False, None) and entry["machine"]
        assert entry["script"] in entry["code"]
    runs = list(runs_below(results))
    if runs and name in ("accuracy", "ablation", "coverage", "outside", "regression"):
        assert {run["measured"] for run in runs} == set(results["measured"])
    else:
        assert len(results["measured"]) == 1


def runs_below(part):
    """The dicts that hold a measured number and are in a list or have a name."""
    if isinstance(part, dict) and ("u0" in part or "seed" in part):
        yield part
    elif isinstance(part, (dict, list)):
        for value in part.values() if isinstance(part, dict) else part:
            yield from runs_below(value)
