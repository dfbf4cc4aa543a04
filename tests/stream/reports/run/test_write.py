import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from stream.errors import UserError
from stream.reports.drawing import MAX_NAMED_TASKS
from stream.reports.render import as_svg
from stream.reports.run import write_reports
from stream.reports.run.figures import FIGURES, accuracy_figure, paper_figure
from stream.reports.run.page import page_html
from tests.stream.made_runs import made_results

FILES = {
    *("forgetting.csv", "accuracy_matrix.csv", "size.csv", "tasks.csv", "summary.md", "report.html"),
    *("metrics.csv", "metrics.png", "accuracy.png", "accuracy_matrix.png", "forgetting.png", "growth.png"),
}
MIXED = {"情感分类": "simulated"}
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


class Elements(HTMLParser):
    """Collects tags, attributes and text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.identifiers: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what points somewhere, and identifiers."""
        for name, value in attrs:
            if name in {"src", "href", "xlink:href", "srcset", "action"}:
                self.addresses.append(value or "")
            elif name == "id":
                self.identifiers.append(value or "")

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        self.text.append(data)


def read_page(html: str) -> Elements:
    elements = Elements()
    elements.feed(html)
    return elements


@pytest.mark.parametrize("num_learned", [0, 1, 3])
def test_all_files_at_any_stage(tmp_path: Path, num_learned: int) -> None:
    """A run at any stage leaves the same files, none of them empty, and no temporary one."""
    out = tmp_path / "runs" / "made"
    paths = write_reports(made_results(num_learned=num_learned), out)
    assert {path.name for path in out.iterdir()} == {path.name for path in paths} == FILES
    assert all(path.stat().st_size for path in paths)
    for path in paths:
        assert path.suffix != ".png" or path.read_bytes().startswith(PNG_SIGNATURE)


def test_the_page_shows_what_others_published_apart() -> None:
    """report.html has the sentence and the figures after this run's table, and none of a stand-in."""
    results = made_results(("a", "b"), data={"b": "simulated"})
    published = {"about": "LARGE, hidden set", "splits": {"test": {"adapters, 64": 0.123}}}
    tasks = tuple(replace(task, published=published) for task in results.tasks)
    page = page_html(replace(results, tasks=tasks), bert_base_growth=None)
    text = " ".join(" ".join(read_page(page).text).split())
    assert text.count("Published elsewhere, not comparable with this run: LARGE, hidden set.") == 1
    assert "task adapters, 64 a 0.123" in text
    assert page.count("0.123") == 1


def test_negative_correlations_are_drawn() -> None:
    """The axes of both figures start below a metric of -0.13; without one they start at 0."""
    names = ("a", "b")
    for values, lower in (({(0, 0): -0.13, (1, 0): -0.13}, -0.2), ({}, 0.0)):
        results = made_results(names, values=values)
        (axes,) = paper_figure(results).axes
        assert axes.get_xlim() == pytest.approx((lower, 1.0))
        image = accuracy_figure(results).axes[0].images[0]
        assert image.get_clim() == pytest.approx((lower, 1.0))


def test_every_row_of_the_tasks_has_every_column() -> None:
    """Rows of further test splits and averages are as long as the header, whatever columns there are."""
    for data in ({}, {"b": "simulated"}):
        results = made_results(("a", "b"), data=data)
        tasks = tuple(replace(t, secondary={"f1": 0.5}, further_tests={"mm": 0.5}) for t in results.tasks)
        page = page_html(replace(results, tasks=tasks), bert_base_growth=None)
        table = page.split("<h2>Tasks</h2>")[1].split("</table>")[0]
        widths = {len(re.findall(r"<t[dh][ >]", row)) for row in table.split("<tr")[1:]}
        assert len(widths) == 1


def test_writing_again_gives_the_same_bytes(tmp_path: Path) -> None:
    """Reports of the same results are the same bytes, figures included, and replace the old ones."""
    results = made_results(num_learned=2)
    first = {path.name: path.read_bytes() for path in write_reports(results, tmp_path)}
    second = {path.name: path.read_bytes() for path in write_reports(results, tmp_path)}
    assert first == second


def test_an_unwritable_folder_is_the_users_mistake(tmp_path: Path) -> None:
    """A folder that cannot be made is answered with one sentence that names it and the option."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(
        UserError, match=r"cannot write .*file.*: .*; choose a writable folder with --out"
    ) as caught:
        write_reports(made_results(), tmp_path / "file" / "out")
    assert caught.value.exit_code == 2


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    """A name that cannot be replaced (here a folder) is a UserError and leaves no temporary file."""
    (tmp_path / "forgetting.csv").mkdir()
    with pytest.raises(UserError, match=r"forgetting\.csv"):
        write_reports(made_results(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["forgetting.csv"]


def test_the_page_loads_nothing() -> None:
    """report.html is one file: it points at nothing outside itself, and its identifiers are unique."""
    html = page_html(made_results(), bert_base_growth=1.194)
    page = read_page(html)
    assert page.addresses
    assert all(address.startswith(("#", "data:")) for address in page.addresses)
    assert not re.search(r"@import|url\((?!#)", html)
    assert len(page.identifiers) == len(set(page.identifiers))
    assert {address[1:] for address in page.addresses if address.startswith("#")} <= set(page.identifiers)


def test_the_page_says_what_the_terminal_says() -> None:
    """The headline facts and every task stand on the page."""
    text = " ".join(read_page(page_html(made_results(("alpha", "beta")), bert_base_growth=1.194)).text)
    for expected in ("alpha", "beta", "3 of 3 comparisons equal", "exactly 0 in the only cell", "1.194"):
        assert expected in text


def test_names_cannot_break_the_page() -> None:
    """A task name with markup stays text, in tables and in figures."""
    html = page_html(made_results(["<script>alert(1)</script>", "$x & y_1$"]), bert_base_growth=None)
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_any_task_name_can_be_drawn(tmp_path: Path) -> None:
    """Dollar signs, other scripts and very long names neither fail nor warn."""
    write_reports(made_results(["$\\broken{$", "情感分类", "long " * 60], data=MIXED), tmp_path)


@pytest.mark.parametrize("name", FIGURES)
def test_figures_follow_the_page(name: str) -> None:
    """A figure on the page is well-formed SVG whose lines and text take the page's colours."""
    svg = as_svg(FIGURES[name], made_results(("a", "b")), prefix=name)
    ElementTree.fromstring(svg)
    assert "currentColor" in svg
    assert "<metadata" not in svg


def test_cells_of_long_streams_have_no_numbers() -> None:
    """Up to 25 tasks each cell shows its number; above, only colours and positions are drawn."""
    names = [f"task {position}" for position in range(MAX_NAMED_TASKS + 1)]
    long = accuracy_figure(made_results(names)).axes[0]
    short = accuracy_figure(made_results(names[:3])).axes[0]
    assert len(long.texts) == 0
    assert [text.get_text() for text in short.texts] == [".50", ".50", ".51", ".50", ".51", ".52"]


def test_axes_say_what_they_show() -> None:
    """Every figure with values names its axes."""
    for draw in FIGURES.values():
        axes = draw(made_results()).axes[0]
        assert axes.get_title()
        assert axes.get_xlabel()
