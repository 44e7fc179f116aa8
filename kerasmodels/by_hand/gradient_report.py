"""Report of a check of gradients, weight by weight."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class WeightCheck:
    """One weight of a `GradientReport`.

    Attributes:
        weight: str. Its path.
        layer: str. The path without the name of the weight.
        shape: tuple. Of the weight.
        hand_shape: tuple or None. Of the hand gradient; None where none arrived.
        error: float. Largest |hand - tape|, relative to the largest |tape| (or to 1e-7
            of the largest of all weights).
        difference_error: float. Largest distance of the hand gradient from the one-sided
            differences, over the entries that were checked, relative as in `error`.
        cosine: float. Between the hand gradient and the tape's.
        wrong: bool.
        factor: float. The hand gradient is this number times the tape's; NaN where the two
            are not parallel.
        hint: str. The usual cause of such a difference, or "".
    """

    weight: str
    layer: str
    shape: tuple
    hand_shape: tuple | None
    error: float
    difference_error: float
    cosine: float
    wrong: bool
    factor: float = float("nan")
    hint: str = ""


@dataclasses.dataclass(frozen=True)
class GradientReport:
    """The result of `check_gradients`, which prints as a table.

    Attributes:
        weights: list of `WeightCheck`, from the input to the output.
        failure: None or str. The error that ended the backward pass.
        order: None or str. A sentence on weights that are updated too early.
        dtype: str. The float type in which the gradients were compared.
        notes: tuple of str. The limits of the comparison.
    """

    weights: list
    failure: str | None = None
    order: str | None = None
    dtype: str = "float64"
    notes: tuple = ()

    @property
    def right(self):
        """Whether every hand gradient agrees."""
        found = [self.failure, self.order]
        return found == [None, None] and not any(w.wrong for w in self.weights)

    @property
    def first_wrong(self):
        """The layer nearest the output with a wrong gradient, or None.

        A backward pass carries a mistake on towards the input, so the mistake is in the
        lines of this layer, or in the gradient that the layer behind it passes back.
        """
        wrong = [w.layer for w in self.weights if w.wrong]
        return wrong[-1] if wrong else None

    def __str__(self):
        lines = [
            f"{'weight':32} {'shape':>9} {'against tape':>13} {'differences':>12} "
            f"{'cosine':>8}"
        ]
        for w in self.weights:
            shape = "x".join(map(str, w.shape)) or "scalar"
            lines.append(
                f"{w.weight:32} {shape:>9} {w.error:13.1e} {w.difference_error:12.1e} "
                f"{w.cosine:8.4f}" + f"   wrong{w.hint and ': '}{w.hint}" * w.wrong
            )
        if self.failure:
            lines.append(f"The backward pass stopped: {self.failure}")
        elif self.order:
            lines.append(self.order)
        elif self.right:
            lines.append("Every gradient agrees.")
        else:
            first = [w for w in self.weights if w.wrong and w.layer == self.first_wrong]
            names = ", ".join(w.weight.rpartition("/")[2] for w in first)
            lines.append(f"Look at {self.first_wrong} first: {names}.")
        return "\n".join([*lines, *self.notes])


def hint(hand_shape, shape, factor, samples, outputs):
    """The usual cause of a wrong gradient, or "".

    Args:
        hand_shape: tuple, or None where no gradient arrived.
        shape: tuple, of the weight.
        factor: float. Hand gradient by right gradient; NaN where they are not parallel.
        samples, outputs: ints. The sizes of the batch and of one sample's output.
    """
    if hand_shape is None:
        return "the update never comes to it"
    if hand_shape != shape:
        return f"its gradient has the shape {hand_shape}"
    known = [(-1.0, "the sign is turned")]
    if samples > 1:
        known += [
            (samples, "a sum over the batch where the loss takes the mean"),
            (1 / samples, "divided by the size of the batch once too often"),
        ]
    known += [(0.5, "the 2 of the square is missing"), (2.0, "a 2 too much")]
    if outputs > 1:
        known += [
            (outputs, "a sum over the outputs where the loss takes the mean"),
            (1 / outputs, "divided by the number of outputs once too often"),
        ]
    for value, text in known:
        if abs(factor - value) <= 1e-3 * abs(value):
            return f"{factor:.4g} times the right one, as where {text}"
    # NaN differs from itself.
    return f"{factor:.4g} times the right one" if factor == factor else ""
