"""Kernels written down from their formulas, for comparison."""

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import gamma, kv

from skkernels.kernels import (
    RBF,
    Cauchy,
    Exponential,
    ExponentialPower,
    GeneralizedCauchy,
    InverseMultiquadric,
    Matern,
    RationalQuadratic,
    Wendland,
)


def matern(r, nu):
    z = np.sqrt(2 * nu) * np.where(r > 0, r, 1.0)
    return np.where(r > 0, 2 ** (1 - nu) / gamma(nu) * z**nu * kv(nu, z), 1.0)


def wendland(r, k, max_dim):
    l = max_dim // 2 + k + 1
    t = np.maximum(1 - r, 0)
    if k == 0:
        return t**l
    if k == 1:
        return t ** (l + 1) * ((l + 1) * r + 1)
    if k == 2:
        return t ** (l + 2) * ((l * l + 4 * l + 3) * r**2 + (3 * l + 6) * r + 3) / 3
    cubic = (l**3 + 9 * l**2 + 23 * l + 15) * r**3
    cubic = cubic + (6 * l**2 + 36 * l + 45) * r**2 + (15 * l + 45) * r + 15
    return t ** (l + 3) * cubic / 15


# Kernel and the same as a function of r / length_scale.
RADIAL = [
    (RBF(), lambda r: np.exp(-(r**2) / 2)),
    (Exponential(), lambda r: np.exp(-r)),
    (Matern(nu=0.5), lambda r: matern(r, 0.5)),
    (Matern(nu=1.5), lambda r: matern(r, 1.5)),
    (Matern(nu=2.5), lambda r: matern(r, 2.5)),
    (Matern(nu=3.5), lambda r: matern(r, 3.5)),
    (Matern(nu=4.5), lambda r: matern(r, 4.5)),
    (Matern(nu=0.3), lambda r: matern(r, 0.3)),
    (Matern(nu=1.0), lambda r: matern(r, 1.0)),
    (Matern(nu=1.2), lambda r: matern(r, 1.2)),
    (Matern(nu=np.inf), lambda r: np.exp(-(r**2) / 2)),
    (ExponentialPower(power=0.5), lambda r: np.exp(-np.sqrt(r))),
    (ExponentialPower(power=1.0), lambda r: np.exp(-r)),
    (ExponentialPower(power=1.5), lambda r: np.exp(-(r**1.5))),
    (ExponentialPower(power=2.0), lambda r: np.exp(-(r**2))),
    (ExponentialPower(power=0.7), lambda r: np.exp(-(r**0.7))),
    (RationalQuadratic(alpha=0.7), lambda r: (1 + r**2 / 1.4) ** -0.7),
    (Cauchy(), lambda r: 1 / (1 + r**2)),
    (InverseMultiquadric(c=0.8), lambda r: (0.64 + r**2) ** -0.5),
    (InverseMultiquadric(beta=1.0), lambda r: (1 + r**2) ** -1.0),
    (InverseMultiquadric(beta=0.3, c=2.0), lambda r: (4 + r**2) ** -0.3),
    (GeneralizedCauchy(beta=0.7), lambda r: (1 + r) ** -0.7),
    (GeneralizedCauchy(power=2.0, beta=3.0), lambda r: (1 + r**2) ** -3.0),
    (GeneralizedCauchy(power=0.6, beta=1.4), lambda r: (1 + r**0.6) ** -1.4),
    *(
        (
            Wendland(k=k, max_dim=max_dim),
            lambda r, k=k, max_dim=max_dim: wendland(r, k, max_dim),
        )
        for k in range(4)
        for max_dim in (4, 7)
    ),
]


def kernel_id(kernel):
    return repr(kernel).replace(" ", "").replace("\n", "")


def distances(X, Z, length_scale=1.0):
    return cdist(X / length_scale, Z / length_scale)
