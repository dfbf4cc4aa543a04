"""Law 4: growth is counted from what is stored; an independent reader of the blobs gets the same numbers."""

import csv
import json
import sqlite3
from math import prod
from pathlib import Path
from typing import Any

import pytest

from db import Database
from stream.engine.forecast import forecast_growth
from stream.model.backbone.architecture import BERT_BASE_UNCASED
from stream.model.backbone.backbone import Backbone
from stream.model.methods.bottleneck import houlsby
from stream.model.methods.catalogue import sequential
from stream.reports.run.tables import write_tables
from stream.results.run_results import load_results
from tasks import open_suite
from tests.tiny_runs import NAMES, run_tasks, tiny_learner, tiny_task

KINDS = ("adapter", "layer_norm", "head", "other")


def kind_of(name: str) -> str:
    """Kind of a tensor by its name alone."""
    if name.startswith("head."):
        return "head"
    if ".adapter." in name:
        return "adapter"
    return "layer_norm" if ".norm." in name else "other"


def counted(blob: bytes) -> dict[str, int]:
    """Numbers by kind from the header of a safetensors file, checked against the bytes that follow it."""
    size = int.from_bytes(blob[:8], "little")
    tensors = {name: entry for name, entry in json.loads(blob[8 : 8 + size]).items() if name[0] != "_"}
    counts = dict.fromkeys(KINDS, 0)
    for name, entry in tensors.items():
        assert entry["dtype"] == "F32"
        counts[kind_of(name)] += prod(entry["shape"])
    assert 4 * sum(counts.values()) == len(blob) - 8 - size
    return counts


def stored(file: Path) -> list[dict[str, bytes]]:
    """Blobs of each arrival by owner, read with plain SQL."""
    query = "SELECT p.position, p.owner, b.content FROM parameters p JOIN blobs b USING (sha256)"
    connection = sqlite3.connect(file)
    rows = connection.execute(f"{query} ORDER BY p.position").fetchall()
    connection.close()
    blobs: list[dict[str, bytes]] = [{} for _ in range(rows[-1][0] + 1)]
    for position, owner, content in rows:
        blobs[position][owner] = content
    return blobs


def reported(file: Path, out: Path) -> list[dict[str, Any]]:
    """The rows of size.csv."""
    with Database.open(f"sqlite:///{file}", read_only=True) as database:
        write_tables(load_results(database.ledger("tiny")), out)
    with (out / "size.csv").open(encoding="utf-8", newline="") as rows:
        return list(csv.DictReader(rows))


def test_sizes_are_those_of_the_stored_blobs(finished: Path, tmp_path: Path, backbone: Backbone) -> None:
    """Kinds, task totals, bytes, running totals and factors of size.csv follow from the blobs' headers."""
    total, total_bytes = backbone.num_parameters, 4 * backbone.num_parameters
    rows = reported(finished, tmp_path)
    assert len(rows) == 4
    for row, blobs in zip(rows, stored(finished), strict=True):
        counts = counted(blobs["own"])
        total, total_bytes = total + sum(counts.values()), total_bytes + len(blobs["own"])
        assert {kind: int(row[f"{kind}_params"]) for kind in KINDS} == counts
        assert int(row["task_params"]) == sum(counts.values()) > 0
        assert (int(row["task_bytes"]), int(row["total_bytes"])) == (len(blobs["own"]), total_bytes)
        assert int(row["total_params"]) == total
        assert float(row["growth_factor"]) == pytest.approx(total / backbone.num_parameters)


def test_shared_tensors_count_once(file: Path, tmp_path: Path, backbone: Backbone) -> None:
    """Of a body fine-tuned on task after task only the newest version counts, and the backbone not at all."""
    with Database.open(f"sqlite:///{file}") as database:
        tasks = [tiny_task(name) for name in NAMES[:2]]
        run_tasks(database, tiny_learner(backbone, sequential()), tasks)
    heads = 0
    for row, blobs in zip(reported(file, tmp_path), stored(file), strict=True):
        heads += sum(counted(blobs["own"]).values())
        assert int(row["total_params"]) == sum(counted(blobs["shared"]).values()) + heads
        assert int(row["task_bytes"]) == len(blobs["own"]) + len(blobs["shared"])


def test_a_record_that_disagrees_with_its_blob_is_seen(finished: Path, tmp_path: Path) -> None:
    """The comparison above can fail: a count typed into the record is not the blob's."""
    connection = sqlite3.connect(finished)
    with connection:
        connection.execute("UPDATE parameters SET head_params = head_params + 1 WHERE position = 2")
    connection.close()
    pairs = zip(reported(finished, tmp_path), stored(finished), strict=True)
    wrong = [p for p, (row, b) in enumerate(pairs) if int(row["head_params"]) != counted(b["own"])["head"]]
    assert wrong == [2]


def test_bert_base_grows_to_the_papers_size() -> None:
    """Adapters of 32 units for the paper's 17 tasks, 249 classes in all: 1.194 times bert-base-uncased."""
    tasks = [(c.name, c.paper.num_labels) for c in open_suite("additional17").cards if c.paper]
    assert (len(tasks), sum(number for _, number in tasks)) == (17, 249)
    latest = forecast_growth(BERT_BASE_UNCASED, houlsby(32), tasks).latest
    assert latest is not None
    assert round(latest.growth_factor, 3) == 1.194
