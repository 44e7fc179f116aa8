"""Streams of random numbers: every draw has a pair (seed, number), and no two share one.

| numbers | draws |
|---|---|
| 0, 1, 2, ... | step k of a training, batch k of a data set, other checks of few paths |
| -1, -2, ..., above -2^32 | the sample before a training: start values, mean of g(X_T) |
| from -1 - 2^32 down | the shift of the inner times of batch k (`jitter`) |
| from -2^40 down | the estimate, two numbers for each chunk of paths |
| from -2^41 up | the paths that show how many steps of X are needed, one for each step |
| from -2^42 up | the paths of a regression, one for each pass |
| from -2^43 up | the starts of the paths of a regression, one for each pass |
"""


def before_training(block):
    """The number of a block of paths that are drawn before a training."""
    return -1 - block


def shift_of_times(step):
    """The number of the shift of the inner times in the batch of a training step."""
    return -1 - step - 2**32


def of_estimate(chunk, kind):
    """The number of a chunk of the estimate; kind 0 is the noise, 1 a direction."""
    return -(2**40) - 2 * chunk - kind


def of_substeps(step):
    """The number of an increment of the paths in `needed_substeps`."""
    return step - 2**41


def of_regression(number):
    """The number of the paths of a pass of regressions."""
    return number - 2**42


def of_starts(number):
    """The number of the starts of the paths of a pass of regressions."""
    return number - 2**43
