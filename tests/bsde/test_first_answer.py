"""The first line of experiments/bsde.py: an answer by regression before the training."""

import types

import pytest

from kerasmodels import bsde
from kerasmodels._scripts import pde_script

ARGUMENTS = types.SimpleNamespace(num_paths=None, tolerance=1e-2, seed=0)


def test_first_answer_holds_the_exact_value_and_is_printed(capsys):
    equation = bsde.HJB(dim=2)
    found = pde_script.first_answer(equation, ARGUMENTS)
    low, high = found["u0_interval"]
    assert low <= equation.reference().value <= high
    assert high - low <= 2e-2 * found["u0"]
    line = capsys.readouterr().out
    assert line.startswith("first answer, by regression: u0 = ") and line.count("\n") == 1


@pytest.mark.parametrize(
    "error", [bsde.MethodFailed("too stiff"), FloatingPointError("inf")]
)
def test_an_equation_without_first_answer_is_told_and_goes_on(capsys, monkeypatch, error):
    def fails(*args, **kwargs):
        raise error

    monkeypatch.setattr(bsde, "solve", fails)
    assert pde_script.first_answer(bsde.HJB(dim=2), ARGUMENTS) is None
    assert capsys.readouterr().out == f"no first answer by regression: {error}\n"
