"""Kernels for the first half of kernel thinning."""

from numbers import Real

import numpy as np

from skkernels.kernels import RBF, Constant, Kernel, Product, Scaled, Sum

SPLIT_KERNELS = ("target", "root", "power", "plus")

_ADVICE = "Use split_kernel='target', which is possible for every kernel."


def split_kernel(kernel, kind, n_features, power=0.5):
    """The kernel by which kernel thinning splits the rows.

    The candidates that halvings give are balanced for the functions of the split
    kernel's space. Guarantees for the maximum mean discrepancy in a rough kernel need a
    split kernel that is rougher still: one whose Fourier transform is a power of the
    kernel's [1]_, [2]_.

    Parameters
    ----------
    kernel : Kernel or "precomputed"
        Resolved kernel: the one in which the discrepancy is measured.

    kind : {"target", "root", "power", "plus"} or Kernel
        "target" is the kernel itself. "power" has the power ``power`` of its Fourier
        transform, and "root" the power 1/2. "plus" is the sum of "target" and "power",
        each divided by its value ``k(x, x)`` [2]_. A kernel is taken as it is.

    n_features : int
        Dimension of the space of the rows.

    power : float, default=0.5
        In [0.5, 1). A Matern kernel has a power kernel for
        ``power > d / (2 nu + d)`` in d dimensions, an RBF for all powers.

    Returns
    -------
    kernel : Kernel or "precomputed"
        Without white noise. The power of a sum is the sum of the powers, with the same
        shares in ``k(x, x)``; constants are left out.

    Raises
    ------
    ValueError
        If there is no such kernel.

    References
    ----------
    .. [1] R. Dwivedi and L. Mackey, "Kernel thinning", Journal of Machine Learning
       Research 25, 2024. arXiv:2105.05842
    .. [2] R. Dwivedi and L. Mackey, "Generalized kernel thinning", ICLR 2022.
       arXiv:2110.01593

    Examples
    --------
    >>> from skkernels.coresets import split_kernel
    >>> from skkernels.kernels import RBF, Matern
    >>> split_kernel(Matern(nu=2.5), "root", 1).nu
    1.0
    >>> split_kernel(RBF(), "plus", 2).diag_value
    2.0
    """
    if isinstance(kind, Kernel) or callable(kind):
        if isinstance(kernel, str):
            raise ValueError(
                f"split_kernel={kind!r} needs the features of the rows, but the kernel "
                f"is {kernel!r}. {_ADVICE}"
            )
        if isinstance(kind, Kernel):
            return kind._without_noise()
    if kind not in SPLIT_KERNELS:
        raise ValueError(
            f"split_kernel must be one of {SPLIT_KERNELS} or a kernel, got {kind!r} "
            "instead."
        )
    if kind == "target":
        return kernel if isinstance(kernel, str) else kernel._without_noise()
    if isinstance(kernel, str):
        raise ValueError(
            f"split_kernel={kind!r} needs a formula, but the kernel is {kernel!r}. "
            + _ADVICE
        )
    if not isinstance(power, Real) or not 0.5 <= power < 1:
        raise ValueError(f"power must be in [0.5, 1), got {power!r} instead.")
    kernel = _drop_constants(kernel._without_noise())
    try:
        rough = _power(kernel, 0.5 if kind == "root" else power, n_features)
        return rough if kind != "plus" else Sum(_unit(kernel), _unit(rough))
    except ValueError as error:
        raise ValueError(
            f"split_kernel={kind!r} is not possible: {error} {_ADVICE}"
        ) from error


def _power(kernel, alpha, d):
    """Power kernel, that of a sum, a multiple or a product by way of its parts."""
    if isinstance(kernel, Sum):
        parts = []
        for part in map(_drop_constants, (kernel.k1, kernel.k2)):
            parts.append(Scaled(_unit(_power(part, alpha, d)), _diagonal_value(part)))
        return Sum(*parts)
    if isinstance(kernel, Scaled) and kernel.factor > 0:
        return _power(_drop_constants(kernel.kernel), alpha, d)
    if isinstance(kernel, Product):
        parts = (kernel.k1, kernel.k2)
        if all(isinstance(part, RBF) for part in parts):
            rates = [1.0 / np.asarray(part._length(d)) for part in parts]
            kernel = RBF(1.0 / np.hypot(*rates))
    return kernel.power_kernel(alpha, d)


def _drop_constants(kernel):
    """A sum without its constant terms, which halvings do not see."""
    if isinstance(kernel, Sum):
        parts = [_drop_constants(part) for part in (kernel.k1, kernel.k2)]
        parts = [part for part in parts if not isinstance(part, Constant)]
        if len(parts) < 2:
            return parts[0] if parts else kernel
    return kernel


def _unit(kernel):
    return Scaled(kernel, 1.0 / _diagonal_value(kernel))


def _diagonal_value(kernel):
    value = kernel.diag_value
    if value is None or value <= 0:
        raise ValueError(f"{kernel!r} has no constant value k(x, x) > 0 to divide by.")
    return value
