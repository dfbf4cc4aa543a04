"""How difficult a word model with equally frequent classes is: measured once, then known at every clarity.

Where classes are equally frequent the best guess for a text does not depend on how many texts are clear: it
is the class under which the text is likeliest. So the Bayes accuracy at clarity c is a straight line,

    A(c) = (1 - c) / K + c A(1)        K classes; label noise moves both ends, not the line

and A(1), the accuracy on clear texts, is all that has to be estimated. For that the model is reduced to one
word per class and one for all others, which leaves every posterior as it was.
"""

from dataclasses import dataclass, replace

import numpy as np

from tasks.simulated.word_model import BayesEstimate, WordModel, estimate_bayes_accuracy

CLARITY_STEPS = 1024
"""A solved clarity is a multiple of 1/1024: the last bits of a platform's `exp` do not show in it."""
STATED_ERROR = 0.004
"""Bound on half the width of the 95 % interval around every Bayes accuracy: 1.96 times `STANDARD_ERROR`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Difficulty:
    """Bayes accuracy of one model as a function of its clarity."""

    guessing: float
    """1 / number of classes: where no text is clear."""
    clear: BayesEstimate
    """Where every text is."""

    def accuracy(self, clarity: float) -> float:
        """Bayes accuracy at a clarity, label noise included."""
        return (1 - clarity) * self.guessing + clarity * self.clear.accuracy

    def error(self, clarity: float) -> float:
        """Half the width of the 95 % interval around `accuracy`."""
        return 1.96 * clarity * self.clear.standard_error

    def solve(self, target: float) -> float:
        """The clarity at which the Bayes accuracy is `target`; 0 or 1 where that is out of reach."""
        share = (target - self.guessing) / (self.clear.accuracy - self.guessing)
        return round(min(max(share, 0.0), 1.0) * CLARITY_STEPS) / CLARITY_STEPS


def measure_difficulty(model: WordModel, *key: str | int | float) -> Difficulty:
    """The difficulty of a model, whatever its own clarity; `key` names the random stream.

    Its classes must be equally frequent, and `reduced` must accept it.
    """
    assert np.ptp(model.class_shares) < 1e-12, "the classes are not equally frequent"
    all_clear = replace(reduced(model), clarity=1.0)
    return Difficulty(guessing=1 / len(model.class_shares), clear=estimate_bayes_accuracy(all_clear, *key))


def reduced(model: WordModel) -> WordModel:
    """The same posteriors with one word per class and one word for all that no class prefers.

    Words may be counted together where their likelihood ratios between all hypotheses are equal. That is so
    for a class's own words if no other class prefers them and the background uses them equally often.
    """
    own = model.own_words
    assert own.sum(axis=0).max() <= 1, "two classes prefer the same word"
    assert all(np.ptp(model.background[row]) < 1e-12 for row in own), "own words differ in frequency"
    of_classes = own @ model.background
    return replace(
        model,
        background=np.append(of_classes, 1 - of_classes.sum()),
        own_words=np.eye(len(own), len(own) + 1, dtype=np.bool_),
    )
