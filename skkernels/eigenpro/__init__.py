"""EigenPro: preconditioned stochastic gradient descent for large kernel models."""

from skkernels.eigenpro._classifier import EigenProClassifier
from skkernels.eigenpro._regressor import EigenProRegressor

__all__ = ["EigenProClassifier", "EigenProRegressor"]
