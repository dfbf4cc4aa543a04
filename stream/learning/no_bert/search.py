"""The baseline without a pretrained encoder: scikit-learn pipelines, searched per task.

It stands where the paper has its "No BERT" column (Houlsby et al. 2019, Table 2: an AutoML search).
Successive halving (Jamieson and Talwalkar 2016) draws candidates over all families of `pipelines`, fits them
to few training examples and goes on with the best third and three times the examples. The whole validation
split judges; the test split is read once, for the winner. The winner is fitted to the training split alone,
without the validation rows: the neural methods do not train on them either. What comes out is plain values;
nothing is pickled.
"""

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Int64
from scipy import sparse
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - importing it is what enables
from sklearn.model_selection import HalvingRandomSearchCV, PredefinedSplit
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from stream.errors import UserError
from stream.learning.no_bert.budget import SearchBudget
from stream.learning.no_bert.pipelines import FAMILIES, Scores, TermClassifier
from stream.learning.no_bert.terms import Counts, TermCounter
from stream.learning.objectives.task_metrics import CLASS_METRICS
from tasks.task import Task, TaskKind


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchedPipeline:
    """The winner of a search, as plain values."""

    description: Mapping[str, str | int | float | bool]
    """Family and settings by name, sorted; JSON-serialisable."""
    num_candidates: int
    """Candidates that were tried."""
    num_fits: int
    """Fits in all rungs and the winner's last one."""
    valid: float | None
    """The task's metric on the validation split, of the winner fitted to the whole training split."""
    scores: Mapping[str, Scores] = field(repr=False)
    """Of each test split, float32 [num_test, num_labels]: margins or log-probabilities; argmax predicts."""
    seconds: float
    notes: tuple[str, ...]


def search_pipelines(task: Task, *, budget: SearchBudget, seed: int) -> SearchedPipeline:
    """Search a pipeline for a task; equal arguments give equal scores.

    It runs on one thread whatever the process uses elsewhere. A task without terms, or with a single class in
    training, is answered with the frequencies of the classes, and a note says so.

    Raises:
        UserError: the training or the validation split is empty, or the task is no classification.
    """
    started = time.perf_counter()
    _check(task)
    small_seed = int(np.random.SeedSequence(seed).generate_state(1)[0])  # scikit-learn takes 32 bits
    with threadpool_limits(1):
        data = _count(task, budget, small_seed)
        found = _halve(data, budget, small_seed)
        winner, fit_notes = _fit(found.candidate, data)
        valid = CLASS_METRICS[task.metric](winner.predict(data.valid), np.asarray(task.valid.labels))
        scores = {name: winner.scores(data.counter.count(test)) for name, test in task.tests.items()}
    return SearchedPipeline(
        description=_description(found.candidate, learnt=winner.learnt_),
        num_candidates=found.num_candidates,
        num_fits=found.num_fits + 1,
        valid=valid,
        scores=scores,
        seconds=time.perf_counter() - started,
        notes=(*data.notes, *found.notes, *fit_notes),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Counted:
    """A task as counts; training rows in an order that the seed decides, so that a prefix is a sample."""

    task: Task
    counter: TermCounter
    train: Counts
    labels: Int64[np.ndarray, " examples"]
    valid: Counts
    unfitted: TermClassifier
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    """Outcome of the halving."""

    candidate: Mapping[str, Any]
    num_candidates: int
    num_fits: int
    notes: tuple[str, ...]


def _check(task: Task) -> None:
    if task.kind not in (TaskKind.CLASSIFICATION, TaskKind.PAIR):
        raise UserError(
            f"no-bert searches classifiers, but task {task.name} is a {task.kind}; "
            "leave it out with --tasks, or choose another method."
        )
    for name, split in (("training", task.train), ("validation", task.valid)):
        if not len(split):
            raise UserError(
                f"Task {task.name} has no {name} examples; a search needs at least one, so give more rows."
            )


def _count(task: Task, budget: SearchBudget, seed: int) -> _Counted:
    num_characters = sum(map(len, (*task.train.texts, *(task.train.pairs or ()))))
    characters = budget.allows_characters(num_characters)
    counter = TermCounter(task.train, characters=characters)
    order = np.random.default_rng(seed).permutation(len(task.train))
    too_many = f"no pieces of words: {num_characters:,} characters are too many for the search's budget"
    return _Counted(
        task=task,
        counter=counter,
        train=counter.count(task.train)[order],
        labels=np.asarray(task.train.labels, np.int64)[order],
        valid=counter.count(task.valid),
        unfitted=TermClassifier(blocks=counter.blocks, num_labels=len(task.labels), seed=seed),
        notes=() if characters else (too_many,),
    )


def _halve(data: _Counted, budget: SearchBudget, seed: int) -> _Found:
    """Candidate that is best in the last rung, the first of equals."""
    num_rows, num_labels = len(data.labels), len(data.task.labels)
    num_candidates = budget.affordable(num_rows=num_rows, num_labels=num_labels, num_counts=data.train.nnz)
    search = HalvingRandomSearchCV(
        data.unfitted,
        _space(data.counter.views),
        n_candidates=num_candidates,
        factor=budget.factor,
        resource="num_examples",  # its own subsampling would cut the validation rows as well
        min_resources=budget.rungs(num_candidates, num_rows=num_rows, num_labels=num_labels)[0].num_examples,
        max_resources=num_rows,
        cv=PredefinedSplit(np.repeat([-1, 0], [num_rows, len(data.task.valid)])),
        scoring=_scorer(data.task.metric),
        refit=False,  # it would add the validation rows
        return_train_score=False,
        error_score="raise",
        random_state=seed,
    )
    with _no_class_counts():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a candidate is judged by its validation metric
        search.fit(
            sparse.vstack([data.train, data.valid], format="csr"),
            np.concatenate([data.labels, np.asarray(data.task.valid.labels, np.int64)]),
        )
    fewer = f"{num_candidates} of {budget.num_candidates} candidates, to keep within {budget.max_seconds:g} s"
    return _Found(
        candidate=search.best_params_,
        num_candidates=num_candidates,
        num_fits=len(search.cv_results_["params"]),
        notes=(fewer,) if num_candidates < budget.num_candidates else (),
    )


def _fit(candidate: Mapping[str, Any], data: _Counted) -> tuple[TermClassifier, tuple[str, ...]]:
    """The candidate fitted to the whole training split, and what is to be said about it."""
    winner = clone(data.unfitted).set_params(**{**candidate, "num_examples": None})
    with _no_class_counts(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        winner.fit(data.train, data.labels)
    notes = [f"the winner's last fit warned: {text}" for text in sorted({str(w.message) for w in caught})]
    if not winner.learnt_:
        notes.append("nothing to learn from (one class or no terms): the most frequent class is predicted")
    missing = len(data.task.labels) - len(winner.classes_)
    if missing:
        notes.append(f"{missing} of {len(data.task.labels)} classes are not in the training split")
    return winner, tuple(notes)


def _space(views: Sequence[str]) -> list[dict[str, Any]]:
    """One part per family, which are drawn from alike."""
    return [
        {
            "family": [name],
            "number": loguniform(family.low, family.high),
            "view": list(views) or ["words"],
            "min_df": [1, 2, 3],
            "sublinear_tf": [False, True],
        }
        for name, family in FAMILIES.items()
    ]


def _scorer(metric: str) -> Callable[[TermClassifier, Counts, Int64[np.ndarray, " examples"]], float]:
    measure = CLASS_METRICS[metric]

    def score(classifier: TermClassifier, counts: Counts, labels: Int64[np.ndarray, " examples"]) -> float:
        value = measure(classifier.predict(counts), labels)
        return 0.0 if value is None else value  # undefined of all candidates alike: of the labels alone

    return score


@contextmanager
def _no_class_counts() -> Iterator[None]:
    """Silence scikit-learn's guess that many classes among few examples are meant as numbers."""
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message="The number of unique classes is greater", category=UserWarning
        )
        yield


def _description(candidate: Mapping[str, Any], *, learnt: bool) -> dict[str, str | int | float | bool]:
    if not learnt:
        return {"family": "most frequent class"}
    settings = {key: candidate[key] for key in ("family", "view", "min_df", "sublinear_tf")}
    number = {FAMILIES[candidate["family"]].parameter: float(candidate["number"])}
    return dict(sorted({**settings, **number}.items()))
