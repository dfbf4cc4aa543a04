"""Measurements anyone can repeat: `python -m benchmarks NAME`; figures are ratios within one run."""

from stream.process import set_environment

set_environment()
