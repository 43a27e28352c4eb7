"""Make golden.json: reference values of special functions to 17 digits.

Run ``python tests/data/make_golden.py`` (seconds; needs mpmath) to make the file anew.
The values come from quadrature in 40-digit arithmetic, which shares nothing with the
expansions that the library uses:

    K_nu(x) = int_0^inf exp(-x cosh u) cosh(nu u) du

by the trapezoidal rule, which converges geometrically because the integrand decays
doubly exponentially.
"""

import json
from pathlib import Path

import mpmath as mp

mp.mp.dps = 40

BESSEL_ORDERS = [0, 0.1, 0.3, 0.5, 0.75, 1, 1.2, 1.5, 2, 3.7, 7.25, 12.5, 24.75, 25]
BESSEL_ORDERS += [30, 1000]
BESSEL_ARGUMENTS = [1e-100, 1e-20, 1e-8, 1e-3, 0.1, 0.75, 1.1875, 1.25, 1.99, 2.01]
BESSEL_ARGUMENTS += [24.5, 300, 1e4]
MATERN_ORDERS = [0.3, 0.5, 0.9, 1, 1.1, 1.5, 2, 2.5, 3.7, 7.25, 14.5, 24.5, 30, 400]
DISTANCES = [1e-300, 1e-30, 1e-12, 1e-8, 1e-5, 1e-3, 0.01, 0.1, 0.3, 0.6, 1, 1.7, 3]
DISTANCES += [5, 9, 20, 60, 200]
RADIAL_DISTANCES = [0, 1e-8, 1e-3, 0.1, 0.5, 1, 2.5, 7, 30]
ALPHAS = [0.2, 0.5, 1, 2.5, 1e3, 1e6]


def log_bessel_k(nu, x):
    """log K_nu(x) in the working precision."""
    nu, x = mp.mpf(nu), mp.mpf(x)
    peak = mp.asinh(nu / x)
    top = nu * peak - x * mp.cosh(peak)
    step = 1 / (20 * (1 + mp.sqrt(mp.sqrt(nu * nu + x * x)) / 6))
    negligible = mp.mpf(10) ** (-mp.mp.dps - 5)

    def term(k):
        u = k * step
        decay = x * mp.cosh(u) + top
        value = (mp.exp(nu * u - decay) + mp.exp(-nu * u - decay)) / 2
        return value / 2 if k == 0 else value

    start = int(peak / step)
    total = term(start)
    for k in range(start - 1, -1, -1):
        value = term(k)
        total += value
        if nu > 0 and value < negligible * total:
            break
    k = start
    while True:
        k += 1
        value = term(k)
        total += value
        if value < negligible * total:
            return mp.log(total * step) + top


def matern(nu, r):
    """The Matern function of the distance r, with length scale one."""
    nu, r = mp.mpf(nu), mp.mpf(r)
    z = mp.sqrt(2 * nu) * r
    log_value = (1 - nu) * mp.log(2) - mp.loggamma(nu) + nu * mp.log(z)
    return mp.exp(log_value + log_bessel_k(nu, z))


def table(function, rows, columns):
    return [[digits(function(mp.mpf(a), mp.mpf(b))) for b in columns] for a in rows]


def digits(value):
    return float(mp.nstr(value, 20))


def main():
    golden = {
        "log_k": {
            "nu": BESSEL_ORDERS,
            "x": BESSEL_ARGUMENTS,
            "value": table(log_bessel_k, BESSEL_ORDERS, BESSEL_ARGUMENTS),
        },
        "matern": {
            "nu": MATERN_ORDERS,
            "r": DISTANCES,
            "value": table(matern, MATERN_ORDERS, DISTANCES),
            "one_minus": table(
                lambda nu, r: 1 - matern(nu, r), MATERN_ORDERS, DISTANCES
            ),
        },
        "rational_quadratic": {
            "alpha": ALPHAS,
            "r": RADIAL_DISTANCES,
            "value": table(
                lambda a, r: mp.exp(-a * mp.log1p(r * r / (2 * a))),
                ALPHAS,
                RADIAL_DISTANCES,
            ),
        },
    }
    path = Path(__file__).with_name("golden.json")
    path.write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
