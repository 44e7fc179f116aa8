"""Pre-trained subnets: one regression per time step, before they are stacked.

The workflow, each step one function: `z_samples` makes pairs (x_n, z_n), `fit_subnets`
trains one `ZSubnet` per inner time on them, `save_subnets` and `load_subnets` keep them
as one `.keras` file each (`load_subnets` takes files from elsewhere too), and
`GlobalModel(equation, subnets, train_control=False, grid=grid)` stacks them, so that
fitting it finds (u0, z0) alone. Setting `model.train_control = True` and compiling again
fine-tunes everything.
"""

import os
from collections.abc import Iterable

import keras
import numpy as np
import tensorflow as tf

from kerasmodels._support import checks
from kerasmodels._support.files import replacing
from kerasmodels.bsde.coefficients import check_shapes
from kerasmodels.bsde.control import ZSubnet
from kerasmodels.bsde.control.network import init_seeds
from kerasmodels.bsde.equation import Equation
from kerasmodels.bsde.methods.deep_bsde.optimizer import decaying_adam
from kerasmodels.bsde.paths.grid import as_time_grid, paths_fit
from kerasmodels.bsde.paths.increments import brownian_increments
from kerasmodels.bsde.paths.sampling import simulate
from kerasmodels.loading import load_model

LABELS = ("exact", "pathwise", "malliavin")


def z_samples(
    equation,
    num_paths,
    seed=0,
    labels="pathwise",
    dtype=None,
    *,
    num_steps=None,
    grid=None,
):
    """Samples pairs (x_n, z_n) at the inner times t_1, ..., t_{N-1}.

    A subnet regresses on the mean of z_n given x_n. `labels` names its source:

        "exact":      z_n = sigma^T grad u(t_n, x_n), from the exact solution
        "pathwise":   z_n = sigma^T (dX_N / dX_n)^T grad g(X_N), by automatic
                      differentiation along the path; g must be differentiable
        "malliavin":  z_n = (g(X_N) - g(x_n)) dW_n / dt_n; no derivative of g is taken, but
                      the variance grows like 1 / dt

    The last two are the control of the driver-free equation: sigma^T grad E g(X_T). They
    are exact where f = 0 and a start for fine-tuning elsewhere. As labels they are
    noisy; the regression averages them.

    Reference: Fournie et al. (1999), https://doi.org/10.1007/s007800050068 (both weights)

    Args:
        equation: `Equation`.
        num_paths: int.
        seed: int, or a pair (seed, step).
        labels: "exact", "pathwise" or "malliavin".
        dtype: "float32" or "float64". Defaults to `keras.config.floatx()`.
        num_steps, grid: as in `sample_paths`.

    Returns:
        The pair (x, z) of arrays, x `[num_paths, N - 1, dim]` and z
        `[num_paths, N - 1, noise_dim]`.

    Raises:
        ValueError: `labels` is none of these, or is "exact" for an equation without an
            exact solution; or another argument is not of the form above.
    """
    owner = "z_samples"
    dtype = checks.float_type(owner, dtype)
    check_shapes(owner, equation, dtype)
    t = as_time_grid(owner, equation, num_steps, grid)
    seed = checks.seed_pair(owner, seed)
    checks.one_of(owner, "labels", labels, LABELS)
    num_paths = checks.positive_int(owner, "num_paths", num_paths)
    # With their gradients.
    paths_fit(owner, "num_paths", equation, len(t) - 1, num_paths, dtype, copies=4)
    if labels == "exact" and not equation.has_exact_solution:
        raise checks.ArgumentError(
            checks.message(
                owner,
                "labels",
                '"pathwise" or "malliavin" where there is no exact solution',
                f'labels="exact" for {equation!r}',
            )
        )
    if len(t) < 3:
        argument = "num_steps" if grid is None else "grid"
        raise checks.ArgumentError(
            checks.message(owner, argument, "one with inner times", "one time step")
        )
    dw = brownian_increments(t, num_paths, equation.noise_dim, seed, dtype)
    label = {"exact": _exact, "pathwise": _pathwise, "malliavin": _malliavin}[labels]
    x, z = tf.function(lambda dw: label(equation, t, dw))(dw)
    return x.numpy(), z.numpy()


def _times(t, x):
    """t_1, ..., t_{N-1} as `[batch, 1]` tensors."""
    return [tf.zeros_like(x[:, :1]) + tf.constant(t_n, x.dtype) for t_n in t[1:-1]]


def _exact(equation, t, dw):
    x = simulate(equation, t, dw)[1:-1]
    z = [equation.exact_z(t_n, x_n) for t_n, x_n in zip(_times(t, x[0]), x)]
    return tf.stack(x, axis=1), tf.stack(z, axis=1)


def _pathwise(equation, t, dw):
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        # Every state is computed from dw, so the tape follows g(X_N) back to each x_n.
        tape.watch(dw)
        path = simulate(equation, t, dw)
        terminal = equation.terminal(path[-1])
    x = path[1:-1]
    gradients = tape.gradient(terminal, x, unconnected_gradients="zero")
    z = [
        equation.diffusion_transpose_prod(t_n, x_n, gradient)
        for t_n, x_n, gradient in zip(_times(t, x[0]), x, gradients)
    ]
    return tf.stack(x, axis=1), tf.stack(z, axis=1)


def _malliavin(equation, t, dw):
    path = simulate(equation, t, dw)
    terminal = equation.terminal(path[-1])
    # Subtracting g(x_n), known at t_n, leaves the mean as it is and takes out most of
    # the variance.
    z = [
        (terminal - equation.terminal(path[n])) * dw[:, n] / (t[n + 1] - t[n])
        for n in range(1, len(t) - 1)
    ]
    return tf.stack(path[1:-1], axis=1), tf.stack(z, axis=1)


def fit_subnets(x, z, epochs=10, batch_size=32, learning_rate=1e-3, seed=0, **options):
    """Trains one `ZSubnet` per inner time on pairs (x_n, z_n), in mean square.

    Args:
        x: array `[num_paths, N - 1, dim]`. States.
        z: array `[num_paths, N - 1, noise_dim]`. Labels.
        epochs: int.
        batch_size: int.
        learning_rate: float. Of Adam, decaying to a hundredth along a cosine.
        seed: int. Of initial weights and of the order of the samples.
        **options: `hidden`, `activation`, `batch_norm`, `dtype` of `ZSubnet`.

    Returns:
        The pair (subnets, losses): N - 1 `ZSubnet`s and their final training losses.

    Raises:
        ValueError: the shapes of x and z are not as above.
    """
    owner = "fit_subnets"
    for name, value in (("x", x), ("z", z)):
        checks.finite_array(owner, name, value)
    x, z = np.asarray(x), np.asarray(z)
    if x.ndim != 3 or z.ndim != 3 or x.shape[:2] != z.shape[:2] or not x.size * z.size:
        raise checks.ArgumentError(
            "`fit_subnets` expects `x` of shape (num_paths, num_times, dim) and `z` of "
            f"shape (num_paths, num_times, noise_dim). Received: x.shape={x.shape}, "
            f"z.shape={z.shape}."
        )
    _check_fit(owner, epochs, batch_size, learning_rate, seed)
    num_paths, num_times, dim = x.shape
    subnets, losses = [], []
    for n, subnet_seed in enumerate(init_seeds(seed, num_times)):
        subnet = ZSubnet(dim, seed=subnet_seed, noise_dim=z.shape[2], **options)
        subnet.standardize(x[:, n], np.sqrt(np.mean(z[:, n] ** 2)))
        steps = epochs * -(-num_paths // batch_size)
        subnet.compile(decaying_adam(learning_rate, steps), loss="mse")
        # Keras's own shuffling of arrays depends on global state.
        data = (
            tf.data.Dataset.from_tensor_slices((x[:, n], z[:, n]))
            .shuffle(num_paths, seed=subnet_seed % 2**31)
            .batch(batch_size)
        )
        history = subnet.fit(data, epochs=epochs, shuffle=False, verbose=0)
        subnets.append(subnet)
        losses.append(float(history.history["loss"][-1]))
    return subnets, losses


def _check_fit(owner, epochs, batch_size, learning_rate, seed):
    checks.positive_int(owner, "epochs", epochs)
    checks.positive_int(owner, "batch_size", batch_size)
    checks.finite_float(owner, "learning_rate", learning_rate, above=0.0)
    checks.seed_int(owner, seed)


def save_subnets(subnets, folder):
    """Writes each subnet to its own file, `z_001.keras` for t_1, and so on.

    Files of later times that an earlier call left in the folder are removed, so that
    `load_subnets` reads back this list.

    Returns:
        The list of paths.

    Raises:
        ValueError: an argument is not of that form.
    """
    folder = checks.path("save_subnets", "folder", folder)
    if not isinstance(subnets, (list, tuple)) or not subnets:
        received = f"subnets={checks.describe(subnets)}"
        raise checks.ArgumentError(
            checks.message("save_subnets", "subnets", "a list of Keras models", received)
        )
    for subnet in subnets:
        checks.instance("save_subnets", "subnets", subnet, keras.Model)
    paths = [folder / _file_name(n) for n in range(1, len(subnets) + 1)]
    for subnet, path in zip(subnets, paths):
        with replacing(path) as temporary:
            subnet.save(temporary)
    for path in folder.glob("z_*.keras"):
        if path not in paths:
            path.unlink()
    return paths


def _file_name(n):
    return f"z_{n:03d}.keras"


def load_subnets(folder):
    """Reads subnets from files, in the order of their times t_1, ..., t_{N-1}.

    Args:
        folder: str or path. A folder that `save_subnets` wrote; or a list of `.keras`
            files with any names, in the order of the times. Each holds a Keras model that
            maps `[batch, dim]` to `[batch, noise_dim]`.

    Returns:
        The list of models.

    Raises:
        ValueError: the folder holds no `z_*.keras`, a number is missing, the list is empty
            or holds something else than names of files, or `load_model` refuses one.
    """
    owner = "load_subnets"
    if isinstance(folder, (list, tuple)):
        return [load_model(path) for path in _files(owner, folder)]
    if isinstance(folder, Iterable) and not isinstance(folder, (str, bytes, os.PathLike)):
        expected = "a folder, or a list of files in the order of their times"
        received = f"folder={checks.describe(folder)}"
        advice = "`list(...)` or `sorted(...)` makes one; a set has no order."
        raise checks.ArgumentError(
            checks.message(owner, "folder", expected, received, advice)
        )
    folder = checks.path(owner, "folder", folder)
    if folder.is_file() or (folder / "saved_model.pb").is_file():
        # One network, or one that `load_model` refuses by its kind.
        return [load_model(folder)]
    # By length first: z_1000 comes after z_999.
    paths = sorted(folder.glob("z_*.keras"), key=lambda path: (len(path.name), path.name))
    expected = [folder / _file_name(n) for n in range(1, len(paths) + 1)]
    if paths and paths == expected:
        return [load_model(path) for path in paths]
    there = sorted(path.name for path in folder.glob("*"))
    found = "no such folder"
    if folder.exists():
        found = (
            f"{there[:8]}{' and more' * (len(there) > 8)}" if folder.is_dir() else "a file"
        )
    raise checks.ArgumentError(
        "`load_subnets` expects files z_001.keras, z_002.keras, ... without gaps in "
        f"`folder`. Received: folder={str(folder)!r} with {found}. Files with other names "
        "are given as a list, in the order of their times: "
        "`load_subnets([first, second, ...])`."
    )


def _files(owner, paths):
    """A list of names of files, or an error."""
    for path in paths:
        if isinstance(path, keras.layers.Layer):
            raise checks.ArgumentError(
                checks.message(
                    owner,
                    "folder",
                    "a list of files",
                    f"a {type(path).__name__}, loaded already",
                    "Networks in memory need no loading: `GlobalModel(control=networks)`.",
                )
            )
        checks.path(owner, "folder", path)
    if not paths:
        received = f"folder={paths!r}"
        raise checks.ArgumentError(
            checks.message(owner, "folder", "a list of one file per inner time", received)
        )
    return paths


def pretrain_subnets(
    equation,
    folder,
    num_paths=4096,
    seed=0,
    labels=None,
    *,
    num_steps=None,
    grid=None,
    **options,
):
    """Samples, trains, saves, and loads again: the subnets come back from their files.

    Args:
        equation: `Equation`.
        folder: str or path. Where the files are written.
        num_paths: int. Number of pairs (x_n, z_n) per time.
        seed: int.
        labels: as in `z_samples`; None is "exact" where there is an exact solution and
            "pathwise" elsewhere.
        num_steps, grid: as in `sample_paths`.
        **options: passed on to `fit_subnets`.

    Returns:
        The pair (subnets, losses).

    Raises:
        ValueError: as `z_samples` and `fit_subnets`.
    """
    owner, dtype = "pretrain_subnets", options.get("dtype")
    checks.instance(owner, "equation", equation, Equation)
    # Checked now, because the sampling takes long.
    seed = checks.seed_int(owner, seed)
    checks.path(owner, "folder", folder)
    fit = {"epochs": 1, "batch_size": 1, "learning_rate": 1.0, "seed": seed}
    _check_fit(owner, **{name: options.get(name, value) for name, value in fit.items()})
    named = ("hidden", "activation", "batch_norm")
    named = {k: v for k, v in options.items() if k in named}
    ZSubnet(equation.dim, noise_dim=equation.noise_dim, **named)
    if labels is None:
        labels = "exact" if equation.has_exact_solution else "pathwise"
    x, z = z_samples(
        equation, num_paths, seed, labels, dtype, num_steps=num_steps, grid=grid
    )
    subnets, losses = fit_subnets(x, z, seed=seed, **options)
    save_subnets(subnets, folder)
    return load_subnets(folder), losses
