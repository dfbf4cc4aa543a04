"""What a command prints may be read in part."""

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "tests/kept/780da04/recorded.sqlite.gz"
TALKATIVE = {
    "report": ("--db", "sqlite:///kept.db"),
    "compare": ("--db", "sqlite:///kept.db", "--runs", "all-lora-rank-2-alpha-4,all-feature"),
    "plan": ("--suite", "simulated:9", "--backbone", str(KEPT.with_name("backbone")), "--no-probe"),
}
"""Commands that print many lines, none of them a display's."""


@pytest.mark.parametrize("command", TALKATIVE)
def test_a_reader_that_has_seen_enough_ends_no_command(tmp_path: Path, command: str) -> None:
    """As with `| head -1`: the exit code is the command's own, and nothing is said of the pipe."""
    (tmp_path / "kept.db").write_bytes(gzip.decompress(KEPT.read_bytes()))
    process = subprocess.Popen(
        [sys.executable, "-m", f"stream.{command}", *TALKATIVE[command]],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.communicate()[1] == ""
    assert process.returncode == 0
