"""Everything that can be wrong with a suite or its data, as one sentence for the person at the keyboard.

TaskError            the command line answers with exit code 2
├── SuiteError       a suite, its TOML file or a name in it
└── DataError        a file, its columns, labels or encoding
    └── DownloadError        what arrived is not what was pinned
        └── UnreachableError     nothing arrived: no network, or the host does not answer
"""

from collections.abc import Iterable
from difflib import get_close_matches

MAX_WORD = 300
"""Characters without a space that are shown; few paths are longer."""


class TaskError(ValueError):
    """A mistake in what was asked for; the message says what was got, what is allowed and what to do.

    It is one line of bearable length, whatever stands in the names and values it quotes.
    """

    def __str__(self) -> str:
        words = super().__str__().split()
        short = (word if len(word) <= MAX_WORD else f"{word[:MAX_WORD]}..." for word in words)
        return "".join(sign if sign.isprintable() else "\ufffd" for sign in " ".join(short))


class SuiteError(TaskError):
    """An unknown suite or task, or a suite file that cannot be read."""


class DataError(TaskError):
    """A data file that is missing, empty, damaged or does not fit its card."""


class DownloadError(DataError):
    """A download that does not have the expected content."""


class UnreachableError(DownloadError):
    """A download that never came: no network, or the host refused."""


MAX_KNOWN = 60
"""Known names listed in one sentence."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """'did you mean X?' where a known name is close, otherwise a list of known names; a sentence's end."""
    names = list(known)
    more = f" and {len(names) - MAX_KNOWN} more" if len(names) > MAX_KNOWN else ""
    folded = {candidate.casefold(): candidate for candidate in names}
    close = get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{folded[close[0]]}'?"
    return f"known: {', '.join(names[:MAX_KNOWN])}{more}."
