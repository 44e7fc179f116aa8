"""One method after another: whose answer counts, and whose error."""

import dataclasses
import types

import pytest

from kerasmodels import bsde
from kerasmodels.bsde import rounds
from kerasmodels.bsde.rounds import Answer, best_answer


@dataclasses.dataclass(frozen=True)
class Stub(bsde.Method):
    """Gives an interval of this width, or an error."""

    width: float = 1.0
    error: object = None
    reason: object = None

    def refuses(self, equation):
        return self.reason

    def fit(self, equation, run):
        raise NotImplementedError


@pytest.fixture
def answers(monkeypatch):
    tried, notes = [], []
    active = types.SimpleNamespace(line=types.SimpleNamespace(note=notes.append))

    def fake(equation, method, active, tolerance, num_paths):
        tried.append(method)
        if method.error:
            raise method.error
        return Answer(method, None, types.SimpleNamespace(half_width=method.width, u0=10.0))

    monkeypatch.setattr(rounds, "_rounds", fake)

    def solve(*methods, tolerance=0.05):
        tried.clear()
        notes.clear()
        best = best_answer(bsde.Heat(2), list(methods), active, tolerance, None)
        return best.method, list(tried)

    solve.notes = notes
    return solve


def test_first_answer_that_is_narrow_enough_ends_the_search(answers):
    first, second = Stub(0.4), Stub(0.1)
    assert answers(first, second) == (first, [first])


def test_narrowest_answer_counts(answers):
    wide, wider = Stub(2.0), Stub(3.0)
    assert answers(wide, wider) == (wide, [wide, wider])
    assert answers(wider, wide) == (wide, [wider, wide])


def test_each_answer_before_the_last_is_shown(answers):
    answers(Stub(2.0), Stub(error=FloatingPointError("overflow")), Stub(3.0))
    assert answers.notes == ["Stub: u0 = 10 +- 2 (95 %)", "Stub: overflow"]
    answers(Stub(0.1), Stub(3.0))
    assert answers.notes == []


def test_method_that_refuses_is_not_tried(answers):
    refusing, other = Stub(reason="no"), Stub(0.1)
    assert answers(refusing, other) == (other, [other])


@pytest.mark.parametrize("error", [bsde.MethodFailed("it is"), FloatingPointError("it is")])
def test_method_that_fails_gives_way_and_the_last_error_is_raised(answers, error):
    failing, other = Stub(error=error), Stub(3.0)
    assert answers(failing, other) == (other, [failing, other])
    assert answers(other, failing) == (other, [other, failing])
    with pytest.raises(type(error), match="it is"):
        answers(failing, failing)


def test_failure_names_the_method_and_what_to_do(answers):
    with pytest.raises(
        bsde.MethodFailed, match='(?s)`Stub`.*Heat.*because it is.*"deep_bsde"'
    ):
        answers(Stub(error=bsde.MethodFailed("it is")))


def test_another_error_is_not_hidden(answers):
    with pytest.raises(KeyError):
        answers(Stub(error=KeyError("bug")), Stub(0.1))


@dataclasses.dataclass(frozen=True)
class Rounds(Stub):
    """Rounds with approximations of their own; the last ends with `error`."""

    doubts: tuple = (None,)

    def fit(self, equation, run):
        for doubt in self.doubts:
            yield types.SimpleNamespace(contradicted_by=lambda estimate, doubt=doubt: doubt)
        if self.error:
            raise self.error
        yield None


WIDE = types.SimpleNamespace(
    u0=1.0,
    half_width=0.6,
    num_paths=10,
    refused=False,
    **dict.fromkeys(("time_grid", "imperfect_z", "monte_carlo"), 0.2),
)


@pytest.fixture
def answer_of(monkeypatch):
    def newton_iteration(approximation, estimator, tolerance):
        if approximation is None:
            raise FloatingPointError("overflow")
        return getattr(approximation, "estimate", WIDE)

    monkeypatch.setattr(rounds, "newton_iteration", newton_iteration)
    active = types.SimpleNamespace(
        line=types.SimpleNamespace(phase=lambda text: None, estimate=None),
        estimator=lambda approximation: types.SimpleNamespace(
            substeps=1, chunks=types.SimpleNamespace()
        ),
    )
    return lambda method: best_answer(bsde.Heat(2), [method], active, 0.1, 10)


@pytest.mark.parametrize("error", [bsde.MethodFailed("no"), None])
def test_round_that_fails_leaves_the_answer_of_the_round_before(answer_of, error):
    answer = answer_of(Rounds(error=error))
    assert answer.approximation is not None and answer.estimate is WIDE


@pytest.mark.parametrize("error", [bsde.MethodFailed("no"), None])
def test_contradicted_round_leaves_no_answer_of_earlier_rounds(answer_of, error):
    with pytest.raises((bsde.MethodFailed, FloatingPointError), match="no|overflow"):
        answer_of(Rounds(error=error, doubts=(None, "it is off")))


@dataclasses.dataclass(frozen=True)
class Widths(Stub):
    """One round for each width, on one approximation or on one each."""

    widths: tuple = ()
    one: bool = False

    def fit(self, equation, run):
        found = None
        for width in self.widths:
            if found is None or not self.one:
                found = types.SimpleNamespace(contradicted_by=lambda estimate: None)
            parts = {"time_grid": width / 2, "half_width": width}
            found.estimate = types.SimpleNamespace(**{**vars(WIDE), **parts})
            yield found


@pytest.mark.parametrize("widths", [(0.9, 0.6, 0.7), (0.6, 0.9), (0.9, 0.6)])
def test_round_with_the_narrowest_interval_answers(answer_of, widths):
    answer = answer_of(Widths(widths=widths))
    assert answer.estimate.half_width == answer.approximation.estimate.half_width == 0.6
    # The weights of earlier rounds are gone where a method trains one model further.
    assert answer_of(Widths(widths=widths, one=True)).estimate.half_width == widths[-1]
