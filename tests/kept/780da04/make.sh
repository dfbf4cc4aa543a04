#!/bin/sh
# Makes everything else in this folder but commands.txt, with the program as it was at commit 780da04:
#
#     SOURCE=/path/to/an/unchanged/checkout/of/780da04 sh make.sh
#
# Python is the `python` of the environment that is active. Every path that is recorded is relative to this
# folder, so a copy of it works from anywhere. The script is kept to show how the folder came to be; running it
# again records the machine that runs it.
set -eu
cd "$(dirname "$0")"
: "${SOURCE:?set it to a checkout of commit 780da04}"
export PYTHONPATH="$SOURCE" PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 HF_HUB_OFFLINE=1
unset STREAM_DATA || true
STREAM_CACHE=$(mktemp -d)
export STREAM_CACHE
rm -rf backbone suite reports runs ./*.sqlite*

# a random BERT of 2 layers and 16 units; suites of texts, of a regression and pairs, and of questions
python - <<'PYTHON'
from pathlib import Path

from tests.stream.tiny import save_tiny_bert
from tests.tiny_runs import write_span_suite, write_suite, write_suite_of_kinds

sizes = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32, "num_hidden_layers": 2}
save_tiny_bert(Path("backbone"), **sizes)
suite = Path("suite")
suite.mkdir()
write_suite(suite, ("birds", "clouds"), num_rows=60)
write_suite_of_kinds(suite, num_rows=60)
write_span_suite(suite)
PYTHON

grep -v '^#' commands.txt | while read -r words; do
    # shellcheck disable=SC2086  # they are words
    python -m $words --db sqlite:///recorded.sqlite </dev/null
done

# the last command once more, killed after the second epoch of its second task: checkpoints are written after
# every step instead of every half minute, so the newest one is of the last step before
words=$(tail -n 1 commands.txt)
# shellcheck disable=SC2086
python - ${words#stream.run } --db sqlite:///killed.sqlite <<'PYTHON' || test $? = 137
import os
import signal
import sys

from stream.display import QuietDisplay
from stream.learning import training
from stream.run import main

EPOCHS = iter(range(1, 100))


def killed_in_time(self: QuietDisplay, epoch: object) -> None:
    if next(EPOCHS) == 4 + 2:
        os.kill(os.getpid(), signal.SIGKILL)


training.CHECKPOINT_SECONDS = 0.0
QuietDisplay.epoch_finished = killed_in_time
main(sys.argv[1:])
PYTHON

# what the reports said of every run, and the comparison: their CSV files
rm -r runs
python -c "
import sqlite3
for (name,) in sqlite3.connect('recorded.sqlite').execute('SELECT name FROM runs ORDER BY id'):
    print(name)" | while read -r run; do
    python -m stream.report --db sqlite:///recorded.sqlite --run "$run" --out "reports/$run" </dev/null
done
python -m stream.report --db sqlite:///killed.sqlite --run straight --out reports/killed
python -m stream.compare --db sqlite:///recorded.sqlite --out reports/compare
find reports -type f ! -name '*.csv' -delete

# each database in one file; the checkpoint of the killed run stays beside it
python - <<'PYTHON'
import sqlite3

for name in ("recorded", "killed"):
    connection = sqlite3.connect(f"{name}.sqlite", isolation_level=None)
    connection.execute("VACUUM")
    assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
    connection.close()
PYTHON
gzip -9 -n recorded.sqlite killed.sqlite
find . -name '*.lock' -delete
find . -depth -type d -empty -delete
rm -rf "$STREAM_CACHE"
