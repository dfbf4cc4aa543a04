"""A simulated stand-in for a span task: questions whose answers follow a rule that can be learned.

A context is random words with a few facts among them, sentences such as "the river is deep blue"; the
question names one of their subjects, "what is the river?", and the answer is what follows the verb. Every
question can be answered exactly, so the best reachable score is 1. It says nothing about how well the real
task can be learned.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int64

from tasks.card import TaskCard
from tasks.fingerprint import task_fingerprint
from tasks.simulated.texts import DEFAULT_MEAN_CHARS, split_sizes, text_lengths, word_list
from tasks.simulated.word_model import random_stream
from tasks.task import SPAN_LABELS, DataStatus, GoldAnswers, Limits, Split, Task, TaskKind

NUM_FACTS = 3
"""Facts of a context; one of them is asked for."""
MAX_ANSWER_WORDS = 3
BLOCK = 32
"""Questions are drawn in blocks with a random stream each, so a cap never changes those that remain."""
_FACT_WORDS = 3 + (1 + MAX_ANSWER_WORDS) // 2
"""Words of a fact, about."""


def simulate_spans(card: TaskCard, *, limits: Limits, seed: int = 0) -> Task:
    """A span task of the card's sizes and lengths; equal arguments give equal bytes everywhere.

    Raises:
        DataError: The card does not tell its sizes.
    """
    sizes = split_sizes(card)
    mean_chars = card.mean_chars or DEFAULT_MEAN_CHARS
    word_chars = sum(map(len, word_list())) / len(word_list())
    lengths = text_lengths(mean_chars / (word_chars + 1))
    wanted = {
        "train": (sizes.train, limits.max_train),
        "valid": (sizes.valid, limits.max_valid),
        "test": (sizes.test, limits.max_test),
    }
    splits = {
        name: _draw_split((seed, card.name, name), size if cap is None else min(size, cap), lengths)
        for name, (size, cap) in wanted.items()
    }
    return Task(
        name=card.name,
        title=card.title,
        data=DataStatus.SIMULATED,
        labels=SPAN_LABELS,
        train=splits["train"],
        valid=splits["valid"],
        test=splits["test"],
        fingerprint=task_fingerprint(card.name, SPAN_LABELS, tuple(splits.values())),
        kind=TaskKind.SPAN,
        metric=card.metric,
        secondary=card.secondary,
        overrides=card.overrides,
        published=card.published,
        notes=(
            "simulated stand-in: random words with facts among them, not the real data",
            "every question can be answered exactly by a rule, so the best reachable score is 1",
        ),
    )


def _draw_split(
    key: tuple[str | int, ...], num_questions: int, lengths: Int64[np.ndarray, " quantiles"]
) -> Split:
    questions: list[str] = []
    contexts: list[str] = []
    answers: list[GoldAnswers] = []
    for block in range(-(-num_questions // BLOCK)):
        stream = random_stream(*key, block)
        for _ in range(BLOCK):
            question, context, answer, start = _draw(stream, int(lengths[_below(stream, len(lengths))]))
            identity = "-".join(map(str, (*key, len(answers))))
            questions.append(question)
            contexts.append(context)
            answers.append(GoldAnswers(question_id=identity, texts=(answer,), starts=(start,)))
    kept = slice(num_questions)
    return Split(texts=questions[kept], labels=(), pairs=contexts[kept], answers=answers[kept])


def _draw(stream: np.random.Generator, num_words: int) -> tuple[str, str, str, int]:
    """A question, its context of about `num_words` words, the answer and where it begins."""
    words = word_list()
    subjects = _distinct(stream, words, NUM_FACTS)
    facts = [_words(stream, words, 1 + _below(stream, MAX_ANSWER_WORDS)) for _ in subjects]
    num_filler = max(num_words - NUM_FACTS * _FACT_WORDS, NUM_FACTS + 1)
    borders = np.sort((stream.random(NUM_FACTS) * (num_filler + 1)).astype(np.int64)).tolist()
    filler = _words(stream, words, num_filler)
    sentences: list[str] = []
    for begin, end, subject, fact in zip([0, *borders[:-1]], borders, subjects, facts, strict=True):
        sentences += [*_sentence(filler[begin:end]), f"the {subject} is {' '.join(fact)}."]
    context = " ".join([*sentences, *_sentence(filler[borders[-1] :])])
    asked = _below(stream, NUM_FACTS)
    statement = f"the {subjects[asked]} is "
    start = context.index(statement) + len(statement)
    return f"what is the {subjects[asked]}?", context, " ".join(facts[asked]), start


def _sentence(words: Sequence[str]) -> list[str]:
    return [f"{' '.join(words)}."] if words else []


def _below(stream: np.random.Generator, bound: int) -> int:
    return int(stream.random() * bound)


def _words(stream: np.random.Generator, words: Sequence[str], number: int) -> list[str]:
    return [words[i] for i in (stream.random(number) * len(words)).astype(np.int64).tolist()]


def _distinct(stream: np.random.Generator, words: Sequence[str], number: int) -> list[str]:
    """Different words."""
    chosen: dict[str, None] = {}
    while len(chosen) < number:
        chosen |= dict.fromkeys(_words(stream, words, 1))
    return list(chosen)
