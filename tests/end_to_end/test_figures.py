"""Figures are the program's own, whatever the user has set for matplotlib."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "tests/kept/780da04/recorded.sqlite.gz"
RUN = "sampled"
KINDS = (".png", ".svg", ".html")
USERS = "text.usetex: True\nfont.size: 20\nsavefig.bbox: tight\naxes.facecolor: red\nlines.linewidth: 9\n"


def pictures(folder: Path, out: str, **environment: str) -> dict[str, bytes]:
    """Write the reports of a kept run in a process of its own; return the pictures."""
    done = subprocess.run(
        [sys.executable, "-m", "stream.report", "--db", "kept.db", "--run", RUN, "--out", out],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return {file.name: file.read_bytes() for file in (folder / out).rglob("*.*") if file.suffix in KINDS}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a recorded database."""
    (tmp_path / "kept.db").write_bytes(gzip.decompress(KEPT.read_bytes()))
    return tmp_path


def test_settings_of_the_users_neither_stop_a_command_nor_change_a_figure(folder: Path) -> None:
    """A backend that is none, a file of settings that cannot be read, and one with other fonts."""
    expected = pictures(folder, "plain")
    assert any(name.endswith(".png") for name in expected)
    (folder / "unreadable").write_bytes("# Größe\nfont.size: 20\n".encode("latin-1"))
    found = pictures(folder, "odd", MPLBACKEND="nonsense", MATPLOTLIBRC=str(folder / "unreadable"))
    assert found == expected
    (folder / "matplotlibrc").write_text(USERS)
    assert pictures(folder, "own") == expected
