import gzip
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STAND_IN = "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(20)\n"
"""In place of torch: Ctrl-C while it is loaded."""


KEPT = ROOT / "tests/kept/780da04/recorded.sqlite.gz"
RECORDED = ("--db", "sqlite:///kept.db", "--run", "straight")
COMMANDS = {
    "run": ("--suite", "additional17"),
    "verify": RECORDED,
    "report": RECORDED,
    "plan": ("--suite", "additional17"),
    "study": ("size", "--tasks", "airline"),
}
"""Options with which a command has something to load torch for."""


@pytest.mark.parametrize("command", COMMANDS)
def test_ctrl_c_while_modules_are_loaded(tmp_path: Path, command: str) -> None:
    """One sentence and exit code 130, not a traceback out of a library."""
    (tmp_path / "torch.py").write_text(STAND_IN)
    (tmp_path / "kept.db").write_bytes(gzip.decompress(KEPT.read_bytes()))
    done = subprocess.run(
        [sys.executable, "-m", f"stream.{command}", *COMMANDS[command]],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"},
        capture_output=True,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    # A report is under way when it needs torch, to count its method on another backbone.
    written = "interrupted; a file is written whole or not at all\n"
    sentence = written if command == "report" else "interrupted before anything was started\n"
    assert (done.returncode, done.stderr) == (130, sentence)
    assert {path.name.partition("-")[0] for path in tmp_path.iterdir()} == {"kept.db", "torch.py"}
