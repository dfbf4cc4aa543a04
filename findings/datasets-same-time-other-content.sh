#!/usr/bin/env bash
# datasets 5.2.0: a local file that was replaced is read from the prepared table of the old one, if its time is equal.
#
# Input: two CSV files of different content and size, one after the other under the same path, each with the same
# time of modification (as `cp -p`, `rsync -t`, archives and build tools leave it).
# Expected: the second load gives the second file's rows.
# Seen: it gives the first file's, without a word: the prepared table is keyed by path and time, not by content or size.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q datasets==5.2.0 pyarrow==26.0.1 pandas==3.1.1 numpy==2.4.6
cd "$folder"
HF_HOME="$folder/home" HF_HUB_OFFLINE=1 env/bin/python - <<'PY'
import os
from pathlib import Path

from datasets import load_dataset


def read(rows: list[str]) -> list:
    file = Path("data.csv")
    file.write_text("text,label\n" + "".join(f"{row},x\n" for row in rows), encoding="utf-8")
    os.utime(file, (1_700_000_000, 1_700_000_000))
    return load_dataset("csv", data_files="data.csv", split="train")["text"][:]


first, second = read(["cat", "dog"]), read(["sun", "fog", "rain"])
print("first :", first)
print("second:", second)
assert first == ["cat", "dog"]
assert second != ["sun", "fog", "rain"], "the second file's rows come now: the behaviour changed"
assert second == ["cat", "dog"]
PY
