"""Law 1 with values kept in memory: they give what the ledger's bytes give when nothing is kept."""

import sqlite3
from pathlib import Path

import pytest

from db import DamageError, Database, Ledger
from stream.engine import serving
from stream.engine.serving import TaskServer
from stream.learning.encoding import TokenSet
from stream.learning.evaluation import evaluate, make_plan
from stream.learning.learner import Learner
from stream.learning.objectives.objective import BY_ACCURACY
from stream.model.backbone.backbone import Backbone
from stream.model.backbone.loading import load_backbone
from stream.model.backbone.parameters import TaskParameters
from stream.model.methods.specification import method_named
from tests.tiny_runs import ISOLATED, NAMES, ONE_EPOCH, run_tasks, tiny_learner, tiny_task

FROZEN_BELOW = {"feature": 3, "fine-tune:1": 1, "adapter-l:layers=1-1": 1, "houlsby": 0, "lora:2": 0}
"""Methods, and the layers of the tiny BERT below what they own; 3 of 2 where the states are pooled too."""


def recorded(database: Database, backbone: Backbone, text: str) -> tuple[Learner, Ledger]:
    """A run of three tasks by a method."""
    learner = tiny_learner(backbone, method_named(text, adapter_size=4), ONE_EPOCH)
    run_tasks(database, learner, [tiny_task(name, num_labels=2 + i) for i, name in enumerate(NAMES[:3])])
    return learner, database.ledger("tiny")


def plain_digest(learner: Learner, ledger: Ledger, on: int) -> str:
    """The digest of a task after the last arrival by the shortest way: bytes, tensors, logits."""
    shared = ledger.shared_content(3)
    body = {} if shared is None else TaskParameters.from_bytes(shared[1])
    parameters = {**body, **TaskParameters.from_bytes(ledger.parameters_content(on))}
    tokens = TokenSet.from_bytes(ledger.test_set(on))
    plan = make_plan(tokens, learner.backbone)
    return evaluate(learner.backbone, parameters, tokens, scoring=BY_ACCURACY, plan=plan).logits_sha256


@pytest.mark.parametrize("text", [*ISOLATED, "sequential", "adapter-l:layers=1-1"])
def test_what_is_kept_gives_the_same_digests(database: Database, backbone: Backbone, text: str) -> None:
    """The first and the second visit of a server give each task's plain digest."""
    learner, ledger = recorded(database, backbone, text)
    server = TaskServer(learner, ledger)
    plain = [plain_digest(learner, ledger, on) for on in range(3)]
    for _ in range(2):
        assert [server.evaluate(after=2, on=on)[0].logits_sha256 for on in range(3)] == plain


@pytest.mark.parametrize(("text", "level"), FROZEN_BELOW.items())
def test_what_is_frozen_below_is_computed_once(
    database: Database, backbone: Backbone, text: str, level: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task's layers below its first own tensor run at the first visit only."""
    learner, ledger = recorded(database, backbone, text)
    server, made, levels = TaskServer(learner, ledger), serving.frozen_states, []

    def counted(encoder: object, batches: object, level: int) -> object:
        levels.append(level)
        return made(encoder, batches, level)  # type: ignore[arg-type]

    monkeypatch.setattr(serving, "frozen_states", counted)
    for after in (1, 2, 2):
        server.evaluate(after=after, on=0)
    assert levels == [level] * bool(level)


def test_frozen_states_never_survive_a_changed_backbone(database: Database, backbone_folder: Path) -> None:
    """One changed value of the backbone between two arrivals shows as it does when nothing is kept."""
    backbone = load_backbone(str(backbone_folder))
    learner, ledger = recorded(database, backbone, "feature")
    server = TaskServer(learner, ledger)
    before = server.evaluate(after=1, on=0)[0].logits_sha256
    backbone.compute["layer.0.feed_forward.up.bias"][0] += 0.5
    after = server.evaluate(after=2, on=0)[0].logits_sha256
    assert after == plain_digest(learner, ledger, 0)
    assert after != before


def flip(file: Path, table: str, position: int) -> None:
    """Flip one bit of stored bytes behind the program's back."""
    query = f"SELECT b.sha256, b.content FROM blobs b JOIN {table} t USING (sha256) WHERE t.position = ?"
    connection = sqlite3.connect(file)
    with connection:
        ((sha256, content),) = connection.execute(query, (position,)).fetchall()
        flipped = bytearray(content)
        flipped[-3] ^= 0b100
        connection.execute("UPDATE blobs SET content = ? WHERE sha256 = ?", (bytes(flipped), sha256))
    connection.close()


@pytest.mark.parametrize(("table", "what"), [("parameters", "own parameters"), ("test_sets", "test split")])
def test_a_bit_that_flips_while_its_tensors_are_resident_is_found(
    finished: Path, backbone: Backbone, table: str, what: str
) -> None:
    """Values kept in memory hide nothing: the next evaluation reads the bytes and names the damage."""
    with Database.open(f"sqlite:///{finished}") as database:
        server = TaskServer(tiny_learner(backbone), database.ledger("tiny"))
        server.evaluate(after=3, on=1)
        flip(finished, table, 1)
        with pytest.raises(DamageError, match=f"{what} of run 'tiny', task '{NAMES[1]}'"):
            server.evaluate(after=3, on=1)
        server.evaluate(after=3, on=2)


@pytest.mark.parametrize("max_bytes", [0, 40_000])
def test_too_little_memory_changes_nothing(finished: Path, backbone: Backbone, max_bytes: int) -> None:
    """Where nothing or not everything may be kept, the digests are the same."""
    learner = tiny_learner(backbone)
    with Database.open(f"sqlite:///{finished}") as database:
        ledger = database.ledger("tiny")
        servers = [TaskServer(learner, ledger), TaskServer(learner, ledger, max_bytes=max_bytes)]
        roomy, tight = (
            [server.evaluate(after=3, on=on)[0].logits_sha256 for _ in range(2) for on in range(4)]
            for server in servers
        )
    assert roomy == tight
