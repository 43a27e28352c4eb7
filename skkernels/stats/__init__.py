"""Tests of whether two samples come from the same distribution."""

from skkernels.stats._aggregated_compress_then_test import (
    aggregated_compress_then_test,
)
from skkernels.stats._aggregated_result import AggregatedTwoSampleTestResult
from skkernels.stats._cheap_permutation_mmd_test import cheap_permutation_mmd_test
from skkernels.stats._compress_then_test import compress_then_test
from skkernels.stats._result import TwoSampleTestResult

__all__ = [
    "AggregatedTwoSampleTestResult",
    "TwoSampleTestResult",
    "aggregated_compress_then_test",
    "cheap_permutation_mmd_test",
    "compress_then_test",
]
