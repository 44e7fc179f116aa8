"""Bad input to every public name: one clear error, at once, and no file left behind."""

import inspect
import re
import time

import pytest

from kerasmodels import bsde
from kerasmodels._support import checks
from tests.bad_inputs import bsde_cases, run_cases, zoo_cases
from tests.bad_inputs.corpus import suggestion
from tests.test_public_objects import PACKAGES

ENTRIES = [*bsde_cases.ENTRIES, *run_cases.ENTRIES, *zoo_cases.ENTRIES]
# What takes no argument, or holds what the package itself puts into it.
NOT_CALLED = {
    "bsde": [
        *("Equation", "EquationError", "Estimate", "GeometricBrownian", "Published"),
        *("Reference", "Solution", "EQUATIONS", "CheckpointError", "WorkerLost"),
        *("Approximation", "ControlProblem", "ControlProcess", "Method"),
        *("PointFunction", "PolicyCost"),
        *("Derivatives", "JumpError", "Values"),
        "DivergenceWarning",
        "MethodFailed",
        "NewtonWarning",
    ],
    "by_hand": ["ACTIVATIONS", "Finding", "MISTAKES", "RECIPES", "Recipe", "Variant"],
    "miniflow": ["Node"],
    "neurons": ["five_points"],
    "recurrent": ["StepReport"],
}


def complaint(entry, name, value, again=False):
    """What is wrong with the way in which one bad value is refused, or None."""
    arguments = {**entry.arguments(), name: value}
    # Work of this thread: the clock of a machine that others use says nothing.
    begin = time.thread_time()
    try:
        entry.function(**arguments)
    except (checks.ArgumentError, bsde.EquationError) as error:
        text = str(error)
        # What an equation contradicts is told in sentences of its own.
        form = "Received" if isinstance(error, checks.ArgumentError) else ""
    except BaseException as error:
        return f"{type(error).__name__}: {str(error)[:300]}"
    else:
        return "was accepted"
    seconds = time.thread_time() - begin
    if seconds > 1.0 and not again:
        # The first call of a kind also loads what it needs.
        return complaint(entry, name, value, again=True)
    if seconds > 1.0:
        return f"took {seconds:.1f} s"
    # Keras puts its own words around what a `call` raises.
    if not re.search(r"`[\w.]+` ", text) or form not in text:
        return f"has another form: {text[:300]}"
    if entry.words.get(name, f"`{name}`") not in text:
        return f"does not name the argument: {text[:300]}"
    if suggestion(value) not in text:
        return f"suggests nothing: {text[:300]}"
    return None


# `make test` takes every fifth value of each call, `make test-all` all of them.
@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("package", [package.__name__ for package in PACKAGES])
def test_bad_values_are_refused(package, step, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    cases, wrong = 0, []
    for entry in ENTRIES:
        if entry.name.partition(".")[0] != package.partition(".")[2]:
            continue
        if entry.works:
            # Else every refusal below might be that of another argument.
            entry.function(**entry.arguments())
        for name, value in entry.cases()[::step]:
            cases += 1
            found = complaint(entry, name, value)
            if found is not None:
                wrong.append(f"{entry.name}: {name}={checks.describe(value)} {found}")
        assert not list(tmp_path.iterdir()), entry.name
    told = f"{package}: {cases - len(wrong)} of {cases} bad inputs clean"
    with capsys.disabled():
        print(f"\n{told}")
    assert cases and not wrong, "\n".join([told, *wrong])


def test_the_corpus_is_complete_and_large():
    covered = {tuple(entry.name.split(".")[:2]) for entry in ENTRIES}
    for package in PACKAGES:
        short = package.__name__.partition(".")[2]
        left_out = set(NOT_CALLED.get(short, ()))
        assert left_out <= set(package.__all__)
        wanted = set(package.__all__) - left_out
        assert wanted == {name for where, name in covered if where == short}
    cases = [case for entry in ENTRIES for case in entry.cases()]
    # 8,625 when this was written: fewer mean that bad values got lost.
    assert len(cases) >= 8600


def test_every_argument_has_bad_values():
    """A new argument of a public function comes with its bad values."""
    wanted, tried = {}, {}
    # Names, types and reductions are Keras's, callbacks and verbosity too.
    of_keras = {"name", "dtype", "reduction", "callbacks", "verbose"}
    for entry in ENTRIES:
        key = ".".join(entry.name.split(".")[:2])
        if len(entry.name.split(".")) == 2:
            parameters = inspect.signature(entry.function).parameters.values()
            kinds = (
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                inspect.Parameter.KEYWORD_ONLY,
            )
            names = {p.name for p in parameters if p.kind in kinds}
            wanted[key] = names - of_keras
        bad = {name for name, values in entry.bad.items() if values}
        tried.setdefault(key, set()).update(bad)
    missing = {key: names - tried[key] for key, names in wanted.items()}
    assert not {key: names for key, names in missing.items() if names}
