"""Pixels and images as points in the plane."""

import numpy as np

from kerasmodels._support import checks


def pixel_positions(kernel):
    """A point in the plane for each pixel, by the two main axes of the first layer's rows.

    Two pixels with similar weights lie close to each other.

    Args:
        kernel: array `[pixels, units]`.

    Returns:
        array `[pixels, 2]`.

    Raises:
        ValueError: it is no matrix of at least two rows and columns.
    """
    return _main_axes(_matrix("pixel_positions", "kernel", kernel))


def grid_edges(rows, columns):
    """The pairs of neighbours in a grid of pixels numbered row by row, `[edges, 2]`."""
    rows = checks.positive_int("grid_edges", "rows", rows)
    columns = checks.positive_int("grid_edges", "columns", columns)
    number = np.arange(rows * columns).reshape(rows, columns)
    across = np.stack([number[:, :-1].ravel(), number[:, 1:].ravel()], axis=1)
    down = np.stack([number[:-1].ravel(), number[1:].ravel()], axis=1)
    return np.concatenate([across, down])


def embeddings(x, seed=0):
    """Samples in the plane: by main axes, distances, neighbours and likelihood.

    Args:
        x: array `[samples, features]`, at least 20 samples.
        seed: int.

    Returns:
        dict "PCA", "MDS", "Isomap", "t-SNE" of arrays `[samples, 2]`.

    Raises:
        ValueError: x is no such matrix.
    """
    from sklearn.manifold import TSNE, Isomap, smacof
    from sklearn.metrics import pairwise_distances

    x = _matrix("embeddings", "x", x, minimum=20)
    seed = checks.seed_int("embeddings", seed) % 2**32
    flat = _main_axes(x)
    distances = pairwise_distances(x)
    mds, _ = smacof(distances, init=flat, n_init=1, max_iter=100, random_state=seed)
    perplexity = min(30.0, len(x) / 4)
    return {
        "PCA": flat,
        "MDS": mds,
        "Isomap": Isomap(n_neighbors=min(10, len(x) - 1)).fit_transform(x),
        "t-SNE": TSNE(perplexity=perplexity, random_state=seed).fit_transform(x),
    }


def _matrix(owner, name, value, minimum=2):
    value = checks.finite_array(owner, name, value)
    if value.ndim != 2 or value.shape[0] < minimum or value.shape[1] < 2:
        expected = f"a matrix of at least {minimum} rows and 2 columns"
        raise checks.ArgumentError(
            checks.message(owner, name, expected, f"shape {value.shape}")
        )
    return value


def _main_axes(x):
    """The first two principal components, each with its largest entry positive."""
    u, size, _ = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    flat = u[:, :2] * size[:2]
    largest = np.argmax(np.abs(flat), axis=0)
    return flat * np.sign(flat[largest, [0, 1]])
