import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STAND_IN = "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(20)\n"
"""In place of torch: Ctrl-C while it is loaded."""


@pytest.mark.parametrize("command", ["run", "verify", "report", "plan", "study"])
def test_ctrl_c_while_modules_are_loaded(tmp_path: Path, command: str) -> None:
    """One sentence and exit code 130, not a traceback out of a library."""
    (tmp_path / "torch.py").write_text(STAND_IN)
    done = subprocess.run(
        [sys.executable, "-m", f"stream.{command}"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"},
        capture_output=True,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert (done.returncode, done.stderr) == (130, "interrupted before anything was started\n")
    assert os.listdir(tmp_path) == ["torch.py"]
