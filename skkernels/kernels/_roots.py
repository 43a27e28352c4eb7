"""Square-root and power kernels in closed form, for kernel thinning.

The square-root kernel ``r`` of a stationary kernel ``k`` on R^d satisfies
``integral r(x, z) r(z, y) dz = k(x, y)``: its Fourier transform is the square root of
``k``'s, times ``(2 pi)^(d / 4)`` in the symmetric convention. A power kernel has the
power ``alpha`` of the Fourier transform, up to a constant. Gaussians stay Gaussians and
Matern kernels stay Matern kernels, of half the Sobolev order.
"""

import numpy as np
from scipy.special import gammaln

from ._scaled import Scaled


def rbf_root(kernel, d):
    """Square root of an RBF kernel: an RBF of length l / sqrt(2), times a constant."""
    length = kernel._length(d)
    # (2 / pi)^(d / 4) / sqrt(product of the lengths)
    product = np.sum(np.log(np.broadcast_to(length, (d,))))
    factor = np.exp(0.25 * d * np.log(2.0 / np.pi) - 0.5 * product)
    return Scaled(kernel._replace(length_scale=length / np.sqrt(2.0)), float(factor))


def rbf_power(kernel, alpha):
    """Power of an RBF kernel: the Fourier transform exp(-l^2 w^2 / 2) to the alpha."""
    return kernel._replace(length_scale=np.sqrt(alpha) * kernel._length())


def matern_root(kernel, nu, d):
    """Square root of a Matern kernel of order nu, a Matern kernel of lower order.

    With kap = sqrt(2 nu) / l and c(v) = 2^d pi^(d/2) Gamma(v + d/2) / Gamma(v), the
    root is A phi_m(kap r), m = nu / 2 - d / 4 and A = kap^(d/2) sqrt(c(nu)) / c(m).
    With one length per feature, kap^(d/2) becomes the product of the square roots of
    the inverse lengths times (2 nu)^(d/4).
    """
    order = 0.5 * nu - 0.25 * d
    if order <= 0:
        raise ValueError(
            f"A Matern kernel has a square-root kernel where nu > n_features / 2 only, "
            f"got nu={nu:g} and n_features={d}. Use a smoother kernel, or the kernel "
            "itself as the target."
        )
    length = kernel._length(d)

    def log_c(v):
        return d * np.log(2.0) + gammaln(v + 0.5 * d) - gammaln(v)

    log_factor = (
        0.25 * d * np.log(2.0 * nu)
        - 0.5 * np.sum(np.log(np.broadcast_to(length, (d,))))
        + 0.5 * log_c(nu)
        - log_c(order)
        - 0.25 * d * np.log(np.pi)  # pi^(d/2): its root above, itself below
    )
    return Scaled(_same_rate(kernel, nu, order, length), float(np.exp(log_factor)))


def matern_power(kernel, nu, alpha, d):
    """Power of a Matern kernel: order alpha (nu + d / 2) - d / 2 at the same rate."""
    order = alpha * (nu + 0.5 * d) - 0.5 * d
    if order <= 0:
        raise ValueError(
            f"The power alpha={alpha:g} of a Matern kernel with nu={nu:g} in "
            f"{d} dimensions is no kernel: alpha must exceed "
            f"{0.5 * d / (nu + 0.5 * d):g}."
        )
    return _same_rate(kernel, nu, order, kernel._length(d))


def _same_rate(kernel, nu, order, length):
    """Matern kernel of another order with the same sqrt(2 nu) / length_scale."""
    from ._matern import Matern

    return Matern(
        length_scale=np.sqrt(order / nu) * length,
        nu=order,
        length_scale_bounds=kernel.length_scale_bounds,
    )
