"""Mistakes by which an import lost or mixed numbers, found by least squares.

Two biases that were added into one cannot be recovered from the layer, but they can be from
values on paper, to which these functions fit them. A mistake is named only if every value
agrees and there are far more values than fitted numbers.
"""

import numpy as np
import scipy.optimize

# There must be so many more values than fitted numbers, each known to FINEST or better,
# because a fit then agrees with them by chance only once in 10^9.
SPARE_VALUES, FINEST = 3, 1e-3
# With a smaller gap, in units of the tolerance, some bias can absorb an arithmetic slip.
LEAST_GAP = 30
# The search takes a run for each number and step, about a second at this limit.
MOST_NUMBERS, MOST_STEPS = 60, 30
# The residual that stands for an infinite state.
BEYOND = 1e15


def _inner_bias(step, total, inner):
    """A GRU with `reset_after`, whose candidate has the bias `inner` inside the reset."""
    keep = np.zeros_like(total)
    keep[-step.units :] = inner
    return step.replace(reset="after", bias=total - keep, recurrent_bias=keep)


def added_biases(step):
    """A GRU with the sum of both biases in one of its two rows."""
    empty = [not np.any(step.bias), not np.any(step.recurrent_bias)]
    if step.reset != "after" or empty in ([True, True], [False, False]):
        return None
    total = step.bias + step.recurrent_bias
    return np.zeros(step.units), lambda inner: _inner_bias(step, total, inner)


def added_biases_before(step):
    """A GRU with `reset_after=False` and the sum of two biases."""
    if step.reset != "before" or not np.any(step.bias):
        return None
    return np.zeros(step.units), lambda inner: _inner_bias(step, step.bias, inner)


def other_gru_biases(step):
    if step.reset != "after":
        return other_biases(step)
    start = np.concatenate(
        [step.bias + step.recurrent_bias, step.recurrent_bias[-step.units :]]
    )
    size = len(step.bias)
    return start, lambda found: _inner_bias(step, found[:size], found[size:])


def other_biases(step):
    return step.bias, lambda found: step.replace(bias=found)


_LOST = "biases other than the layer's (was one of the two of PyTorch lost?)"
FITS = {
    "GRU": {
        "both biases added into one of the layer's two rows": added_biases,
        "reset applied after instead of before the product, and both biases added into "
        "the layer's one": added_biases_before,
        _LOST: other_gru_biases,
    },
    "LSTM": {_LOST: other_biases},
    "SimpleRNN": {_LOST: other_biases},
}


def fitted(kind, run, paper, agrees):
    """Names of the mistakes that give every value on paper with fitted numbers.

    Args:
        kind: "GRU", "LSTM" or "SimpleRNN".
        run: the right equations over the sequence.
        paper: `Paper`.
        agrees: function (run, paper) -> bool.
    """
    gap = np.abs(paper.pick(run.values(paper.rows)) - paper.numbers) / paper.allowed
    if np.any(paper.allowed > FINEST) or not np.max(gap) > LEAST_GAP:
        return []
    for name, fit in FITS[kind].items():
        start_and_step = fit(run.step)
        if start_and_step is None:
            continue
        start, step_of = start_and_step
        count, spare = len(start), max(SPARE_VALUES, len(start) // 2)
        if count + spare > len(paper.numbers) or count > MOST_NUMBERS:
            continue

        def residuals(numbers, step_of=step_of):
            values = run.replace(step=step_of(numbers)).values(paper.rows)
            with np.errstate(invalid="ignore", over="ignore"):
                gap = (paper.pick(values) - paper.numbers) / paper.allowed
            return np.nan_to_num(gap, nan=BEYOND, posinf=BEYOND, neginf=-BEYOND)

        found = scipy.optimize.least_squares(
            residuals,
            start,
            method="lm",
            max_nfev=MOST_STEPS * (count + 1),
            **dict.fromkeys(("xtol", "ftol", "gtol"), 1e-15),
        )
        if agrees(run.replace(step=step_of(found.x)), paper):
            return [name]
    return []
