"""Sums, products and multiples of reductions that are one reduction again.

Two reductions fuse when they reduce pairs to the same number up to a factor: the same
geometry, and scales that are proportional to each other.
"""

import math
from dataclasses import replace

import numpy as np


def plain_reduction(kernel, d):
    """Reduction that gives all of the kernel's value, or None."""
    if kernel._has_row_terms or kernel._diagonal_only:
        return None
    return kernel._reduction(d)


def _ratio(a, b):
    """Factor that turns a's reduced number into b's, or None if there is none."""
    if a.geometry != b.geometry or a.unit_rows != b.unit_rows:
        return None
    scale_a, scale_b = np.broadcast_arrays(a.scale, b.scale)
    if np.array_equal(scale_a, scale_b):
        return 1.0
    if not np.all(scale_a > 0):  # an infinite length
        return None
    ratios = scale_b / scale_a
    ratio = float(ratios.flat[0])
    if not np.allclose(ratios, ratio, rtol=1e-14, atol=0.0):
        return None
    return ratio if a.geometry == "cityblock" else ratio * ratio


def _is_constant(profile):
    """Whether the value does not depend on the reduced number at all."""
    if isinstance(profile, str):
        return profile == "constant"
    kind, *rest = profile
    if kind in ("sum", "product"):
        return _is_constant(rest[0]) and _is_constant(rest[2])
    return kind in ("scaled", "power") and _is_constant(rest[0])


def _align(a, b):
    """Both reductions about the same number, and the factor between them.

    Returns
    -------
    aligned : tuple of (Reduction, Reduction, float) or None
    """
    if _is_constant(a.profile):
        a = replace(b, profile=a.profile, params=a.params, row_power=a.row_power)
        a = replace(a, table=None, support=math.inf)
    elif _is_constant(b.profile):
        b = replace(a, profile=b.profile, params=b.params, row_power=b.row_power)
        b = replace(b, table=None, support=math.inf)
    ratio = _ratio(a, b)
    if ratio is None or (a.table is not None and b.table is not None):
        return None
    return a, b, ratio


def scale_reduction(a, weight):
    """weight * a."""
    profile = ("scaled", a.profile, len(a.params))
    return replace(a, profile=profile, params=(weight, *a.params))


def add_reductions(a, b):
    """a + b, or None."""
    aligned = _align(a, b)
    if aligned is None:
        return None
    a, b, ratio = aligned
    if a.row_power != b.row_power:
        return None
    return replace(
        a,
        profile=("sum", a.profile, len(a.params), b.profile, len(b.params)),
        params=(1.0, 1.0, *a.params, 1.0, ratio, *b.params),
        table=b.table if a.table is None else a.table,
        support=max(a.support, b.support / ratio),
    )


def multiply_reductions(a, b):
    """a * b, or None."""
    aligned = _align(a, b)
    if aligned is None:
        return None
    a, b, ratio = aligned
    return replace(
        a,
        profile=("product", a.profile, len(a.params), b.profile, len(b.params)),
        params=(1.0, *a.params, ratio, *b.params),
        table=b.table if a.table is None else a.table,
        row_power=a.row_power + b.row_power,
        support=min(a.support, b.support / ratio),
    )


def power_reduction(a, n):
    """a**n for a nonnegative integer n."""
    return replace(
        a,
        profile=("power", a.profile, n),
        row_power=a.row_power * n,
        support=a.support if n else math.inf,
    )
