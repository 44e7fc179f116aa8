"""The option `background` of loss and metric: the class that is left out."""

import numbers

import numpy as np

from kerasmodels._support import checks


def omitted_class(owner, background, num_classes=None):
    """The class that the option leaves out: 0 for False, none (None) for True and None.

    Raises:
        ValueError: the option is not a bool, None or the number of a class.
    """
    if background is None or isinstance(background, (bool, np.bool_)):
        return None if background is None or background else 0
    within = isinstance(background, numbers.Integral) and background >= 0
    if not within or num_classes is not None and background >= num_classes:
        below = "" if num_classes is None else f" (below {num_classes})"
        raise checks.ArgumentError(
            checks.message(
                owner,
                "background",
                f"True, False or the number of the class that is left out{below}",
                f"background={checks.describe(background)}",
            )
        )
    return int(background)
