"""How a question and a long context share windows: the arithmetic, without tokens.

Lengths follow BERT's run_squad: of 384 tokens a question takes at most 64 and two windows share 128; for
another maximal length these parts keep their proportion. The overlap is counted as in transformers' example
(run_squad counts the step between windows).
"""

from dataclasses import dataclass

SPAN_LENGTH = 384
"""Tokens of a window where none are asked for."""
LEAST_LENGTH = 16
"""From here on a question that was cut leaves more room than windows share, whatever the special tokens."""
QUESTION_SHARE = 6
"""A question has at most one token in so many of the maximal length; a longer one is cut."""
OVERLAP_SHARE = 3
"""Neighbouring windows share one token in so many of the maximal length."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WindowLayout:
    """Windows of at most `max_length` tokens, `num_special` special ones included."""

    max_length: int
    num_special: int = 3

    @property
    def longest_question(self) -> int:
        """Tokens that are left of a longer question."""
        return self.max_length // QUESTION_SHARE

    @property
    def overlap(self) -> int:
        """Tokens of the context that a window shares with the one before."""
        return self.max_length // OVERLAP_SHARE

    def room(self, question: int) -> int:
        """Tokens of the context beside a question of so many tokens."""
        return self.max_length - self.num_special - min(question, self.longest_question)

    def num_windows(self, question: int, context: int) -> int:
        """Windows of a question and a context of so many tokens."""
        room = self.room(question)
        return 1 if context <= room else 1 - (context - room) // -(room - self.overlap)

    def holds(self, question: int, first: int, last: int) -> bool:
        """Whether some window holds all context tokens from `first` to `last`, both from 0."""
        room = self.room(question)
        return last < first // (room - self.overlap) * (room - self.overlap) + room


TEXT_LENGTH = 128
"""Tokens of a text where none are asked for."""
