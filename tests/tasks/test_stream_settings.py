from collections import Counter

import numpy as np
import pytest

from tasks.simulated.settling import settle_tasks
from tasks.stream_settings import LARGEST_SIZE, LogNormal, Range, Recurrence, SimulatedTask, StreamSettings


def shape(task: SimulatedTask) -> tuple[int | float, ...]:
    sizes = (task.num_train, task.num_valid, task.num_test)
    return (task.num_classes, *sizes, task.mean_words, task.accuracy)


def test_a_longer_stream_begins_with_the_shorter_one():
    """Task n has the same settings and name however many tasks follow."""
    short, long = (list(settle_tasks(StreamSettings(tasks=tasks, recurring=4))) for tasks in (20, 300))
    assert [shape(task) for task in short] == [shape(task) for task in long[:20]]
    assert [task.repeats for task in short] == [task.repeats for task in long[:20]]
    assert short[0].stream.name_of(0) == long[0].stream.name_of(0) == "simulated-0001"
    assert long[0].stream.name_of(12_345) == "simulated-12346"


def test_settings_fill_their_ranges():
    """Every number of classes occurs about equally often; sizes lie between the ends, evenly by ratio."""
    tasks = list(settle_tasks(StreamSettings(tasks=900, train=Range(low=10, high=1000))))
    classes = Counter(task.num_classes for task in tasks)
    assert set(classes) == set(range(2, 11))
    assert min(classes.values()) > 60
    sizes = np.array([task.num_train for task in tasks])
    assert sizes.min() >= 10
    assert sizes.max() <= 1000
    assert np.mean(sizes < 100) == pytest.approx(0.5, abs=0.06)
    accuracies = np.array([task.accuracy for task in tasks])
    assert (accuracies.min(), accuracies.max()) == pytest.approx((0.7, 0.95), abs=0.01)


def test_one_value_is_a_value():
    """A range of one value gives it, exactly."""
    one = Range(low=300, high=300)
    assert {(one.size(u), one.whole(u), one.even(u)) for u in (0.0, 0.3, 0.999999)} == {(300, 300, 300.0)}


def test_log_normal_sizes_have_their_median_and_limits():
    """Half of the sizes lie below the median, the logarithm has the spread, and no size leaves 1 to 10^6."""
    sizes = LogNormal(median=500, spread=1.0)
    assert sizes.size(0.5) == 500
    assert sizes.size(0.8413447) == pytest.approx(500 * np.e, rel=0.01)
    wide = LogNormal(median=500, spread=5.0)
    assert (wide.size(0.0), wide.size(1 - 1e-16)) == (1, LARGEST_SIZE)


def test_every_so_many_th_task_recurs():
    """Tasks 5, 10, 15 ... repeat the settings of an earlier task that is no repetition itself."""
    tasks = list(settle_tasks(StreamSettings(tasks=200, recurring=5)))
    assert [task.position for task in tasks if task.repeats is not None] == list(range(4, 200, 5))
    for task in tasks:
        if task.repeats is not None:
            earlier = tasks[task.repeats]
            assert earlier.repeats is None
            assert earlier.position < task.position
            assert shape(earlier) == shape(task)
    assert len({task.repeats for task in tasks}) > 20


def test_an_exact_repetition_is_drawn_where_the_first_was():
    """Fresh examples belong to the task's own position, exact ones to the earlier one."""
    for recurrence, drawn_at in ((Recurrence.FRESH, 1), (Recurrence.EXACT, 0)):
        second = list(settle_tasks(StreamSettings(tasks=2, recurring=2, recurrence=recurrence)))[1]
        assert (second.origin, second.drawn_at) == (0, drawn_at)


def test_an_accuracy_that_noise_forbids_is_refused():
    """Nine of ten labels drawn anew allow 0.55 with two classes, and the sentence says so."""
    with pytest.raises(ValueError, match=r"accuracy of 0\.7 .* label_noise = 0\.9 allows at most 0\.550"):
        StreamSettings(tasks=3, label_noise=0.9)
    StreamSettings(tasks=3, label_noise=0.9, accuracy=Range(low=0.5, high=0.9))


def test_an_accuracy_below_guessing_is_refused():
    """Among two to four classes, 0.2 is less than guessing reaches in every task."""
    with pytest.raises(ValueError, match=r"0\.2 is below guessing among 4 classes \(0\.250\)"):
        StreamSettings(tasks=3, classes=Range(low=2, high=4), accuracy=Range(low=0.1, high=0.2))
