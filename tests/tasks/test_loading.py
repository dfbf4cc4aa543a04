import dataclasses
import hashlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import tasks.simulated.texts
from tasks import (
    DataError,
    DataMode,
    DataStatus,
    DownloadError,
    Limits,
    Network,
    TaskKind,
    TrainingOverrides,
    UnreachableError,
    load_task,
    open_suite,
)

ROWS = [(f"text number {number}", "xy"[number % 2]) for number in range(50)]


def csv_of(rows):
    """A CSV file of (text, label) rows."""
    return "text,label\n" + "".join(f"{text},{label}\n" for text, label in rows)


def examples(task):
    """All (text, class name) rows of a task."""
    return [
        (text, task.labels[label])
        for split in (task.train, task.valid, task.test)
        for text, label in zip(split.texts, split.labels, strict=True)
    ]


def test_a_task_holds_every_row_once(make_card):
    """40, 5 and 5 of 50 rows, each with its own label, and classes in sorted order."""
    task = load_task(make_card(csv_of(ROWS)))
    assert (len(task.train), len(task.valid), len(task.test)) == (40, 5, 5)
    assert (task.labels, task.data, task.notes) == (("x", "y"), DataStatus.REAL, ())
    assert sorted(examples(task)) == sorted(ROWS)


def test_row_order_does_not_change_the_task(make_card):
    """Reversed rows give an equal task, fingerprint included."""
    assert load_task(make_card(csv_of(ROWS))) == load_task(make_card(csv_of(ROWS[::-1])))


def test_limits_keep_the_first_examples_of_each_split(make_card):
    """A cap is a prefix, and the classes stay those of all rows."""
    card = make_card(csv_of(ROWS))
    whole, capped = load_task(card), load_task(card, limits=Limits(max_train=1, max_valid=2, max_test=3))
    assert (len(capped.train), len(capped.valid), len(capped.test)) == (1, 2, 3)
    assert capped.test.texts == whole.test.texts[:3]
    assert capped.labels == whole.labels
    assert capped.fingerprint != whole.fingerprint


@pytest.mark.parametrize("limits", [Limits(max_train=0), Limits(max_valid=-1), Limits(max_test=0)])
def test_a_cap_below_one_is_refused(make_card, limits):
    """No split can be capped to nothing."""
    with pytest.raises(DataError, match="a cap must be 1 or more"):
        load_task(make_card(csv_of(ROWS)), limits=limits)


def test_the_split_seed_moves_examples(make_card):
    """Another seed gives another test split of the same rows."""
    card = make_card(csv_of(ROWS))
    one, two = load_task(card, split_seed=0), load_task(card, split_seed=1)
    assert sorted(examples(one)) == sorted(examples(two))
    assert one.test.texts != two.test.texts


def test_given_splits_are_kept_and_overlap_is_counted(make_card, tmp_path):
    """A test file of the user's stays whole; training texts found in it are noted with their number."""
    (tmp_path / "test.csv").write_text(csv_of([*ROWS[:3], ("new", "x")]))
    task = load_task(make_card(csv_of(ROWS[:3] * 2 + ROWS[3:48]), 'test = "test.csv"'))
    assert (len(task.train), len(task.valid), len(task.test)) == (45, 6, 4)
    shared = len(set(task.train.texts) & set(task.test.texts))
    assert shared > 0
    assert f"texts of the test file that also stand in the training split: {shared}" in task.notes
    assert "no valid file is given: one row in nine of the training file was split off" in task.notes


def test_pairs_stay_together(make_card):
    """Second segments follow their texts through splitting and capping."""
    content = "p\th\tl\n" + "".join(f"premise {n}\thypothesis {n}\t{n % 2}\n" for n in range(30))
    card = make_card(content, 'text = ["p", "h"]', 'label = "l"', file="rows.tsv", columns=False)
    test = load_task(card).test
    assert [text.split()[1] for text in test.texts] == [pair.split()[1] for pair in test.pairs]


@pytest.mark.parametrize(
    ("rows", "lines", "sentence"),
    [
        (
            [(text, "x") for text, _ in ROWS],
            [],
            "have the one label 'x'; a classification task needs at least 2",
        ),
        (ROWS, ['drop = ["x"]'], "have the one label 'y'"),
        (ROWS, ['drop = ["x", "y"]'], "no row of rows.csv is left after drop"),
        (ROWS[:3], [], "3 rows with too few different texts leave the valid split empty"),
    ],
)
def test_rows_that_make_no_task_are_refused(make_card, rows, lines, sentence):
    """One class, no rows or too few give one sentence that names the task."""
    with pytest.raises(DataError, match=sentence) as caught:
        load_task(make_card(csv_of(rows), *lines))
    assert "task 'small'" in str(caught.value)


@pytest.mark.parametrize("split", ["test", "valid"])
def test_a_label_unseen_in_training_is_refused_in_a_given_file(make_card, tmp_path, split):
    """The sentence names the label, both files and the labels there are."""
    (tmp_path / "more.csv").write_text(csv_of([*ROWS[:3], ("new", "z")]))
    sentence = "label 'z' of more.csv never occurs in rows.csv, whose labels are x, y; correct it"
    with pytest.raises(DataError, match=sentence):
        load_task(make_card(csv_of(ROWS), f'{split} = "more.csv"'))


def test_a_few_unseen_labels_of_a_given_file_are_kept_and_noted(make_card, tmp_path):
    """One row in 21 with a label that training lacks stays a row, and its class a class."""
    (tmp_path / "more.csv").write_text(csv_of([*ROWS[:20], ("new", "z")]))
    task = load_task(make_card(csv_of(ROWS), 'test = "more.csv"'))
    assert (task.labels, len(task.test)) == (("x", "y", "z"), 21)
    assert "classes too rare to occur in the training split: z" in task.notes


def test_a_tasks_own_caps_and_settings_are_carried_along(make_card):
    """The smaller of both caps holds; epochs and rate stand in the task as the file has them."""
    card = make_card(csv_of(ROWS), "max_train = 7", "max_test = 4", "epochs = 3", "learning_rate = 5e-4")
    task = load_task(card, limits=Limits(max_train=9, max_valid=3, max_test=2))
    assert (len(task.train), len(task.valid), len(task.test)) == (7, 3, 2)
    assert task.overrides == TrainingOverrides(num_epochs=3, learning_rate=5e-4)
    assert task.kind is TaskKind.CLASSIFICATION


def test_a_rare_class_may_miss_from_training_and_is_noted(make_card):
    """A class of one row that our own split puts elsewhere stays a class."""
    rare = [(f"rare {number}", f"z{number}") for number in range(20)]
    task = load_task(make_card(csv_of(ROWS + rare)))
    missing = set(task.labels) - {task.labels[label] for label in task.train.labels}
    assert missing
    assert any(note.startswith("classes too rare to occur in the training split: ") for note in task.notes)


def test_differences_from_the_card_and_the_paper_are_noted(make_card):
    """Rows, classes and class counts are compared; blank texts are counted."""
    figures = dataclasses.asdict(open_suite("additional17").cards[1].paper)
    card = make_card(
        csv_of([*ROWS, ("", "x")]),
        "num_rows = 50", "num_labels = 3", 'notes = ["a caveat"]', "class_counts = {x = 25, y = 25}",
        "[task.paper]", *(f"{name} = {value}" for name, value in figures.items()),
    )  # fmt: skip
    assert load_task(card).notes == (
        "a caveat",
        "51 rows where the card expects 50",
        "2 classes where the card expects 3",
        "class counts differ from the card's for x",
        "the paper's own splits are unpublished: these are others, in its proportions",
        "51 rows where the paper has 14640",
        "2 classes where the paper has 3",
        "blank texts, kept: 1",
    )


def test_a_missing_file_becomes_a_stand_in_in_mode_auto(offline):
    """The simulated task says why, and is not called real."""
    card = open_suite("additional17").select(["progressive-opinion"]).cards[0]
    task = load_task(card, limits=Limits(max_train=5, max_valid=5, max_test=5), network=offline)
    assert task.data is DataStatus.SIMULATED
    assert any("raw.githubusercontent.com cannot be reached" in note for note in task.notes)
    with pytest.raises(DataError, match="has no data"):
        load_task(card, mode=DataMode.REAL, network=offline)


def test_mode_simulated_reads_nothing(make_card, monkeypatch):
    """The card alone is handed to the simulator, with limits and seed."""
    asked = []
    real = load_task(make_card(csv_of(ROWS)))

    def stand_in(card, *, limits, seed):
        asked.append((card.name, limits, seed))
        return real

    monkeypatch.setattr("tasks.simulated.stand_in.stand_in", stand_in)
    card = make_card("")
    load_task(card, mode=DataMode.SIMULATED, limits=Limits(max_test=3), split_seed=4)
    assert asked == [("small", Limits(max_test=3), 4)]


def shipped(content):
    """A card as shipped suites have them, whose download should have this content."""
    card = open_suite("additional17").select(["progressive-opinion"]).cards[0]
    return dataclasses.replace(
        card, train="rows.csv", text=("text",), label="label", map={}, encoding="utf-8",
        sha256=hashlib.sha256(content).hexdigest(),
    )  # fmt: skip


def test_a_download_is_fetched_once_and_kept():
    """The second load takes the file from the cache, without network."""
    content, fetched = csv_of(ROWS).encode(), []

    def fetch(url: str, target: Path) -> None:
        fetched.append(url)
        target.write_bytes(content)

    network = Network(answers=lambda host: True, fetch=fetch)
    first = load_task(shipped(content), network=network)
    assert first.data is DataStatus.REAL
    assert load_task(shipped(content), network=Network(answers=lambda host: False)) == first
    assert len(fetched) == 1


@pytest.mark.parametrize("mode", [DataMode.AUTO, DataMode.REAL])
def test_a_truncated_download_stops_in_every_mode(mode):
    """A stand-in would hide that something is wrong with the download."""
    content = csv_of(ROWS).encode()
    network = Network(answers=lambda host: True, fetch=lambda url, target: target.write_bytes(content[:-5]))
    with pytest.raises(DownloadError, match="is not the pinned file"):
        load_task(shipped(content), mode=mode, network=network)


def test_a_host_that_hands_nothing_out_gives_a_stand_in(monkeypatch):
    """A file that is gone from its host is like no network; mode real says so."""

    def fetch(url: str, target: Path) -> None:
        raise UnreachableError("the download failed (404)")

    network = Network(answers=lambda host: True, fetch=fetch)
    card = shipped(b"")
    task = load_task(card, network=network, limits=Limits(max_train=5, max_valid=5, max_test=5))
    assert (task.data, task.notes[-1]) == ("simulated", "simulated stand-in: the download failed (404)")
    with pytest.raises(UnreachableError):
        load_task(card, mode=DataMode.REAL, network=network)


def test_a_hub_data_set_becomes_a_task(make_card, monkeypatch, tmp_path):
    """Rows of the hub are split like rows of a file."""
    import datasets

    texts, labels = zip(*ROWS, strict=True)
    monkeypatch.setattr(
        datasets, "load_dataset", lambda *a, **k: datasets.Dataset.from_dict({"text": texts, "label": labels})
    )
    toml = '[[task]]\nname="small"\nhub="owner/name"\nrevision="abc"\ntext="text"\nlabel="label"'
    (tmp_path / "hub.toml").write_text(toml)
    from_hub = load_task(
        open_suite(str(tmp_path / "hub.toml")).cards[0], network=Network(answers=lambda host: True)
    )
    assert from_hub == load_task(make_card(csv_of(ROWS)))


def test_loading_imports_no_torch(make_card):
    """A process that loads a task has no torch and no transformers in memory."""
    card = make_card(csv_of(ROWS))
    program = (
        "import sys; from tasks import load_task, open_suite;"
        f"load_task(open_suite({str(card.folder / 'mine.toml')!r}).cards[0]);"
        "assert 'pandas' in sys.modules;"
        "sys.exit(' '.join({'torch', 'transformers', 'sqlalchemy', 'rich'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_public_names_are_complete():
    """`tasks.__all__` is sorted and everything in it exists."""
    assert list(tasks.__all__) == sorted(tasks.__all__)
    assert all(hasattr(tasks, name) for name in tasks.__all__)


def test_the_shipped_suites_are_packaged():
    """Suite files are declared as package data."""
    root = Path(__file__).parents[2]
    packaged = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"][
        "tasks"
    ]
    assert "suites/*.toml" in packaged
