"""Which value on paper is the first to be wrong, and which mistake gives it."""

import decimal
import itertools

import numpy as np

from kerasmodels import _checks

# Float64 sums in another order differ by less.
EXACT = 1e-12
# What float32 leaves of a number below ten; as many digits are what people copy from it.
FLOAT32 = 1e-6


def read_paper(owner, step, by_hand, num_steps, tolerance):
    """The given values as {(step, place of the quantity, unit): (value, tolerance)}."""
    if not isinstance(by_hand, dict):
        by_hand = {"h": by_hand}
    paper = {}
    for name, given in by_hand.items():
        _checks.one_of(owner, "by_hand", name, step.quantities)
        rows = given if isinstance(given, (list, tuple)) else np.asarray(given).tolist()
        rows = rows if isinstance(rows, (list, tuple)) else [rows]
        float32 = str(getattr(given, "dtype", "")).endswith("float32")
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
                number = _checks.finite_float(owner, f"by_hand[{name!r}]", value)
                allowed = tolerance or (FLOAT32 if float32 else _last_digit(value))
                place = step.quantities.index(name)
                paper[n, place, unit] = (number, allowed)
    if not paper:
        raise _checks.ArgumentError(
            _checks.message(owner, "by_hand", "at least one value", f"{by_hand!r}")
        )
    return paper


def _last_digit(value):
    """One unit of the last decimal that was written down."""
    exponent = decimal.Decimal(repr(float(value))).as_tuple().exponent
    return max(10.0 ** min(exponent, -1), FLOAT32 if exponent >= -9 else EXACT)


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
    """Names of the mistakes, or else pairs of mistakes, that give every value on paper."""
    found, effective = [], {}
    for name, change in step.mistakes.items():
        changed = change(step)
        if changed is None:
            continue
        wrong = values(changed)
        if all(np.allclose(wrong[q], computed[q], rtol=0, atol=EXACT) for q in wrong):
            continue  # makes no difference on this input
        effective[name] = change
        if next(disagreements(paper, wrong), None) is None:
            found.append(name)
    if found:
        return found
    for (first, change), (second, other) in itertools.combinations(effective.items(), 2):
        changed = other(change(step))
        if changed is not None and not next(disagreements(paper, values(changed)), None):
            found.append(f"{first} + {second}")
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
