"""`python -m benchmarks train|reevaluate|ledger`: measure, print and keep the result."""

import argparse
import sys
from collections.abc import Callable

from benchmarks.ledger import measure_ledger
from benchmarks.reevaluate import measure_reevaluation
from benchmarks.result import Result, keep
from benchmarks.train import measure_training

BENCHMARKS: dict[str, Callable[[int], Result]] = {
    "train": measure_training,
    "reevaluate": measure_reevaluation,
    "ledger": measure_ledger,
}


def main() -> int:
    """Run one benchmark; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=list(BENCHMARKS))
    parser.add_argument("--repeats", type=int, default=5, help="interleaved repeats; the median is reported")
    options = parser.parse_args()
    result = BENCHMARKS[options.name](options.repeats)
    print(result.text())
    print(f"kept in {keep(options.name, result)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
