"""`python -m stream.compare` as its user meets it."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from stream.compare import __main__ as compare
from tests.end_to_end.conftest import Outcome


@pytest.fixture
def compared(home: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """`python -m stream.compare` in the user's folder."""

    def call(*options: str) -> Outcome:
        code = compare.main(options)
        captured = capsys.readouterr()
        return Outcome(code=code, out=captured.out, err=captured.err)

    return call


def test_two_methods_side_by_side(run: Callable[..., Outcome], compared: Callable[..., Outcome]) -> None:
    """Both finished runs are compared; the one that shares tensors is reported as such, with exit code 0."""
    few = ("--tasks", "birds,clouds", "--epochs", "1")
    assert run(*few).code == run(*few, "--method", "sequential").code == 0
    outcome = compared()
    assert outcome.code == 0
    assert "proven" in outcome.out
    assert "forgotten" in outcome.out
    assert "comparison: compare" in outcome.out
    with Path("compare/compare.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["method"] for row in rows] == ["houlsby", "sequential"] * 2
    assert len({row["fingerprint"] for row in rows}) == 2
