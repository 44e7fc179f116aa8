"""Probabilities of a normal vector, by quadrature."""

import numpy as np
from scipy.special import ndtr, ndtri


def orthant(bound, covariance, num_nodes=80):
    """P(X_1 < bound_1, X_2 < bound_2, X_3 < bound_3) of a centred normal X in 3 dimensions.

    The Cholesky factor of the covariance makes X of independent normals, and the inverse
    distribution function makes these of uniform numbers. The integral of a smooth function
    over two of them remains.

    Reference: Genz (1992), https://doi.org/10.2307/1390838
    """
    root = np.linalg.cholesky(covariance)
    nodes, weights = np.polynomial.legendre.leggauss(num_nodes)
    nodes, weights = (nodes + 1) / 2, weights / 2
    first = ndtr(bound[0] / root[0, 0])
    y1 = ndtri(nodes * first)[:, None]
    second = ndtr((bound[1] - root[1, 0] * y1) / root[1, 1])
    y2 = ndtri(np.maximum(nodes * second, 1e-300))
    third = ndtr((bound[2] - root[2, 0] * y1 - root[2, 1] * y2) / root[2, 2])
    return float(first * (weights @ (second[:, 0] * (third @ weights))))
