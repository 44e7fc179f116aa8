"""Equations applied to one sequence, and the mistakes that concern the sequence."""

import dataclasses
from typing import Any

import numpy as np

from kerasmodels.recurrent import mistakes

# For two weights of equal effect all sixteen samples cancel once in 2^16 cases. For many
# weights the largest of sixteen samples is at least half a standard deviation of their sum.
SHAKES, SHAKE_FACTOR = 16, 4


@dataclasses.dataclass(frozen=True)
class Run:
    """A step, the sequence in the order in which the layer takes it, and the start.

    Attributes:
        step: equations over arrays of NumPy.
        x: array `[1, time, features]`.
        states: tuple of arrays `[1, units]`, before the first step.
        mask: None or bool array `[1, time]`. A masked step leaves the states unchanged.
        zero_masked: bool. The output at a masked step is zero, not the one before it.
        carried: bool. False starts every step from `states`.
        listed_backwards: bool. The values are listed from the last step to the first.
        start_listed: bool. The lists of states begin with `states`.
    """

    step: Any
    x: Any
    states: Any
    mask: Any = None
    zero_masked: bool = False
    carried: bool = True
    listed_backwards: bool = False
    start_listed: bool = False

    @property
    def names(self):
        """The quantities that can be compared. With a mask the output differs from h."""
        output = () if self.mask is None else ("output",)
        return (*self.step.quantities, *output)

    def replace(self, **changes):
        return dataclasses.replace(self, **changes)

    def values(self, rows=None):
        """The first rows of every quantity and of the output, as arrays `[rows, units]`.

        A mask acts as in `keras.layers.RNN`: the states stay as they were, and the output
        repeats the one before (zeros at the first step).
        """
        count = self.x.shape[1] if rows is None or self.listed_backwards else rows
        step, states = self.step.with_numpy_activations(), self.states
        output = np.zeros_like(states[0])
        found = {name: [] for name in (*step.quantities, "output")}
        # With a mistake a state may grow to infinity, which agrees with no value.
        with np.errstate(all="ignore"):
            for n in range(count):
                before = states if self.carried else self.states
                values, states = step(self.x[:, n], before)
                output = self._masked(n, values, before, output)
                if self.mask is not None and not self.mask[0, n]:
                    states = before
                    values = {**values, **dict(zip(step.states, before))}
                for name, value in {**values, "output": output}.items():
                    found[name].append(value)
        found = {name: np.concatenate(value) for name, value in found.items()}
        if self.start_listed:
            starts = dict(zip(step.states, self.states), output=self.states[0])
            for name, start in starts.items():
                found[name] = np.concatenate([start, found[name][:-1]])
        if self.listed_backwards:
            found = {name: value[::-1][:rows] for name, value in found.items()}
        return found

    def _masked(self, n, values, before, output):
        if self.mask is None or self.mask[0, n]:
            return values["h"]
        return np.zeros_like(output) if self.zero_masked else output

    def shaken(self, size, rng):
        """The same run with every number moved up or down by `size` of itself."""

        def moved(array):
            return array * (1 + size * rng.choice([-1.0, 1.0], array.shape))

        names = self.step.fields("kernel", "bias")
        step = self.step.replace(**{n: moved(getattr(self.step, n)) for n in names})
        return self.replace(
            step=step, x=moved(self.x), states=tuple(moved(s) for s in self.states)
        )

    def storage(self, size, rows=None):
        """The change of the values by the rounding of weights and inputs in storage.

        A number that was written as 0.1 is stored as a float that differs from it by up to
        `size` (half a unit of its last binary digit) times itself, and this changes the
        values. The method changes every weight, input and state by that much, with random
        signs, and takes the largest change of each value times a factor.

        Returns:
            dict: quantity -> array `[rows, units]`.
        """
        exact, rng = self.values(rows), np.random.default_rng(0)
        largest = {name: np.zeros_like(value) for name, value in exact.items()}
        for _ in range(SHAKES):
            near = self.shaken(size, rng).values(rows)
            for name, value in exact.items():
                largest[name] = np.fmax(largest[name], np.abs(near[name] - value))
        return {name: SHAKE_FACTOR * value for name, value in largest.items()}


def in_step(change):
    """A mistake in the equations as a mistake of the run."""

    def changed(run):
        step = change(run.step)
        return None if step is None else run.replace(step=step)

    return changed


def from_the_other_end(run):
    mask = None if run.mask is None else run.mask[:, ::-1]
    return run.replace(x=run.x[:, ::-1], mask=mask)


def not_carried(run):
    starts_at_zero = not any(np.any(state) for state in run.states)
    # Without gates "previous state left out" gives the same values.
    if not run.step.gates and starts_at_zero:
        return None
    return run.replace(carried=False)


def without_start(run):
    if not any(np.any(state) for state in run.states):
        return None
    return run.replace(states=tuple(0 * state for state in run.states))


def starts_exchanged(run):
    h, c = run.states
    return None if np.array_equal(h, c) else run.replace(states=(c, h))


def without_mask(run):
    return None if run.mask is None else run.replace(mask=None)


def zeros_masked(run):
    counts = np.any(run.x != 0, axis=-1)
    if run.mask is not None or np.all(counts) or not np.any(counts):
        return None
    return run.replace(mask=counts)


def zeros_given_out(run):
    if run.mask is None or run.zero_masked:
        return None
    return run.replace(zero_masked=True)


def output_repeated(run):
    if run.mask is None or not run.zero_masked:
        return None
    return run.replace(zero_masked=False)


# These are not tried for a list of one value, which has no order.
LISTING = {
    "values listed from the last step to the first": (
        lambda run: run.replace(listed_backwards=True)
    ),
    "initial state listed as the first step": lambda run: run.replace(start_listed=True),
}
COMMON = {
    "time reversed: x taken from its other end": from_the_other_end,
    **LISTING,
    "state not carried from step to step": not_carried,
    "initial state left out": without_start,
    "mask left out": without_mask,
    "steps of zeros left out, as with a mask": zeros_masked,
    "zeros given out at masked steps": zeros_given_out,
    "output repeated at masked steps, where the layer gives zeros": output_repeated,
}


OF_TWO_STATES = {"h and c of the initial state exchanged": starts_exchanged}


def common(step_class):
    """Mistakes that are tried in pairs too: dict name -> function (run) -> run or None."""
    pair = OF_TWO_STATES if len(step_class.states) == 2 else {}
    return {**_of_steps(mistakes.COMMON, step_class), **COMMON, **pair}


def rare(step_class):
    """Mistakes that are tried alone, in the same form."""
    return _of_steps(mistakes.RARE, step_class)


def _of_steps(tables, step_class):
    return {name: in_step(change) for name, change in tables[step_class].items()}
