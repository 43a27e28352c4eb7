"""What the kernels made of other kernels share."""

import numpy as np
from sklearn.gaussian_process.kernels import Hyperparameter

from ._base import Kernel
from ._noise_part import NoisePart


class CompositeKernel(Kernel):
    """Base of kernels whose parameters ``_parts`` are kernels."""

    _parts = ("kernel",)

    @property
    def _kernels(self):
        return [getattr(self, name) for name in self._parts]

    def _check_params(self):
        for name, kernel in zip(self._parts, self._kernels):
            if not isinstance(kernel, Kernel):
                raise TypeError(
                    f"{name} of {type(self).__name__} must be a kernel of skkernels, "
                    f"got {kernel!r}; make_kernel converts names, callables and "
                    "kernels of scikit-learn."
                )
            kernel._check_params()

    def _check_resolved(self):
        for kernel in self._kernels:
            kernel._check_resolved()

    def _map(self, function):
        """A copy with a function applied to the kernels it is made of."""
        return self._replace(
            **{name: function(getattr(self, name)) for name in self._parts}
        )

    def _resolve(self, X, weights, random_state):
        self._check_params()
        return self._map(lambda kernel: kernel._resolve(X, weights, random_state))

    def _for_features(self, d):
        return self._map(lambda kernel: kernel._for_features(d))

    # -- description --------------------------------------------------------------

    @property
    def _stationary(self):
        return all(kernel.stationary for kernel in self._kernels)

    @property
    def _variable(self):
        names = {kernel._variable for kernel in self._kernels}
        named = names - {"anything"}
        if not named:
            return "anything"
        return named.pop() if len(named) == 1 else None

    @property
    def _order(self):
        orders = [kernel._order for kernel in self._kernels]
        return None if None in orders else min(orders)

    def _smoothness(self, d):
        # the roughest part decides
        return _least(kernel._smoothness(d) for kernel in self._kernels)

    def _eig_decay(self, d):
        return _least(kernel._eig_decay(d) for kernel in self._kernels)

    # -- evaluation ---------------------------------------------------------------

    @property
    def _has_noise(self):
        return any(kernel._has_noise for kernel in self._kernels)

    def _without_noise(self):
        return self._map(lambda kernel: kernel._without_noise())

    def _terms(self):
        if self._has_noise:
            return [*self._without_noise()._terms(), (1.0, NoisePart(self))]
        return [(1.0, self)]

    # -- Gaussian processes -------------------------------------------------------

    @property
    def hyperparameters(self):
        """Parameters that a Gaussian process may optimise, with their bounds."""
        return [
            Hyperparameter(f"{name}__{part.name}", *part[1:])
            for name, kernel in zip(self._parts, self._kernels)
            for part in kernel.hyperparameters
        ] + super().hyperparameters


def gradient_stack(kernel, X, K):
    """All gradients of a kernel as one array of shape (n, n, n_dims)."""
    return np.dstack([*kernel._gradients(X, K), np.empty((*K.shape, 0))])


def _least(values):
    values = list(values)
    return None if None in values else min(values)
