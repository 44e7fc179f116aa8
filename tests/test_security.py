"""What SECURITY.md says: nothing unsafe is used, known holes of Keras are closed."""

import pathlib
import re

import pytest
from packaging.version import Version

ROOT = pathlib.Path(__file__).parents[1]
# Ruff's rules find exec, eval, pickle and shells; these are not among them.
UNSAFE = re.compile(
    r"safe_mode\s*=\s*False|enable_unsafe_deserialization|\bLambda\(|allow_pickle\s*=\s*True"
    r"|saved_model\.load|keras\.(saving|models)\.load_model\("
)
# The one place that calls Keras's loading.
LOADING = "keras.saving.load_model("


def lower_bounds(name="requirements.txt"):
    lines = (ROOT / name).read_text().splitlines()
    found = (re.fullmatch(r"([\w-]+)[>=]=([\d.]+)", line) for line in lines)
    return {match[1]: match[2] for match in found if match}


@pytest.mark.parametrize("folder", ["kerasmodels", "experiments", "benchmarks"])
def test_nothing_unsafe_is_used(folder):
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    for path in files:
        found = [match[0] for match in UNSAFE.finditer(path.read_text())]
        assert found == ([LOADING] if path.name == "loading.py" else []), path


def test_lower_bound_of_keras_is_above_every_advisory():
    rows = re.findall(r"^\| .*(?:CVE|GHSA|no number).*\| ([\d.]+) \|$", SECURITY, re.M)
    assert len(rows) >= 15
    lowest = Version(lower_bounds()["keras"])
    assert max(map(Version, rows)) <= lowest


def test_lowest_versions_are_the_lower_bounds():
    development = lower_bounds("requirements-dev.txt")
    assert lower_bounds("requirements-lowest.txt") == lower_bounds() | development


SECURITY = (ROOT / "SECURITY.md").read_text()
