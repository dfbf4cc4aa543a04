import tracemalloc
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB

from tasks import DataMode, DataStatus, Limits, Split, Task, load_task, open_suite
from tasks.simulated.stream import slot_model, task_words
from tasks.simulated.texts import word_list
from tasks.simulated.word_model import Sample, WordModel, posterior

FEW = Limits(max_train=20, max_valid=5, max_test=5)


@cache
def made(suite: str, number: int, limits: Limits = FEW, split_seed: int = 0) -> Task:
    """Task `number`, counted from 1."""
    return load_task(open_suite(suite).cards[number - 1], limits=limits, split_seed=split_seed)


def learned(train: Split) -> tuple[CountVectorizer, MultinomialNB]:
    """An independent learner: scikit-learn's naive Bayes on word counts."""
    counter = CountVectorizer(vocabulary=word_list(), token_pattern=r"\S+")
    return counter, MultinomialNB().fit(counter.transform(train.texts), train.labels)


def accuracy(learner: tuple[CountVectorizer, MultinomialNB], test: Split) -> float:
    counter, classifier = learner
    return float(classifier.score(counter.transform(test.texts), test.labels))


def class_distributions(suite: str, number: int) -> np.ndarray:
    """Probability of each word in the clear texts of each class."""
    simulation = open_suite(suite).cards[number - 1].simulation
    assert simulation is not None
    by_slot = slot_model(simulation).word_probabilities()[:-1]
    words = np.array([word_list().index(word) for word in task_words(simulation)])
    by_word = np.empty_like(by_slot)
    by_word[:, words] = by_slot
    return by_word


def total_variation(suite: str, one: int, other: int) -> float:
    """Mean over classes of half the summed differences; 0 for equal distributions, 1 for disjoint ones."""
    first, second = class_distributions(suite, one), class_distributions(suite, other)
    return float(np.abs(first - second).sum(axis=1).mean() / 2)


def test_a_small_task_never_changes():
    """Its fingerprint is pinned: a change of the generator would silently make old runs incomparable."""
    task = made("simulated:9,seed=3,similarity=0.5,drift=0.1,recurring=4", 7)
    assert task.fingerprint == "a3027ed44772cf5365860cf9c04744c038e03d7ee15fb64b1debce7e3b4a43a1"


def test_a_task_needs_no_other():
    """Task 7 is the same whether its predecessors were generated or not, and however many follow."""
    suite = "simulated:9,seed=3,similarity=0.5,drift=0.1,recurring=4"
    texts = made(suite, 7).train.texts
    for card in open_suite(suite.replace("9", "50")).cards[:7]:
        last = load_task(card, limits=FEW)
    assert last.train.texts == texts


def test_a_cap_keeps_the_first_examples():
    """Whatever the cap, example i of a split is the same, and so is the Bayes accuracy."""
    full, few = made("simulated:2,train=600,test=300", 1, Limits()), made("simulated:2,train=600,test=300", 1)
    assert (len(full.train), len(full.valid), len(full.test)) == (600, 200, 300)
    assert few.train.texts == full.train.texts[:20]
    assert few.test.labels == full.test.labels[:5]
    assert few.bayes_accuracy == full.bayes_accuracy


@pytest.mark.parametrize("mode", [DataMode.AUTO, DataMode.SIMULATED])
def test_it_says_that_it_is_simulated(mode: DataMode):
    """The status is simulated in every mode, and notes give the error of the Bayes accuracy."""
    task = load_task(open_suite("simulated:1").cards[0], mode=mode, limits=FEW)
    assert task.data is DataStatus.SIMULATED
    assert task.name == "simulated-0001"
    assert len(task.labels) == open_suite("simulated:1").cards[0].num_labels
    assert task.notes[0].startswith("Bayes accuracy to within 0.004 (95 %)")
    assert "label noise of 2 % included" in task.notes[0]


def test_another_split_seed_draws_other_examples():
    """Words and Bayes accuracy stay, texts change."""
    one, other = made("simulated:2", 1), made("simulated:2", 1, split_seed=1)
    assert one.bayes_accuracy == other.bayes_accuracy
    assert not set(one.train.texts) & set(other.train.texts)


def test_the_bayes_accuracy_is_the_one_asked_for():
    """Ten tasks of any number of classes lie within half a point of 0.8."""
    tasks = [made("simulated:10,accuracy=0.8", number) for number in range(1, 11)]
    assert len({len(task.labels) for task in tasks}) > 3
    assert [task.bayes_accuracy for task in tasks] == pytest.approx([0.8] * 10, abs=0.005)


def test_what_cannot_be_reached_is_said():
    """Texts of one word do not allow 0.95 among ten classes: the task has less, and notes it."""
    task = made("simulated:1,words=1,classes=10,accuracy=0.95", 1)
    assert task.bayes_accuracy is not None
    assert task.bayes_accuracy < 0.6
    assert task.notes[1] == "Bayes accuracy is the most that classes, text length and label noise allow"


def read_back(suite: str) -> tuple[WordModel, Sample, Task]:
    """The distribution of the first task, its test texts as the slots of their words, and the task."""
    task, simulation = made(suite, 1, Limits(max_train=1)), open_suite(suite).cards[0].simulation
    assert simulation is not None
    slot_of = {word: slot for slot, word in enumerate(task_words(simulation))}
    words = [[slot_of[word] for word in text.split()] for text in task.test.texts]
    sample = Sample(
        labels=np.array(task.test.labels),
        lengths=np.array([len(text) for text in words]),
        words=np.concatenate(words),
    )
    return slot_model(simulation), sample, task


@pytest.mark.parametrize("label_noise", [0.0, 0.2])
def test_the_classifier_that_knows_the_distributions_reaches_it(label_noise: float):
    """Reading the very texts with the true posterior hits as often as the Bayes accuracy says."""
    model, sample, task = read_back(
        f"simulated:1,classes=4,accuracy=0.75,test=10000,words=12,label_noise={label_noise}"
    )
    hits = posterior(model, sample).argmax(axis=1) == sample.labels
    error = np.hypot(hits.std() / np.sqrt(len(hits)), 0.002)
    assert abs(hits.mean() - task.bayes_accuracy) < 4 * error


def test_label_noise_contradicts_texts_that_leave_no_doubt():
    """Of labels drawn anew three in four are wrong among four classes: 0.15 of all at a noise of 0.2."""
    model, sample, _ = read_back("simulated:1,classes=4,accuracy=0.75,test=3000,words=30,label_noise=0.2")
    of_class = posterior(replace(model, label_noise=0.0), sample)
    sure = of_class.max(axis=1) > 0.999
    contradicted = (of_class.argmax(axis=1) != sample.labels)[sure]
    assert sure.sum() > 1000
    assert contradicted.mean() == pytest.approx(0.15, abs=4 * np.sqrt(0.15 * 0.85 / sure.sum()))


@pytest.mark.parametrize("classes", [2, 6])
def test_a_strong_learner_comes_close_on_easy_settings(classes: int):
    """With 10,000 examples naive Bayes is within 1.5 points of the Bayes accuracy, and never above it."""
    suite = f"simulated:1,classes={classes},accuracy=0.95,train=10000,test=10000"
    task = made(suite, 1, Limits())
    reached = accuracy(learned(task.train), task.test)
    error = np.hypot(0.5 / np.sqrt(len(task.test)), 0.002)
    assert task.bayes_accuracy - 0.015 - error < reached < task.bayes_accuracy + 3 * error


def test_distributions_come_closer_as_similarity_rises():
    """The total variation between two tasks' class distributions falls with every step, from 0.5 to 0."""
    distances = [
        total_variation(f"simulated:2,classes=5,similarity={share}", 1, 2)
        for share in (0, 0.25, 0.5, 0.75, 1)
    ]
    assert distances == sorted(distances, reverse=True)
    assert distances[0] > 0.45
    assert min(np.subtract(distances[:-1], distances[1:])) > 0.08
    assert distances[-1] == 0


def test_what_was_learned_on_one_task_is_worth_as_much_as_they_are_alike():
    """On another task a classifier guesses at similarity 0, and is as good as on its own at 1."""
    found = []
    for share in (0, 0.25, 0.5, 1):
        suite = f"simulated:2,classes=4,accuracy=0.95,train=1500,test=1000,similarity={share}"
        found.append(accuracy(learned(made(suite, 1, Limits()).train), made(suite, 2, Limits()).test))
    assert found[0] == pytest.approx(0.25, abs=0.08)
    assert found == sorted(found)
    assert 0.4 < found[1] < 0.9
    assert found[-1] == pytest.approx(0.94, abs=0.02)


def test_drift_makes_old_knowledge_worthless_bit_by_bit():
    """A classifier of the first task loses accuracy along the stream until it guesses."""
    suite = "simulated:41,classes=4,accuracy=0.95,train=1500,test=1000,similarity=1,drift=0.025"
    first = learned(made(suite, 1, Limits()).train)
    found = [accuracy(first, made(suite, number, Limits()).test) for number in (1, 11, 21, 31, 41)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.9
    assert found[-1] == pytest.approx(0.25, abs=0.08)


@pytest.mark.parametrize("recurrence", ["fresh", "exact"])
def test_a_recurring_task_is_the_earlier_one_again(recurrence: str):
    """Fresh repetitions share words, classes and Bayes accuracy with the first, exact ones the texts too."""
    suite = f"simulated:2,recurring=2,drift=0.2,recurrence={recurrence}"
    one, again = made(suite, 1), made(suite, 2)
    assert (again.labels, again.bayes_accuracy) == (one.labels, one.bayes_accuracy)
    assert total_variation(suite, 1, 2) == 0
    assert (again.train == one.train) is (recurrence == "exact")
    assert again.fingerprint != one.fingerprint
    assert again.notes[-1].startswith("recurring: ")
    assert again.notes[-1].endswith("of simulated-0001")


def test_no_task_is_kept():
    """Once the two shapes of a stream are known, twenty more tasks leave less than 50 kB behind."""
    cards = open_suite("simulated:30,classes=2..3,words=2,similarity=0.5,drift=0.01,recurring=7").cards
    for card in cards[:10]:
        load_task(card, limits=FEW)
    tracemalloc.start()
    for card in cards[10:]:
        load_task(card, limits=FEW)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 50_000
