"""Spectral filters: regularised least squares beyond ridge, and what spectra tell."""

from skkernels.spectral._kernel_risk_estimator import KernelRiskEstimator
from skkernels.spectral._risk import (
    KernelRisk,
    cost_of_overfitting,
    kernel_risk_curve,
    random_features_risk,
    spectral_filter_risk,
)
from skkernels.spectral._smoothness_estimator import SmoothnessEstimator
from skkernels.spectral._spectral_filter_classifier import SpectralFilterClassifier
from skkernels.spectral._spectral_filter_regressor import SpectralFilterRegressor

__all__ = [
    "KernelRisk",
    "KernelRiskEstimator",
    "SmoothnessEstimator",
    "SpectralFilterClassifier",
    "SpectralFilterRegressor",
    "cost_of_overfitting",
    "kernel_risk_curve",
    "random_features_risk",
    "spectral_filter_risk",
]
