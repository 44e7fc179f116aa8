"""Pixels and images in the plane."""

import numpy as np
import pytest

from kerasmodels.by_hand import pictures
from kerasmodels.by_hand.data import digits


def test_positions_are_the_main_axes():
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(64, 2)) * [5, 2]
    turned = plane @ np.linalg.qr(rng.normal(size=(50, 50)))[0][:2]
    places = pictures.pixel_positions(turned + 3.0)
    # Up to a turn of the plane, all distances are kept.
    for k in range(1, 64):
        distance = np.linalg.norm(places[k] - places[0])
        assert distance == pytest.approx(np.linalg.norm(plane[k] - plane[0]), rel=1e-9)


def test_grid_edges_join_neighbours():
    edges = pictures.grid_edges(8, 8)
    assert len(edges) == 112
    assert {tuple(edge) for edge in edges} >= {(0, 1), (0, 8), (55, 63), (62, 63)}
    assert set(np.abs(edges[:, 1] - edges[:, 0])) == {1, 8}
    assert not any(a % 8 == 7 and b == a + 1 for a, b in edges)


def test_embeddings_keep_the_digits_together():
    (x, y), _ = digits()
    x, labels = x[:80], np.argmax(y[:80], axis=1)
    found = pictures.embeddings(x)
    assert list(found) == ["PCA", "MDS", "Isomap", "t-SNE"]
    for name, places in found.items():
        assert places.shape == (80, 2)
        distance = np.linalg.norm(places[:, None] - places, axis=2)
        np.fill_diagonal(distance, np.inf)
        nearest = labels[np.argmin(distance, axis=1)]
        # One of ten by chance.
        assert np.mean(nearest == labels) > 0.4, name
    again = pictures.embeddings(x)
    np.testing.assert_array_equal(found["t-SNE"], again["t-SNE"])


@pytest.mark.parametrize("x", [np.zeros((3, 3)), np.zeros(30), np.full((30, 3), np.nan)])
def test_too_little_is_refused(x):
    with pytest.raises(ValueError, match="embeddings"):
        pictures.embeddings(x)
