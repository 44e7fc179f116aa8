"""The first wrong value on paper, and the search for the mistake that explains it."""

import itertools

import numpy as np

from kerasmodels.recurrent import runs
from kerasmodels.recurrent.fits import fitted
from kerasmodels.recurrent.paper import EXACT
from kerasmodels.recurrent.report import apart

# Half a unit of the last binary digit of a number between 1 and 2.
STORED = {
    "float64": 2.0**-53,
    "float32": 2.0**-24,
    "float16": 2.0**-11,
    "bfloat16": 2.0**-8,
}
# A gap of so many storage errors cannot come from storage, with any mistake.
FAR = 2.0**14
# The diagnosis has at most so many names, to stay readable; the report has them all.
MOST_NAMES = 5


def first_disagreement(paper, computed):
    """The first wrong value as a dict, or None. `computed` has a number for each value."""
    wrong = np.flatnonzero(paper.wrong(computed))
    if len(wrong) == 0:
        return None
    k = wrong[0]
    step, name, unit = (int(index) for index in paper.places[k])
    return {
        "step": step + 1,
        "unit": unit,
        "quantity": paper.names[name],
        "by_hand": float(paper.numbers[k]),
        "computed": float(computed[k]),
        "difference": float(abs(paper.numbers[k] - computed[k])),
        "tolerance": float(paper.allowed[k]),
    }


class Search:
    """The known mistakes of a run, compared with the values on paper.

    Args:
        kind: "GRU", "LSTM" or "SimpleRNN".
        run: the right equations over the sequence.
        stored: half a unit of the last binary digit of the layer's type.
    """

    def __init__(self, kind, run, stored):
        self.kind, self.run, self.stored = kind, run, stored
        self.right = run.values()

    def agrees(self, run, paper):
        """Whether this run gives every value on paper."""
        # The first step alone excludes most candidates.
        start = paper.up_to_first_step()
        if start.rows < paper.rows and not self._gives(run, start):
            return False
        return self._gives(run, paper)

    def _gives(self, run, paper):
        computed = paper.pick(run.values(paper.rows))
        wrong = paper.wrong(computed)
        if not np.any(wrong):
            return True
        if self.stored > STORED["float32"]:
            return False  # in half precision the tolerance would cover every mistake
        gap, size = np.abs(paper.numbers - computed)[wrong], np.abs(computed[wrong])
        if not np.all(np.isfinite(gap) & (gap <= FAR * self.stored * (1 + size))):
            return False
        # With the mistake, rounded weights may change the values by more than in the right
        # equations, for which the tolerance was made.
        return not np.any(
            paper.widened(run.storage(self.stored, paper.rows)).wrong(computed)
        )

    def explanations(self, papers):
        """The mistakes that give every value, and the reading under which they do.

        Single mistakes come first, then pairs, then those with fitted numbers.

        Args:
            papers: list of `Paper`, the same values in each possible reading.

        Returns:
            (list of str, the paper), or ([], None).
        """
        tables = [self._single, self._pairs, self._fitted]
        for find, paper in itertools.product(tables, papers):
            found = find(paper)
            if found:
                return found, paper
        return [], None

    def _changes(self, table, paper):
        """Yields name, mistake, and the run with it (None where it is impossible)."""
        one_step = len(np.unique(paper.places[:, 0])) == 1
        for name, change in table.items():
            if not (one_step and name in runs.LISTING):
                yield name, change, change(self.run)

    def _differs(self, changed, rows):
        """Whether the mistake changes a value on this input."""
        return not all(
            np.allclose(value, self.right[name][:rows], rtol=0, atol=EXACT)
            for name, value in changed.values(rows).items()
        )

    def _single(self, paper):
        step_class = type(self.run.step)
        table = {**runs.common(step_class), **runs.rare(step_class)}
        return [
            name
            for name, _, changed in self._changes(table, paper)
            if changed is not None
            and self.agrees(changed, paper)
            and self._differs(changed, paper.rows)
        ]

    def _pairs(self, paper):
        names, lists = [], []
        changes = [
            (name, change, changed)
            for name, change, changed in self._changes(
                runs.common(type(self.run.step)), paper
            )
            if changed is None or self._differs(changed, paper.rows)
        ]
        for (one, _, changed), (two, other, _) in itertools.combinations(changes, 2):
            both = None if changed is None else other(changed)
            if both is None or not self.agrees(both, paper):
                continue
            values = both.values()
            if not any(_equal(values, other_values) for other_values in lists):
                names.append(f"{one} + {two}")
                lists.append(values)
        return names

    def _fitted(self, paper):
        return fitted(self.kind, self.run, paper, self.agrees)


def _equal(values, others):
    return all(np.allclose(values[n], others[n], rtol=0, atol=EXACT) for n in values)


def diagnosis(disagreement, mistakes, note=""):
    if disagreement is None:
        return f"Every value agrees{note}."
    where = "{quantity} at step {step}, unit {unit}".format(**disagreement)
    by_hand, computed = apart(disagreement["by_hand"], disagreement["computed"])
    first = f"First disagreement: {where}: by hand {by_hand}, computed {computed}."
    if not mistakes:
        return f"{first} No known mistake, and no pair of them, gives these values."
    if len(mistakes) == 1:
        return f"{first} Diagnosis: {mistakes[0]}."
    names = "; ".join(mistakes[:MOST_NAMES])
    more = len(mistakes) - MOST_NAMES
    names += f"; and {more} more" if more > 0 else ""
    return f"{first} Each of these gives your values: {names}."
