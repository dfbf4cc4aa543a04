"""`task-stream COMMAND` or `python -m stream COMMAND`: all commands under one name.

Each is the same as `python -m stream.COMMAND` (`python -m tasks` for `tasks`). The console command is not
touched by what the folder it runs in holds.
"""

import sys
from collections.abc import Sequence
from importlib import import_module

from stream.process import EXIT_DONE, EXIT_USER
from tasks.errors import did_you_mean

COMMANDS = {
    "run": ("stream.run", "learn a stream of tasks, with proof that none was forgotten"),
    "verify": ("stream.verify", "prove a recorded run from its database and the backbone"),
    "watch": ("stream.watch", "the dashboard of a run in another terminal"),
    "report": ("stream.report", "write the reports of a run again, or list the runs"),
    "compare": ("stream.compare.__main__", "runs side by side, beside the paper's table"),
    "plan": ("stream.plan.__main__", "what a stream will cost, before anything is trained"),
    "study": ("stream.study.__main__", "the papers' studies"),
    "service": ("stream.service.__main__", "waiting times at a training service"),
    "tasks": ("tasks.__main__", "suites: what they hold, check, init"),
}
"""Module and summary of each command."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the named command with the options behind its name; return its exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if not given or given[0] in ("-h", "--help"):
        print("\n".join(_help()))
        return EXIT_DONE if given else EXIT_USER
    name, *options = given
    if name not in COMMANDS:
        print(f"error: There is no command {name!r}; {did_you_mean(name, list(COMMANDS))}", file=sys.stderr)
        return EXIT_USER
    code = import_module(COMMANDS[name][0]).main(options)
    assert isinstance(code, int)
    return code


def _help() -> list[str]:
    width = max(map(len, COMMANDS))
    return [
        "usage: task-stream COMMAND [options]",
        "",
        *(f"  {name.ljust(width)}  {summary}" for name, (_, summary) in COMMANDS.items()),
        "",
        "task-stream COMMAND --help lists the options of a command.",
    ]


if __name__ == "__main__":
    sys.exit(main())
