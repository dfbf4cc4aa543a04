"""The files of a comparison: CSV, Markdown, HTML, figures, and the lines on the terminal."""

import csv
import re
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from db.records import Regime
from stream.compare.report import plain_lines, write_method_reports
from stream.compare.report.definitions import groups_note
from stream.compare.report.figures import (
    FIGURES,
    accuracy_parameters_figure,
    figures_of,
    forgetting_figure,
    growth_figure,
)
from stream.compare.report.layout import (
    PAPER_NUM_TASKS,
    PAPER_TOTAL_PARAMS,
    PAPER_TRAINED_FRACTION,
    Grid,
    GridRow,
    grid_of,
)
from stream.compare.report.markdown import methods_markdown
from stream.compare.report.page import methods_html
from stream.compare.report.plain import WIDTH
from stream.compare.table import MethodTable
from stream.compare.tabulation import method_table
from tests.stream.made_methods import five_methods, made_method

FILES = {
    *("compare.csv", "compare_table.csv", "compare.md", "compare.html"),
    *("accuracy_parameters.png", "growth.png", "forgetting.png"),
}
VALUES = (0.8, 0.7, 0.6)


@pytest.fixture(scope="module")
def table() -> MethodTable:
    """Five methods over three real tasks."""
    return method_table(five_methods())


@pytest.fixture(scope="module")
def written(table: MethodTable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of their comparison."""
    folder = tmp_path_factory.mktemp("compare")
    write_method_reports(table, folder)
    return folder


def row_of(grid: Grid, title: str) -> GridRow:
    """The row of that title."""
    return next(row for row in grid.rows if row.title == title)


def texts(figure: Figure) -> str:
    """All text of a figure."""
    legend = [text.get_text() for box in figure.legends for text in box.get_texts()]
    axes = [t for a in figure.axes for t in (a.get_title(), a.get_xlabel(), a.get_ylabel())]
    inside = [text.get_text() for a in figure.axes for text in a.texts]
    return " | ".join([*legend, *axes, *inside])


def test_every_file_is_written(written: Path) -> None:
    """The same seven files, none of them empty."""
    assert {path.name for path in written.iterdir()} == FILES
    assert all(path.stat().st_size for path in written.iterdir())


def test_writing_again_gives_the_same_bytes(table: MethodTable, written: Path, tmp_path: Path) -> None:
    """A comparison of the same runs is the same bytes, figures included."""
    for path in write_method_reports(table, tmp_path):
        assert path.read_bytes() == (written / path.name).read_bytes()


def test_the_long_file_has_a_row_per_task_and_run(written: Path) -> None:
    """Values, errors and marks can be read back by column."""
    with (written / "compare.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 15
    assert [row["method"] for row in rows if row["best"] == "true"] == ["fine-tune", "joint", "joint"]
    first = rows[2]
    assert (first["task"], first["value"], first["value_when_learned"]) == ("a", "0.5", "0.9")
    assert float(first["standard_error"]) == pytest.approx(0.158, abs=0.001)
    assert (rows[3]["regime"], rows[3]["forgetting"]) == ("joint", "")
    assert "forgetting empty" in rows[3]["notes"]
    assert rows[4]["trained_fraction"] == ""


def test_the_wide_file_is_the_printed_table(written: Path) -> None:
    """One column per run beside the paper's; unknown values are empty, none is 0."""
    with (written / "compare_table.csv").open(newline="") as file:
        rows = {row["row"]: row for row in csv.DictReader(file)}
    assert list(rows["a"])[:6] == [
        *("row", "data", "paper_no_bert", "paper_fine_tuning", "paper_variable_fine_tuning"),
        "paper_adapters",
    ]
    assert float(rows["average of 3"]["houlsby"]) == pytest.approx(0.7)
    assert (rows["total parameters"]["no-bert"], rows["proof"]["no-bert"]) == ("", "")
    assert rows["forgetting"]["joint"] == ""


def test_markdown_marks_the_best(written: Path) -> None:
    """The best of a row among our runs is bold, the paper's figures never are."""
    text = (written / "compare.md").read_text()
    assert "| a | real | 0.700 | 0.850 | 0.830 | 0.800 | 0.800 | **0.900** | 0.500 | 0.850 | 0.700 |" in text
    assert "| *total parameters* |" in text
    assert all(f"({name}.png)" in text for name in FIGURES)


def test_the_page_loads_nothing(written: Path) -> None:
    """compare.html holds its figures and style; no address leads out of it."""
    page = (written / "compare.html").read_text()
    assert page.count("<svg") == len(FIGURES)
    assert not re.findall(r'(?:src|href)="(?!#|data:)', page)
    assert '<td class="best"' in page
    identifiers = re.findall(r'\bid="([^"]+)"', page)
    assert len(identifiers) == len(set(identifiers))


def test_names_are_escaped() -> None:
    """A run's name is text, wherever it stands."""
    runs = [made_method("houlsby", VALUES, name="<b>|x"), made_method("houlsby", VALUES, name="y")]
    table = method_table(runs)
    assert "<b>|x" not in methods_html(table, grid_of(table))
    assert "houlsby (<b>\\|x)" in methods_markdown(table, grid_of(table))


@pytest.mark.parametrize("num_methods", [1, 5, 14])
def test_lines_fit_the_terminal(num_methods: int) -> None:
    """However many runs there are, no line is wider than a block, and each run is shown once."""
    runs = [
        made_method("houlsby", VALUES, name=f"additional17-houlsby-{i}") if i else made_method("lora", VALUES)
        for i in range(num_methods)
    ]
    table = method_table(runs)
    lines = list(plain_lines(grid_of(table), table.notes))
    assert max(map(len, lines)) <= WIDTH
    assert sum(line.count("0.700") for line in lines if line.startswith("b ")) == num_methods + 1


def test_the_terminal_marks_the_best(table: MethodTable) -> None:
    """A star stands behind the best value of a row."""
    line = next(line for line in plain_lines(grid_of(table), ()) if line.startswith("a "))
    assert line.split()[-4:] == ["0.800", "0.900*", "0.500", "0.850"]


def test_columns_without_a_value_are_left_out() -> None:
    """Simulated tasks have a bound and no figure of the paper; real ones the other way round."""
    simulated = grid_of(method_table([made_method("lora", VALUES, data=dict.fromkeys("abc", "simulated"))]))
    assert [column.key for column in simulated.columns] == ["bayes_accuracy", "lora"]
    real = grid_of(method_table([made_method("lora", VALUES)]))
    assert "bayes_accuracy" not in [column.key for column in real.columns]


def test_the_papers_sizes_stand_beside_its_own_tasks_only() -> None:
    """Its 17x and 1.19x are about 17 tasks, and are not shown beside three."""
    names = tuple(f"task-{i}" for i in range(PAPER_NUM_TASKS))
    all_tasks = grid_of(method_table([made_method("lora", [0.5] * len(names), names=names)]))
    three = grid_of(method_table([made_method("lora", VALUES)]))
    for title, published in (
        ("total parameters", PAPER_TOTAL_PARAMS),
        ("trained per task", PAPER_TRAINED_FRACTION),
    ):
        assert tuple(cell.value for cell in row_of(all_tasks, title).cells[:4]) == published
        assert [cell.text for cell in row_of(three, title).cells[:4]] == [""] * 4


def test_facts_of_a_run_without_a_backbone_are_a_dash(table: MethodTable) -> None:
    """Total and trained parameters do not apply to no-bert."""
    grid = grid_of(table)
    assert row_of(grid, "total parameters").cells[-1].text == "-"
    assert row_of(grid, "trained per task").cells[-1].text == "-"
    assert row_of(grid, "total parameters").cells[4].text == "1.30x"


def test_accuracy_is_relative_to_fine_tuning(table: MethodTable) -> None:
    """With a fine-tune run values are differences from it, without one absolute, and the axis says which."""
    with_it = accuracy_parameters_figure(table)
    assert "minus that of fine-tune" in texts(with_it)
    assert "no-bert (no backbone; band 20/80 %)" in texts(with_it)
    assert "3 complete real tasks" in texts(with_it)
    marks = {c.get_label(): c.lines[0].get_ydata()[0] for c in with_it.axes[0].containers}
    assert marks["fine-tune"] == 0.0
    assert marks["houlsby"] == pytest.approx(0.0)  # median of -0.1, 0.1 and 0
    assert marks["joint"] == pytest.approx(0.05)
    without = accuracy_parameters_figure(method_table([made_method("lora", VALUES)]))
    assert "no fine-tune run" in texts(without)
    assert without.axes[0].containers[0].lines[0].get_ydata()[0] == pytest.approx(0.7)


def test_marks_never_coincide(table: MethodTable) -> None:
    """Runs that train equally many parameters stand side by side."""
    places = [c.lines[0].get_xdata()[0] for c in accuracy_parameters_figure(table).axes[0].containers]
    assert len(set(places)) == len(places)


def test_growth_leaves_pipelines_out(table: MethodTable) -> None:
    """Every run with a backbone has a curve that ends at its counted factor."""
    shown = texts(growth_figure(table))
    assert "houlsby: 1.30x" in shown
    assert "no-bert" not in shown


def test_forgetting_shows_the_sharing_run_beside_the_isolated_one(table: MethodTable) -> None:
    """The first run of each kind is drawn, on one scale."""
    figure = forgetting_figure(table)
    panels = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in panels] == ["sequential", "houlsby"]
    assert len({axes.images[0].get_clim() for axes in panels}) == 1


@pytest.mark.parametrize(
    "runs",
    [
        [made_method("no-bert", VALUES, regime=Regime.SEPARATE)],
        [made_method("joint", VALUES, regime=Regime.JOINT)],
        [made_method("houlsby", VALUES[:1], names=("a",)), made_method("lora", VALUES[:1], names=("b",))],
        [made_method("houlsby", ()), made_method("lora", VALUES)],
        [made_method("sequential", VALUES, drop=0.1)],
    ],
)
def test_odd_comparisons_are_drawn(runs: list) -> None:
    """Runs without forgetting, growth or a common task have those figures that show something."""
    table = method_table(runs)
    for draw in figures_of(table).values():
        assert any(axes.has_data() for axes in draw(table).axes)
    assert len(figures_of(table)) < len(FIGURES) or runs[0].run.method == "sequential"
    assert list(plain_lines(grid_of(table), table.notes))


def apart() -> MethodTable:
    """A run of two tasks beside two runs of another one."""
    return method_table(
        [
            made_method("houlsby", VALUES[:2], names=("a", "b"), name="one"),
            made_method("houlsby", VALUES[:1], names=("c",), name="two"),
            made_method("lora", VALUES[:1], names=("c",), name="three"),
        ]
    )


def test_runs_of_other_tasks_are_told_apart_first() -> None:
    """Above the table stands which runs share tasks, and how one of these groups is chosen."""
    table = apart()
    note = groups_note(table)
    assert note is not None
    assert "Runs that share tasks: one; two, three (--runs two,three shows one of these groups" in note
    text = methods_markdown(table, grid_of(table))
    assert text.index(note) < text.index("| task |")
    page = methods_html(table, grid_of(table))
    assert page.index(note) < page.index("<table>")


def test_runs_that_share_a_task_are_not_told_apart(table: MethodTable) -> None:
    """One task in all runs is enough for a comparison, and so is one run."""
    assert groups_note(table) is None
    assert groups_note(method_table([made_method("houlsby", VALUES)])) is None
    assert groups_note(method_table([made_method("houlsby", ())])) is None


def test_groups_may_overlap() -> None:
    """Of three runs in a chain the first two can be compared, and the last two."""
    pairs = (("a", "b"), ("b", "c"), ("c", "d"))
    runs = [made_method("lora", VALUES[:2], names=pair, name="".join(pair)) for pair in pairs]
    assert method_table(runs).groups == ((0, 1), (1, 2))


def test_no_empty_figure_is_left(table: MethodTable, tmp_path: Path) -> None:
    """What would be empty is neither drawn nor left over from an earlier comparison."""
    write_method_reports(table, tmp_path)
    written = {path.name for path in write_method_reports(apart(), tmp_path)}
    assert {path.name for path in tmp_path.iterdir()} == written == FILES - {"accuracy_parameters.png"}
    assert "accuracy_parameters" not in (tmp_path / "compare.md").read_text()


def test_files_of_an_earlier_comparison_are_removed_and_no_others(table: MethodTable, tmp_path: Path) -> None:
    """What this comparison does not write goes where there was one before; the files of a run stay."""
    earlier, of_a_run, first = (tmp_path / name for name in ("earlier", "of-a-run", "first"))
    for folder in (earlier, of_a_run):
        write_method_reports(table, folder)
    first.mkdir()
    (of_a_run / "tasks.csv").touch()
    for folder in (earlier, of_a_run, first):
        for name in ("seeds.csv", "candidates.csv", "mine.csv"):
            (folder / name).touch()
        write_method_reports(table, folder)
    assert {path.name for path in earlier.iterdir()} == FILES | {"mine.csv"}
    assert {path.name for path in of_a_run.iterdir()} == FILES | {"tasks.csv", "candidates.csv", "mine.csv"}
    assert {path.name for path in first.iterdir()} == FILES | {"seeds.csv", "candidates.csv", "mine.csv"}
