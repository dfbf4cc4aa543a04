"""Measurements anyone can repeat: `python -m benchmarks NAME`; figures are ratios within one run."""
