"""Joint training: one body on all tasks at once, the upper bound of methods that share."""

from db import Ledger
from db.records import RunStatus
from stream.display.protocol import Display
from stream.engine.recording import LedgerCheckpoints, observer, record_learned, record_test_sets, task_record
from stream.engine.scheduler import Arrival, TaskStream, task_seed
from stream.engine.serving import TaskServer
from stream.engine.simulator import reevaluate
from stream.learning.joint import learn_together
from stream.learning.learner import Learner
from stream.results.run_results import RunResults, load_results


def learn_jointly(stream: TaskStream, learner: Learner, ledger: Ledger, display: Display) -> RunResults:
    """Train one body on all tasks of the stream at once, and evaluate each task from the ledger.

    Raises:
        TrainingError: the loss was not finite twice.
        LedgerError: something could not be stored or read back; what was committed stays.
    """
    display.run_started(load_results(ledger))
    arrivals = tuple(stream)
    if not ledger.has_parameters(0):
        _train_jointly(arrivals, stream.run_seed, learner, ledger, display)
    last = arrivals[-1].position
    reevaluate(
        TaskServer(learner, ledger),
        ledger,
        display,
        after=last,
        splits=ledger.learned_splits(),
        due=range(last + 1),
    )
    ledger.set_status(RunStatus.FINISHED)
    return load_results(ledger)


def _train_jointly(
    arrivals: tuple[Arrival, ...], run_seed: int, learner: Learner, ledger: Ledger, display: Display
) -> None:
    """Learn all tasks and commit them; the first one, which holds the body, last."""
    num_train = sum(len(arrival.task.train) for arrival in arrivals)
    num_labels = sum(arrival.task.num_classes for arrival in arrivals)
    first = arrivals[0]
    display.arrival_started(0, first.name, first.task.data.value, num_train, num_labels)
    prepared = [learner.prepare(arrival.task) for arrival in arrivals]
    for arrival, task in zip(arrivals, prepared, strict=True):
        ledger.record_task(task_record(arrival, task.truncated_fraction))
        record_test_sets(arrival.position, task.tests, ledger)
    learned = learn_together(
        learner,
        prepared,
        [arrival.seed for arrival in arrivals],
        seed=task_seed(run_seed, "all tasks together"),
        checkpoints=LedgerCheckpoints(ledger, 0),
        observer=observer(0, ledger, display),
    )
    for arrival, one in reversed(list(zip(arrivals, learned, strict=True))):
        if not ledger.has_parameters(arrival.position):
            record_learned(arrival, one, learner, ledger)
