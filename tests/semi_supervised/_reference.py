"""Transformed kernel regression by dense formulas, and by the plain iterations.

Everything is written in weighted coordinates: D has the roots of the weights w of the
rows, G = D K D and A = G / sum(w). A transformed kernel is s(A) = A g(A), and labelled
rows are the columns P of the identity.
"""

import numpy as np


def rbf(X, Z, gamma):
    differences = X[:, None, :] - Z[None, :, :]
    return np.exp(-gamma * (differences**2).sum(axis=2))


class Pool:
    """Normalised Gram matrix of rows with weights, and kernel rows of new points.

    K holds the raw kernel between all rows. Weights are positive.
    """

    def __init__(self, K, normalize="none", weights=None):
        self.weights = np.ones(len(K)) if weights is None else np.asarray(weights)
        self.total = self.weights.sum()
        self.normalize = normalize
        self.law = self.weights / self.total
        self.degrees = K @ self.law
        self.mean = self.law @ self.degrees
        kernel = self.rows(K)
        if normalize == "lazy":
            # The identity is the kernel of a row with itself, shared by its copies.
            kernel = kernel + np.diag(self.total / (2 * self.weights))
        root = np.sqrt(self.weights)
        self.root = root
        self.G = root[:, None] * kernel * root
        self.A = self.G / self.total

    def rows(self, K_new):
        """Normalised kernel between new points and the pool from the raw one."""
        degrees = K_new @ self.law
        if self.normalize == "none":
            return K_new
        if self.normalize == "center":
            return K_new - degrees[:, None] - self.degrees + self.mean
        positive = np.where(degrees > 0, degrees, 1.0)
        kernel = K_new / np.sqrt(positive[:, None] * self.degrees)
        return kernel / 2 if self.normalize == "lazy" else kernel


def multiplier(transform, lam, *, lam_1=None, **parameters):
    """g(lam) = s(lam) / lam; eta is relative to the largest eigenvalue."""
    lam_1 = lam.max() if lam_1 is None else lam_1
    if transform == "identity":
        return np.ones_like(lam)
    if transform == "polynomial":
        powers = enumerate(parameters["coefficients"])
        return sum(c * lam**p for p, c in powers)
    if transform == "power":
        return lam ** (parameters["power"] - 1)
    if transform == "inverse_laplacian":
        return 1 / (1 - parameters["eta"] * lam / lam_1)
    if transform == "heat":
        return np.exp(parameters["diffusion_time"] * (lam - lam_1))
    if transform == "truncation":
        top = np.zeros(len(lam), dtype=bool)
        top[np.argsort(lam)[::-1][: parameters["n_components"]]] = True
        whitened = parameters.get("whiten", False)
        return np.where(top, 1 / np.where(top, lam, 1) if whitened else 1.0, 0.0)
    return transform(lam)


def outside_multiplier(transform, lam, **parameters):
    """What takes the place of g for new rows where A is lazy.

    A new row is one of vanishing weight: it has no influence on others, but half of
    itself. Powers of such a matrix have the divided differences of s at lam and 1/2.
    """
    s = lam * multiplier(transform, lam, **parameters)
    if transform == "truncation":  # the eigenfunctions, extended
        return np.divide(s, lam - 0.5, out=np.zeros_like(lam), where=lam > 0.5)
    half = np.array([0.5])
    parameters["lam_1"] = 1.0
    return (s - half * multiplier(transform, half, **parameters)) / (lam - 0.5)


def system(pool, Y, labeled, loss_weights=None):
    """Factor P (N x n) and right side of the n x n problem."""
    labeled = np.flatnonzero(labeled)
    n = len(labeled)
    c = np.sqrt(np.ones(n) if loss_weights is None else loss_weights)
    P = np.zeros((len(pool.G), n))
    P[labeled, np.arange(n)] = c
    return P, (c * pool.root[labeled])[:, None] * Y


def fit(pool, Y, labeled, alpha, transform, *, loss_weights=None, **parameters):
    """Values on the rows, and the coefficients of their kernel for new rows."""
    lam, V = np.linalg.eigh(pool.A)
    lam = np.maximum(lam, 0.0)  # rounding
    gA = (V * multiplier(transform, lam, **parameters)) @ V.T
    P, rhs = system(pool, Y, labeled, loss_weights)
    S = P.T @ pool.G @ gA @ P
    spread = P @ np.linalg.solve(S + alpha * np.eye(len(S)), rhs)
    coef = gA @ spread
    values = pool.G @ coef / pool.root[:, None]
    if pool.normalize == "lazy":
        coef = (V * outside_multiplier(transform, lam, **parameters)) @ V.T @ spread
    return values, pool.root[:, None] * coef


def kernel_pca_ridge(kernel_rows, pool, W, Y, alpha, n_components, whiten=False):
    """Ridge regression on kernel principal components, as coefficients of the rows.

    kernel_rows holds the kernel of the labelled rows with those of ``pool``, which may
    be other rows, and W the weights of the labelled rows.
    """
    lam, V = np.linalg.eigh(pool.A)
    lam, V = lam[::-1][:n_components], V[:, ::-1][:, :n_components]
    scale = np.sqrt(pool.total * lam) * (np.sqrt(lam) if whiten else 1.0)
    loadings = pool.root[:, None] * V / scale
    Psi = kernel_rows @ loadings
    normal = Psi.T @ (W[:, None] * Psi) + alpha * np.eye(n_components)
    return loadings @ np.linalg.solve(normal, Psi.T @ (W[:, None] * Y))


class CountedProducts:
    """Multiplies with the Gram matrix, and counts how often."""

    def __init__(self, pool):
        self.pool, self.count = pool, 0

    def __call__(self, V):
        self.count += 1
        return self.pool.G @ V


def largest_eigenvalue(M, n_steps=20, margin=1.05):
    v = np.ones(len(M))
    for _ in range(n_steps):
        v = M @ (v / np.linalg.norm(v))
    return margin * np.linalg.norm(v)


def richardson_polynomial(
    pool, Y, labeled, alpha, coefficients, tol, max_iter=10**6, on_step=None
):
    """Algorithm 1: fixed steps on (S + alpha) a = y, with Horner's rule for s(A).

    Returns the coefficients of the kernel rows and the number of products with G.
    """
    product = CountedProducts(pool)
    P, rhs = system(pool, Y, labeled)

    def horner(a):
        """(S + alpha) a, and the coefficients that belong to a."""
        first = product(P @ a)
        v = np.zeros_like(first)
        for p, c in zip(range(len(coefficients), 1, -1), coefficients[:0:-1]):
            v = (v if p == len(coefficients) else product(v)) / pool.total
            v = v + c * first / pool.total
        values = product(v) if len(coefficients) > 1 else 0.0
        values = values + coefficients[0] * first
        return P.T @ values + alpha * a, v + coefficients[0] * (P @ a)

    # The step comes from the matrix itself: its products are not counted.
    lam, V = np.linalg.eigh(pool.A)
    s = pool.total * sum(c * lam ** (p + 1) for p, c in enumerate(coefficients))
    S = P.T @ (V * s) @ V.T @ P
    step = 1 / (alpha + largest_eigenvalue(S))
    a = np.zeros_like(rhs)
    for _ in range(max_iter):
        left, coef = horner(a)
        residual = left - rhs
        if on_step is not None:
            on_step(pool.root[:, None] * coef, product.count)
        if np.linalg.norm(residual) <= tol * np.linalg.norm(rhs):
            break
        a = a - step * residual
    return pool.root[:, None] * coef, product.count


def richardson_inverse_laplacian(
    pool, Y, labeled, alpha, eta, tol, max_iter=10**6, on_step=None
):
    """Algorithm 2: fixed steps on theta, s(lam) = lam / (1 - eta lam), eta absolute.

    Returns the coefficients of the kernel rows and the number of products with G.
    """
    product = CountedProducts(pool)
    P, rhs = system(pool, Y, labeled)
    rows = np.flatnonzero(labeled)
    step = 1.5 / (alpha + np.linalg.eigvalsh(pool.G[np.ix_(rows, rows)])[-1])
    target = P @ rhs
    theta = np.zeros_like(target)
    for _ in range(max_iter):
        h = product(theta)
        residual = alpha * (theta - eta * h / pool.total) + P @ (P.T @ h) - target
        if on_step is not None:
            on_step(pool.root[:, None] * theta, product.count)
        if np.linalg.norm(residual) <= tol * np.linalg.norm(target):
            break
        theta = theta - step * residual
    return pool.root[:, None] * theta, product.count


def cg_inverse_laplacian(pool, Y, labeled, alpha, eta, tol, max_iter=10**4):
    """Conjugate gradients on theta in the inner product of G, one product a step."""
    product = CountedProducts(pool)
    P, rhs = system(pool, Y, labeled)
    theta = np.zeros((len(pool.G), rhs.shape[1]))
    r = P @ rhs
    z = product(r)
    p, h = r.copy(), z.copy()
    rho = (r * z).sum(axis=0)
    start = rho.copy()
    for _ in range(max_iter):
        Mp = alpha * (p - eta * h / pool.total) + P @ (P.T @ h)
        curvature = (h * Mp).sum(axis=0)
        a = np.where(curvature > 0, rho / np.where(curvature > 0, curvature, 1), 0.0)
        theta = theta + a * p
        r = r - a * Mp
        z = product(r)
        new = (r * z).sum(axis=0)
        if np.all(new <= tol**2 * start):
            break
        b = new / rho
        p, h, rho = r + b * p, z + b * h, new
    return pool.root[:, None] * theta, product.count
