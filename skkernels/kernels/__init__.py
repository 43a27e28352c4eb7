"""Kernels: similarity functions between rows, their algebra, and bandwidth rules."""

from ._additive_chi2 import AdditiveChi2
from ._arc_cosine import ArcCosine
from ._bandwidth import bandwidth, median_distance
from ._base import Kernel
from ._callable import CallableKernel
from ._cauchy import Cauchy
from ._centered import Centered
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
from ._normalized import Normalized
from ._polynomial import Polynomial
from ._product import Product
from ._rational_quadratic import RationalQuadratic
from ._rbf import RBF
from ._registry import kernel_names, make_kernel
from ._scaled import Scaled
from ._sigmoid import Sigmoid
from ._sum import Sum
from ._wendland import Wendland
from ._white_noise import WhiteNoise

__all__ = [
    "RBF",
    "AdditiveChi2",
    "ArcCosine",
    "CallableKernel",
    "Cauchy",
    "Centered",
    "Chi2",
    "Constant",
    "Cosine",
    "EnergyDistance",
    "ExpDot",
    "ExpSineSquared",
    "Exponential",
    "ExponentialPower",
    "Exponentiation",
    "GeneralizedCauchy",
    "Intersection",
    "InverseMultiquadric",
    "Kernel",
    "Laplacian",
    "Linear",
    "Matern",
    "Normalized",
    "Polynomial",
    "Product",
    "RationalQuadratic",
    "Scaled",
    "Sigmoid",
    "Sum",
    "Wendland",
    "WhiteNoise",
    "bandwidth",
    "kernel_names",
    "make_kernel",
    "median_distance",
]
