"""The best answer of each question from the start and end logits of its windows.

An answer is a pair of context tokens of one window, start not after end, at most 30 tokens long (run_squad's
`max_answer_length`); its score is the sum of the two logits, and the best of all windows counts. All pairs
are looked at, not only those of the 20 best starts and ends as in run_squad. Of equal scores the first
window, then the first start, then the shortest answer wins.
"""

import numpy as np
from jaxtyping import Float32, Int, Int32

MAX_ANSWER_TOKENS = 30
_CHUNK = 256
"""Windows looked at together, to keep memory flat."""


def best_spans(
    logits: Float32[np.ndarray, "windows length 2"],
    chars: Int32[np.ndarray, "windows length 2"],
    question: Int[np.ndarray, " windows"],
    *,
    num_questions: int,
    max_answer_tokens: int = MAX_ANSWER_TOKENS,
) -> Int32[np.ndarray, "questions 2"]:
    """Characters of the context that each question's best answer begins and ends at.

    (0, 0), the empty answer, where a question has no context token or no finite logit.

    Args:
        logits: of start and end; what stands at padding and outside the context is not read.
        chars: characters that a token covers; -1 outside the context and at padding.
        question: of each window, not decreasing.
        num_questions: number of questions.
        max_answer_tokens: tokens of the longest answer.
    """
    parts = [
        _best_of_windows(logits[i : i + _CHUNK], chars[i : i + _CHUNK], max_answer_tokens)
        for i in range(0, len(logits), _CHUNK)
    ]
    spans = np.zeros((num_questions, 2), np.int32)
    if not parts:
        return spans
    scores, found = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.lexsort((np.arange(len(scores)), -scores, question))
    asked, first = np.unique(question[order], return_index=True)
    best = order[first]
    known = np.isfinite(scores[best])
    spans[asked[known]] = found[best[known]]
    return spans


def _best_of_windows(
    logits: Float32[np.ndarray, "windows length 2"],
    chars: Int32[np.ndarray, "windows length 2"],
    max_answer_tokens: int,
) -> tuple[Float32[np.ndarray, " windows"], Int32[np.ndarray, "windows 2"]]:
    """Score and characters of the best pair in each window; the score is -inf where there is none."""
    readable = (chars[:, :, :1] >= 0) & np.isfinite(logits)
    start, end = np.moveaxis(np.where(readable, logits, np.float32(-np.inf)), -1, 0)
    padded = np.pad(end, ((0, 0), (0, max_answer_tokens - 1)), constant_values=np.float32(-np.inf))
    ends = np.lib.stride_tricks.sliding_window_view(padded, max_answer_tokens, axis=1)
    scores = (start[:, :, None] + ends).reshape(len(logits), -1)
    best = scores.argmax(1)
    first, width = np.divmod(best, max_answer_tokens)
    rows = np.arange(len(logits))
    last = np.minimum(first + width, chars.shape[1] - 1)
    return scores[rows, best], np.stack([chars[rows, first, 0], chars[rows, last, 1]], axis=1)
