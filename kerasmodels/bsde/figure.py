"""The figure of a solution, from its numbers alone."""

import matplotlib.figure


def draw(result):
    """Draws u0 with its interval, and the loss, over the training.

    Args:
        result: dict, as `Solution.to_dict` makes it.

    Returns:
        A matplotlib figure, of no window.
    """
    history = result["history"]
    # Not pyplot: a library must not touch the user's figures or backend.
    figure = matplotlib.figure.Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    baseline = result["baseline_u0"]
    steps = [0, *history["step"]]
    if history["step"]:
        # Training starts at the baseline.
        values = [baseline, *history["u0"]]
        left.plot(steps, values, marker=".", label="u0, training")
    if baseline is not None:
        left.axhline(baseline, ls=":", color="gray", label="baseline E g(X_T)")
    if result["reference_u0"] is not None:
        left.axhline(result["reference_u0"], ls="--", color="k", label="reference")
    low, high = result["u0_interval"]
    left.errorbar(
        [1.06 * steps[-1]],
        [result["u0"]],
        yerr=(high - low) / 2,
        marker="o",
        ms=4,
        capsize=4,
        color="C3",
        label="u0, estimate and 95 % interval",
    )
    left.set(xlabel="training step", ylabel="u(0, x0)")
    left.ticklabel_format(axis="y", useOffset=False)
    left.legend(framealpha=0.6, fontsize="small")
    right.semilogy(history["step"], history["loss"], marker=".")
    right.set(xlabel="training step", ylabel="mean squared terminal mismatch")
    title = f"{result['equation']}, d = {result['dim']}, N = {result['num_steps']}"
    if result["relative_error"] is not None:
        title += f": relative error {result['relative_error']:.4%}"
    figure.suptitle(title)
    return figure
