"""`python -m benchmarks train|reevaluate|ledger|equivalence|growth`: measure, print and keep the result."""

import argparse
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

from benchmarks.equivalence import check_equivalence
from benchmarks.growth import measure_growth
from benchmarks.ledger import measure_ledger
from benchmarks.reevaluate import measure_reevaluation
from benchmarks.result import Result, keep
from benchmarks.train import measure_training
from stream.errors import StreamError

BENCHMARKS: dict[str, Callable[[Namespace], Result]] = {
    "train": lambda options: measure_training(options.repeats),
    "reevaluate": lambda options: measure_reevaluation(options.repeats),
    "ledger": lambda options: measure_ledger(options.repeats),
    "equivalence": lambda options: check_equivalence(options.folder),
    "growth": lambda options: measure_growth(options.tasks),
}


def main() -> int:
    """Run one benchmark; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=list(BENCHMARKS))
    parser.add_argument("--repeats", type=int, default=5, help="interleaved repeats; the median is reported")
    parser.add_argument(
        "--folder", type=Path, help="equivalence: where other libraries' environments are kept"
    )
    parser.add_argument("--tasks", type=int, default=1000, help="growth: length of the stream")
    options = parser.parse_args()
    try:
        result = BENCHMARKS[options.name](options)
    except StreamError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(result.text())
    print(f"kept in {keep(options.name, result)}")
    return 1 if result.failures else 0


if __name__ == "__main__":
    sys.exit(main())
