"""`python -m stream.verify`: prove a recorded run from its database and the backbone alone.

Every stored hash is computed again, then every task is evaluated again as it is served now. The database is
opened read-only. Exit code 0: proven bit for bit, or as recorded where the method shares and forgets; 1:
damage, or forgetting of a method that promises none, the first item named; 2: nothing is learned yet; 3:
this machine computes other bits, so values and predictions were compared instead.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from db.storage.files import require_run
from stream.commands.command import print_lines, run_command
from stream.model.backbone.names import DEVICES
from stream.process import EXIT_DAMAGE, EXIT_DONE, EXIT_NOT_COMPARABLE, heed_interrupts
from stream.words import count

if TYPE_CHECKING:
    from stream.engine.verification import Verdict


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m stream.verify", description=__doc__)
    parser.add_argument(
        "--db", default="sqlite:///runs.db", help="a file or a URL; default: sqlite:///runs.db"
    )
    parser.add_argument("--run", required=True, help="name of the run")
    parser.add_argument("--device", choices=DEVICES, default="auto", help="auto: the kind that was used")
    return run_command(partial(_verify, parser.parse_args(arguments)))


def _verify(options: argparse.Namespace) -> int:
    require_run(options.db, options.run)
    from db import Database

    with Database.open(options.db, read_only=True) as database:
        ledger = database.ledger(options.run)
        from stream.engine.verification import verification

        heed_interrupts()
        verdict = None
        for found in verification(ledger, device=options.device):
            if isinstance(found, str):
                print_lines([found])
            else:
                verdict = found
    assert verdict is not None  # it always comes last
    print_lines(_last_lines(verdict))
    return exit_code(verdict)


def exit_code(verdict: "Verdict") -> int:
    """0 proven, 1 damaged or forgotten, 3 not comparable here."""
    if verdict.damages:
        return EXIT_DAMAGE
    return EXIT_NOT_COMPARABLE if verdict.num_not_comparable else EXIT_DONE


def _last_lines(verdict: "Verdict") -> Iterator[str]:
    if verdict.damages:
        yield f"DAMAGED OR FORGOTTEN: {verdict.damages[0]}"
        if len(verdict.damages) > 1:
            yield f"and {len(verdict.damages) - 1} more"
    elif verdict.num_not_comparable:
        yield (
            f"not comparable here: {verdict.num_not_comparable} {verdict.noun} "
            "under another evaluation plan, "
            f"{verdict.num_changed_predictions} with changed predictions; "
            f"{verdict.num_equal} equal bit for bit{_forgotten(verdict)}"
        )
    elif not verdict.serves_tasks:
        yield "intact: every stored byte has its recorded hash; a study serves no task, so none is evaluated"
    elif verdict.num_forgotten:
        equal = f"{verdict.num_equal} of {verdict.num_equal} {verdict.noun} equal bit for bit"
        yield f"as recorded: {equal}{_forgotten(verdict)}"
    elif verdict.num_equal:
        yield f"proven bit for bit: {verdict.num_equal} of {verdict.num_equal} {verdict.noun}"
    if not verdict.damages and verdict.serves_tasks and verdict.num_to_come:
        yield f"{count(verdict.num_to_come, 'task')} of the stream not learned yet: nothing is said of them"


def _forgotten(verdict: "Verdict") -> str:
    if not verdict.num_forgotten:
        return ""
    differ = "differs" if verdict.num_forgotten == 1 else "differ"
    evaluations = count(verdict.num_forgotten, "earlier re-evaluation")
    return f"; {evaluations} {differ} ({verdict.method} forgets)"


if __name__ == "__main__":
    sys.exit(main())
