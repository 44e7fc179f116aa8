"""Chunks of fresh paths, and how the noise of their time grid is best taken out."""

import concurrent.futures

import numpy as np

from kerasmodels.bsde.estimate.controls import CONTROLS, reduced
from kerasmodels.bsde.estimate.interval import values_of
from kerasmodels.bsde.estimate.path_sampler import COLUMNS

# Iterated integrals cost four more evaluations of z in each step. Where they help only in
# company with control variates, they must leave less than this share of the variance.
_WORTH = 0.5


class Chunks:
    """Draws chunks of paths, two at a time, and reports each.

    Args:
        sample: the function of `path_sampler`.
        equation: `Equation`. An error names it.
        num_steps: int. Time steps of the finest grid.

    Call arguments:
        numbers: numbers of the chunks.
        u_size, z_size, iterated_integrals, sign: as in `path_sampler`.

    Attributes:
        on_chunk: None or function (done, wanted, estimate), called after each chunk of
            paths. done: chunks so far, which restarts in each part of the pilot. wanted:
            chunks that are expected. estimate: the last `Estimate`, None before the first.
        progress: the triple of these before the next call.

    Raises:
        FloatingPointError: a path is no longer a finite number.
    """

    def __init__(self, sample, equation, num_steps):
        self.sample = sample
        self._equation, self._num_steps = equation, num_steps
        self.on_chunk = None
        self.progress = 0, 0, None

    def __call__(self, numbers, u_size, z_size, iterated_integrals, sign=1):
        """A list of the pairs (columns, u), one of each chunk."""
        calls = [(k, u_size, z_size, iterated_integrals, sign) for k in numbers]
        return self.finite(self.sampled(calls))

    def sampled(self, calls):
        """As a call, with the arguments of each chunk, and without an error."""
        found = []
        # Two at a time, because one alone does not keep two cores busy.
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for chunk in pool.map(lambda call: self.sample(*call), calls):
                found.append(chunk)
                if self.on_chunk is not None:
                    done, wanted, estimate = self.progress
                    self.on_chunk(done + len(found), wanted, estimate)
        return found

    def finite(self, found):
        """`found`, where all its numbers are finite; otherwise raises the error."""
        # A control variate may overflow where u does not. It is left out then.
        kept = slice(None, -len(CONTROLS))
        if not all(np.all(np.isfinite(columns[:, kept])) for columns, _ in found):
            raise FloatingPointError(
                f"Paths of {self._equation!r} are no longer finite numbers on "
                f"{self._num_steps} time steps. Take more steps, or "
                "importance_sampling=False."
            )
        return found


def lower_variance(without, within):
    """Whether the chunk with `iterated_integrals_of_z` has the lower variance.

    Args:
        without, within: pairs (columns, u) of one chunk, without and with them.
    """
    row = COLUMNS.index("newton_step")
    variances = [np.var(columns[0, row]) for columns, _ in (without, within)]
    return bool(variances[1] < variances[0])


def lower_remainder(without, within):
    """Whether they leave much less variance together with the control variates."""
    both = [values_of(0.0, [columns]) for columns, _ in (without, within)]
    if not all(np.all(np.isfinite(values)) for values, _ in both):
        return False
    left = [np.var(reduced(*pair)[0]) for pair in both]
    return bool(left[1] < _WORTH * left[0])
