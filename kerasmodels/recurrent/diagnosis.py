"""Which value on paper is the first to be wrong, and which mistake gives it."""

import decimal
import itertools

import numpy as np

from kerasmodels import _checks

# Float64 sums in another order differ by less.
EXACT = 1e-12
# What the types leave of a number below ten.
FLOAT32, HALF = 1e-6, 2e-2


def read_paper(owner, step, by_hand, num_steps, tolerance):
    """The given values as {(step, place of the quantity, unit): (value, tolerance)}."""
    if not isinstance(by_hand, dict):
        by_hand = {"h": by_hand}
    paper = {}
    for name, given in by_hand.items():
        _checks.one_of(owner, "by_hand", name, step.quantities)
        half = "16" in str(getattr(given, "dtype", ""))
        rows = given if isinstance(given, (list, tuple)) else np.asarray(given).tolist()
        rows = rows if isinstance(rows, (list, tuple)) else [rows]
        if len(rows) == 1 and isinstance(rows[0], (list, tuple)) and step.units > 1:
            # [1, time, units], as a layer returns it.
            if any(isinstance(row, (list, tuple)) for row in rows[0]):
                rows = rows[0]
        if len(rows) > num_steps:
            raise _checks.ArgumentError(
                _checks.message(
                    owner,
                    f"by_hand[{name!r}]",
                    f"at most {num_steps} steps, the length of x",
                    f"{len(rows)} steps",
                )
            )
        for n, row in enumerate(rows):
            row = np.asarray(row, dtype=object).reshape(-1).tolist()
            if len(row) != step.units and row != [None]:
                raise _checks.ArgumentError(
                    _checks.message(
                        owner,
                        f"by_hand[{name!r}]",
                        f"{step.units} number(s) per step, one for each unit",
                        f"{len(row)} at step {n + 1}",
                    )
                )
            for unit, value in enumerate(row):
                if value is None or value != value:
                    continue
                number, digit = _number(owner, f"by_hand[{name!r}]", value)
                half = half or "16" in type(value).__name__
                allowed = tolerance or (HALF if half else digit)
                place = step.quantities.index(name)
                paper[n, place, unit] = (number, allowed)
    if not paper:
        raise _checks.ArgumentError(
            _checks.message(owner, "by_hand", "at least one value", f"{by_hand!r}")
        )
    return paper


def _number(owner, argument, value):
    """A value on paper as a float, and one unit of the last decimal it was given with.

    A string keeps its trailing zeros.
    """
    text = value if isinstance(value, str) else None
    if text is not None:
        try:
            value = float(text)
        except ValueError:
            pass
    number = _checks.finite_float(owner, argument, value)
    # Exactly a float32: copied from a model, not computed in float64, where one number
    # in 2^29 is one. Its own shortest form has the decimals that were meant.
    with np.errstate(over="ignore"):
        copied = float(np.float32(number)) == number
    text = text or (str(np.float32(number)) if copied else repr(number))
    exponent = decimal.Decimal(text).as_tuple().exponent
    floor = FLOAT32 if copied or exponent >= -9 else EXACT
    return number, max(10.0 ** min(exponent, -1), floor)


def disagreements(paper, values):
    """Every given value that is off, in the order in which it is computed."""
    names = list(values)
    for (n, place, unit), (number, allowed) in sorted(paper.items()):
        computed = float(values[names[place]][n, unit])
        # The unit of the last place, not a hair less because of binary fractions.
        if not abs(number - computed) <= allowed * (1 + 1e-9):
            yield n, place, unit, computed


def first_disagreement(paper, values):
    for n, place, unit, computed in disagreements(paper, values):
        number, allowed = paper[n, place, unit]
        return {
            "step": n + 1,
            "unit": unit,
            "quantity": list(values)[place],
            "by_hand": number,
            "computed": computed,
            "difference": abs(number - computed),
            "tolerance": allowed,
        }
    return None


def explanations(step, paper, values, computed):
    """Names of the mistakes, or else pairs of mistakes, that give every value on paper.

    Args:
        step: the right equations.
        paper: from `read_paper`.
        values: function (equations, number of steps) -> their values.
        computed: the values of the right equations.
    """
    first, last = min(n for n, _, _ in paper) + 1, max(n for n, _, _ in paper) + 1
    start = {place: value for place, value in paper.items() if place[0] < first}

    def gives_paper(changed):
        # Most candidates are out after the first step.
        return not any(disagreements(start, values(changed, first))) and not any(
            disagreements(paper, values(changed, last))
        )

    found, effective = [], {}
    for name, change in step.mistakes.items():
        changed = change(step)
        if changed is None:
            continue
        wrong = values(changed, last)
        if all(
            np.allclose(v, computed[q][:last], rtol=0, atol=EXACT) for q, v in wrong.items()
        ):
            continue  # makes no difference on this input
        effective[name] = change
        if not any(disagreements(paper, wrong)):
            found.append(name)
    if found:
        return found
    for (one, change), (two, other) in itertools.combinations(effective.items(), 2):
        changed = other(change(step))
        if changed is not None and gives_paper(changed):
            found.append(f"{one} + {two}")
    return found


def diagnosis(disagreement, mistakes):
    if disagreement is None:
        return "Every value agrees."
    where = "{quantity} at step {step}, unit {unit}".format(**disagreement)
    first = (
        f"First disagreement: {where}: by hand {disagreement['by_hand']:.8g}, "
        f"computed {disagreement['computed']:.8g}."
    )
    if not mistakes:
        return f"{first} No known mistake, and no pair of them, gives these values."
    if len(mistakes) == 1:
        return f"{first} Diagnosis: {mistakes[0]}."
    return f"{first} Each of these gives your values: {'; '.join(mistakes)}."
