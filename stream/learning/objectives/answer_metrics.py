"""Exact match and token F1 of extracted answers, as the official script of SQuAD v1.1 computes them.

Rajpurkar et al. 2016 (arXiv 1606.05250), section 6.1: both ignore case, punctuation, articles and spacing,
and each question counts with the best of its gold answers. What follows from the script rather than from the
paper: punctuation is ASCII's, an article is a word of its own only after punctuation is gone ("a-bomb" keeps
its a), and two answers of which nothing is left match exactly but have an F1 of 0. Fractions 0-1. No torch.
"""

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")


def normalised_tokens(answer: str) -> tuple[str, ...]:
    """Words of an answer in lower case, without ASCII punctuation and without articles."""
    return tuple(_ARTICLE.sub(" ", answer.lower().translate(_PUNCTUATION)).split())


def exact_match(answer: str, gold_answers: Sequence[str]) -> float:
    """1.0 where the answer's words are those of a gold answer, else 0.0.

    Raises ValueError where there is no gold answer.
    """
    words = normalised_tokens(answer)
    return max(float(words == normalised_tokens(gold)) for gold in _some(gold_answers))


def token_f1(answer: str, gold_answers: Sequence[str]) -> float:
    """2 |shared words| / (|words| + |gold words|), repeated words counted; the best gold answer.

    Raises ValueError where there is no gold answer.
    """
    words = Counter(normalised_tokens(answer))
    golds = (Counter(normalised_tokens(gold)) for gold in _some(gold_answers))
    return max(_f1(words, gold) for gold in golds)


def squad_exact_match(answers: Sequence[str], gold_answers: Sequence[Sequence[str]]) -> float:
    """Mean exact match over questions; raises ValueError for no question or unequal numbers."""
    return _mean(exact_match, answers, gold_answers)


def squad_f1(answers: Sequence[str], gold_answers: Sequence[Sequence[str]]) -> float:
    """Mean token F1 over questions; raises ValueError for no question or unequal numbers."""
    return _mean(token_f1, answers, gold_answers)


def _f1(words: Counter[str], gold: Counter[str]) -> float:
    shared = (words & gold).total()
    return 2 * shared / (words.total() + gold.total()) if shared else 0.0


def _some(gold_answers: Sequence[str]) -> Sequence[str]:
    if not gold_answers:
        raise ValueError("got a question without a gold answer; it needs at least one")
    return gold_answers


def _mean(
    measure: Callable[[str, Sequence[str]], float],
    answers: Sequence[str],
    gold_answers: Sequence[Sequence[str]],
) -> float:
    if not answers:
        raise ValueError("got no questions; a metric needs at least one")
    pairs = zip(answers, gold_answers, strict=True)
    return sum(measure(answer, golds) for answer, golds in pairs) / len(answers)
