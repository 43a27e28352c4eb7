"""Kernels from names, numbers, callables and scikit-learn's kernel objects."""

import math
from dataclasses import dataclass
from numbers import Real

import numpy as np
from sklearn.gaussian_process import kernels as gp

from ._additive_chi2 import AdditiveChi2
from ._arc_cosine import ArcCosine
from ._base import Kernel
from ._callable import CallableKernel
from ._cauchy import Cauchy
from ._chi2 import Chi2
from ._constant import Constant
from ._cosine import Cosine
from ._energy_distance import EnergyDistance
from ._exp_dot import ExpDot
from ._exp_sine_squared import ExpSineSquared
from ._exponential import Exponential
from ._exponential_power import ExponentialPower
from ._exponentiation import Exponentiation
from ._generalized_cauchy import GeneralizedCauchy
from ._intersection import Intersection
from ._inverse_multiquadric import InverseMultiquadric
from ._laplacian import Laplacian
from ._linear import Linear
from ._matern import Matern
from ._polynomial import Polynomial
from ._product import Product
from ._rational_quadratic import RationalQuadratic
from ._rbf import RBF
from ._scaled import Scaled
from ._sigmoid import Sigmoid
from ._sum import Sum
from ._wendland import Wendland
from ._white_noise import WhiteNoise


@dataclass(frozen=True)
class _Entry:
    """A kernel that has a name."""

    cls: type
    # What gamma sets: "length_scale" (gamma = 1 / (2 length_scale^2)), "gamma" itself,
    # "number" (gamma itself, no rules), or None for kernels without it.
    gamma: str | None
    # Other parameters of make_kernel that the kernel takes.
    takes: tuple = ()


_ENTRIES = {
    "additive_chi2": _Entry(AdditiveChi2, None),
    "arccos": _Entry(ArcCosine, None),
    "cauchy": _Entry(Cauchy, "length_scale"),
    "chi2": _Entry(Chi2, "number"),
    "cosine": _Entry(Cosine, None),
    "energy": _Entry(EnergyDistance, None),
    "exp_dot": _Entry(ExpDot, "gamma"),
    "exp_sine_squared": _Entry(ExpSineSquared, None),
    "exponential": _Entry(Exponential, "length_scale"),
    "exponential_power": _Entry(ExponentialPower, "length_scale"),
    "generalized_cauchy": _Entry(GeneralizedCauchy, "length_scale"),
    "imq": _Entry(InverseMultiquadric, "length_scale"),
    "intersection": _Entry(Intersection, None),
    "laplacian": _Entry(Laplacian, "gamma"),
    "linear": _Entry(Linear, None),
    "matern": _Entry(Matern, "length_scale"),
    "poly": _Entry(Polynomial, "gamma", ("degree", "coef0")),
    "rational_quadratic": _Entry(RationalQuadratic, "length_scale"),
    "rbf": _Entry(RBF, "length_scale"),
    "sigmoid": _Entry(Sigmoid, "gamma", ("coef0",)),
    "wendland": _Entry(Wendland, "length_scale"),
}
_ALIASES = {
    "gaussian": "rbf",
    "inverse_multiquadric": "imq",
    "laplacian_l2": "exponential",
    "polynomial": "poly",
}


def kernel_names():
    """List the names that :func:`make_kernel` and the estimators understand.

    Returns
    -------
    names : list of str
        In alphabetical order, aliases included.

    See Also
    --------
    make_kernel : The kernel of a name.

    Examples
    --------
    >>> from skkernels.kernels import kernel_names
    >>> "matern" in kernel_names()
    True
    """
    return sorted([*_ENTRIES, *_ALIASES])


def make_kernel(kernel, *, gamma=None, degree=3, coef0=1, kernel_params=None):
    """Kernel object from what users pass as ``kernel``.

    Parameters
    ----------
    kernel : str, Kernel, callable or kernel of sklearn.gaussian_process
        One of :func:`kernel_names`; or a kernel object, returned as it is; or a kernel
        of :mod:`sklearn.gaussian_process.kernels`, converted with its parameters; or a
        function ``kernel(X, Z, **kernel_params)`` that returns the matrix between two
        sets of rows.

    gamma : float, "scale", "median" or None, default=None
        Inverse scale for kernels given by name. For kernels of the Euclidean distance
        it sets ``length_scale = 1 / sqrt(2 gamma)``; for "laplacian", "poly",
        "sigmoid", "exp_dot" and "chi2" it is their gamma; others ignore it. None means
        ``1 / n_features``, "scale" means ``1 / (n_features Var X)``, and "median" puts
        the length at the median distance between rows. The gamma of "chi2" has no such
        rules: None and "scale" both mean 1. Where gamma sets the scale of a distance it
        is 0 (a constant kernel) or from 1e-30 to 1e30.

    degree : float, default=3
        Degree of "poly".

    coef0 : float, default=1
        Constant of "poly" and "sigmoid".

    kernel_params : dict or None, default=None
        For a name: further parameters of the kernel's class, such as ``{"nu": 2.5}``;
        they win over those above. For a function: its keyword arguments.

    Returns
    -------
    kernel : Kernel
        Rules in it are not yet applied to data; see :meth:`Kernel.resolve`.

    Raises
    ------
    ValueError
        If the name is unknown, or a parameter does not suit the kernel.
    TypeError
        If ``kernel`` is none of the above.

    See Also
    --------
    kernel_names : All names.

    Examples
    --------
    >>> from skkernels.kernels import make_kernel
    >>> make_kernel("rbf", gamma=0.5)
    RBF()
    >>> make_kernel("matern", gamma="scale", kernel_params={"nu": 2.5})
    Matern(length_scale='scale', nu=2.5)
    """
    if isinstance(kernel, str):
        return _from_name(kernel, gamma, degree, coef0, kernel_params or {})
    if isinstance(kernel, (Kernel, gp.Kernel)):
        if kernel_params:
            raise ValueError(
                "kernel_params has no effect on a kernel object: set the parameters of "
                f"the object instead, got kernel={kernel!r} and "
                f"kernel_params={kernel_params!r}."
            )
        return as_kernel(kernel)
    if callable(kernel) and not isinstance(kernel, type):
        return CallableKernel(kernel, kernel_params)
    raise TypeError(
        "kernel must be a name, a kernel object or a callable(X, Z) that returns a "
        f"matrix, got {kernel!r}."
    )


def as_kernel(value):
    """Kernel from a kernel, a number or a kernel of scikit-learn; None for others."""
    if isinstance(value, Kernel):
        return value
    if isinstance(value, Real):
        return Constant(value)
    if isinstance(value, gp.Kernel):
        return _from_sklearn(value)
    return None


def _from_name(name, gamma, degree, coef0, kernel_params):
    entry = _ENTRIES.get(_ALIASES.get(name, name))
    if entry is None:
        hint = ""
        if name == "precomputed":
            hint = " A precomputed matrix is no function of rows."
        raise ValueError(
            f"Unknown kernel {name!r}.{hint} Use one of {', '.join(kernel_names())}; "
            "or a kernel object, or a callable(X, Z)."
        )
    options = {"degree": degree, "coef0": coef0}
    params = {key: options[key] for key in entry.takes}
    params.update(_gamma_params(name, entry, gamma))
    allowed = sorted(entry.cls().get_params(deep=False))
    unknown = sorted(set(kernel_params) - set(allowed))
    if unknown:
        raise ValueError(
            f"kernel_params has {unknown[0]!r}, but the kernel {name!r} takes "
            f"{', '.join(allowed) or 'no parameters'}."
        )
    kernel = entry.cls(**{**params, **kernel_params})
    kernel._check_params()
    return kernel


def _gamma_params(name, entry, gamma):
    """Constructor arguments that stand for gamma."""
    if isinstance(gamma, str):
        if gamma not in ("scale", "median"):
            raise ValueError(
                f"gamma must be a number, None, 'scale' or 'median', got {gamma!r}."
            )
    elif gamma is not None and not (isinstance(gamma, Real) and np.isfinite(gamma)):
        raise ValueError(
            f"gamma must be a finite number, None, 'scale' or 'median', got {gamma!r}."
        )
    if entry.gamma is None:
        return {}
    if gamma == "median" and issubclass(entry.cls, _NO_MEDIAN):
        raise ValueError(
            f"gamma='median' sets the scale of a distance, but the kernel {name!r} has "
            "none. Use a number, None or 'scale'."
        )
    if entry.gamma == "length_scale":
        return {"length_scale": _length_scale(name, gamma)}
    if entry.gamma == "number":
        # Histograms have a scale of their own: "scale" is the default
        return {} if gamma is None or gamma == "scale" else {"gamma": gamma}
    if entry.cls is Laplacian and isinstance(gamma, Real) and gamma >= 0:
        _check_scale(name, gamma)
    return {"gamma": gamma}


_NO_MEDIAN = (Polynomial, Sigmoid, ExpDot, Chi2)
# Rows are multiplied by about sqrt(gamma) and their squared norms by gamma, also in
# float32, where numbers end at 3e38 and 1e-38: this leaves eight orders of magnitude to
# the data. Beyond, inf - inf in distances would make a kernel of NaN.
_MIN_GAMMA, _MAX_GAMMA = 1e-30, 1e30


def _check_scale(name, gamma):
    if gamma != 0 and not _MIN_GAMMA <= gamma <= _MAX_GAMMA:
        raise ValueError(
            f"gamma of the kernel {name!r} must be 0 or a number in [{_MIN_GAMMA:g}, "
            f"{_MAX_GAMMA:g}], got {gamma!r}. Rescale the data."
        )


def _length_scale(name, gamma):
    if gamma is None:
        return "auto"
    if isinstance(gamma, str):
        return gamma
    _check_scale(name, gamma)
    # gamma = 0 is the constant kernel: an infinite length
    return 1.0 / math.sqrt(2.0 * float(gamma)) if gamma > 0 else np.inf


def _from_sklearn(kernel):
    """The twin of a kernel of sklearn.gaussian_process.kernels."""
    if isinstance(kernel, Kernel):
        return kernel
    if isinstance(kernel, gp.CompoundKernel):
        raise ValueError(
            "A CompoundKernel stands for several kernel matrices at once: pass one of "
            "its kernels."
        )
    convert = _CONVERSIONS.get(type(kernel))
    return CallableKernel(kernel) if convert is None else convert(kernel)


def _convert_radial(cls, *names):
    def convert(kernel):
        names_and_bounds = ["length_scale", "length_scale_bounds", *names]
        return cls(**{name: getattr(kernel, name) for name in names_and_bounds})

    return convert


def _convert_dot_product(kernel):
    sigma_0 = kernel.sigma_0
    bounds = kernel.sigma_0_bounds
    if not isinstance(bounds, str):
        bounds = tuple(float(b) ** 2 for b in np.ravel(bounds))
    return Sum(Linear(), Constant(float(sigma_0) ** 2, value_bounds=bounds))


def _convert_product(kernel):
    """A constant factor becomes a multiple."""
    for constant, other in ((kernel.k1, kernel.k2), (kernel.k2, kernel.k1)):
        if type(constant) is gp.ConstantKernel:
            return Scaled(
                _from_sklearn(other),
                constant.constant_value,
                factor_bounds=constant.constant_value_bounds,
            )
    return Product(_from_sklearn(kernel.k1), _from_sklearn(kernel.k2))


def _convert_pairwise(kernel):
    params = kernel.pairwise_kernels_kwargs or {}
    if kernel.metric in kernel_names():
        return make_kernel(
            kernel.metric,
            gamma=kernel.gamma,
            degree=params.get("degree", 3),
            coef0=params.get("coef0", 1),
        )
    return CallableKernel(kernel)


_CONVERSIONS = {
    gp.ConstantKernel: lambda k: Constant(
        k.constant_value, value_bounds=k.constant_value_bounds
    ),
    gp.WhiteKernel: lambda k: WhiteNoise(
        k.noise_level, noise_level_bounds=k.noise_level_bounds
    ),
    gp.RBF: _convert_radial(RBF),
    gp.Matern: _convert_radial(Matern, "nu"),
    gp.RationalQuadratic: _convert_radial(RationalQuadratic, "alpha", "alpha_bounds"),
    gp.ExpSineSquared: _convert_radial(
        ExpSineSquared, "periodicity", "periodicity_bounds"
    ),
    gp.DotProduct: _convert_dot_product,
    gp.PairwiseKernel: _convert_pairwise,
    gp.Sum: lambda k: Sum(_from_sklearn(k.k1), _from_sklearn(k.k2)),
    gp.Product: _convert_product,
    gp.Exponentiation: lambda k: Exponentiation(_from_sklearn(k.kernel), k.exponent),
}
