import subprocess
import sys

import pytest

from tasks import Network
from tasks.__main__ import main


def lines_of(capsys):
    return capsys.readouterr().out.splitlines()


def test_without_a_suite_all_are_listed(capsys):
    """Name, number of tasks and title; and how to see one."""
    assert main([]) == 0
    rows = [line.split() for line in lines_of(capsys)]
    assert ["additional17", "17", "tasks:"] in [row[:3] for row in rows]


def test_offline_every_task_is_shown_as_simulated(capsys, offline):
    """17 rows with the paper's sizes, within 100 columns, and why there is no data."""
    assert main(["additional17"], network=offline) == 0
    lines = lines_of(capsys)
    rows = [line.split() for line in lines if line[:2].strip().isdigit() and "simulator" in line]
    assert [int(row[0]) for row in rows] == [*range(1, 18)]
    assert rows[0] == ["1", "20-newsgroups", "simulated", "simulator", *["15076/1885/1885"] * 2, "20"]
    assert max(map(len, lines)) <= 100
    assert any("no data home is given" in line for line in lines)


def test_files_of_a_data_home_are_shown_with_their_caveats(capsys, tmp_path, offline):
    """Status, origin, expected sizes beside the paper's, and the card's notes."""
    (tmp_path / "customer_complaints_partial.csv").write_text("x")
    assert main(["additional17", "--data-home", str(tmp_path)], network=offline) == 0
    lines = lines_of(capsys)
    row = next(line for line in lines if line.startswith("15  customer-complaints"))
    assert row.split()[2:] == ["partial", "data", "home", "4282/535/536", "146667/18333/18334", "111/157"]
    output = " ".join(word for line in lines for word in line.split())
    assert "17 tasks: 1 partial, 16 simulated." in output
    assert "customer-complaints: partial copy: 5353 narratives" in output
    assert "is not the pinned copy" in output


def test_a_suite_of_ones_own_is_shown(capsys, make_card, offline):
    """What a card does not say is a dash."""
    card = make_card("text,label\na,x\n")
    assert main([str(card.folder / "mine.toml")], network=offline) == 0
    row = next(line for line in lines_of(capsys) if "small" in line)
    assert row.split() == ["1", "small", "real", "data", "home", "-", "-", "-"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["aditional17"], "unknown suite 'aditional17'; did you mean 'additional17'"),
        (
            ["xyz"],
            "unknown suite 'xyz'; known: additional17, glue, glue-labelled, squad, simulated:COUNT. A suite",
        ),
        (["nowhere.toml"], "the suite file nowhere.toml does not exist"),
        (["additional17", "--data-home", "/nowhere"], "the data home is /nowhere, which is not a folder"),
        (["additional17", "--data", "real"], "task '20-newsgroups' has no data"),
    ],
)
def test_a_mistake_ends_with_exit_code_2_and_one_sentence(capsys, arguments, sentence, offline):
    """One line on standard error, nothing on standard output, no traceback."""
    assert main(arguments, network=offline) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(f"error: {sentence}")
    assert shown.err.count("\n") == 1


def test_the_command_runs_as_a_module():
    """`python -m tasks` works without importing the data library."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "tasks"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "additional17" in done.stdout
    assert "datasets" not in {line.split("|")[-1].strip() for line in done.stderr.splitlines()}


def test_the_network_is_asked_anew_by_each_command(capsys):
    """A verdict is not carried over to the next command."""
    asked = []
    for _ in range(2):
        main(["additional17"], network=Network(answers=lambda host: bool(asked.append(host))))
    assert len(asked) == 4
