"""Tasks as a plan expects them, made without any data."""

from stream.plan.expected import ExpectedTask
from tasks import open_suite
from tasks.splits import SplitSizes

GLUE_CLASSES = {"CoLA": 2, "SST": 2, "MRPC": 2, "STS-B": 1, "QQP": 2, "MNLI": 3, "QNLI": 2, "RTE": 2}
"""The eight tasks of Houlsby et al. 2019, Table 1, and the outputs of their heads."""


def paper_tasks() -> list[ExpectedTask]:
    """The paper's 17 tasks with the classes and sizes of its Table 3 and the adapters' epochs of Table 4."""
    return [
        ExpectedTask(
            name=card.name,
            num_labels=card.paper.num_labels,
            sizes=SplitSizes(
                num_train=card.paper.num_train,
                num_valid=card.paper.num_valid,
                num_test=card.paper.num_test,
            ),
            num_epochs=card.paper.epochs_adapters,
        )
        for card in open_suite("additional17").cards
        if card.paper is not None
    ]


def made_task(
    name: str, num_train: int | None = 40, *, num_labels: int = 2, length: float | None = 10.0
) -> ExpectedTask:
    """Four fifths to train on, a tenth each to validate and test; three epochs."""
    sizes = (
        None
        if num_train is None
        else SplitSizes(num_train=num_train, num_valid=num_train // 8, num_test=num_train // 8)
    )
    return ExpectedTask(name=name, num_labels=num_labels, sizes=sizes, tokens_per_text=length, num_epochs=3)
