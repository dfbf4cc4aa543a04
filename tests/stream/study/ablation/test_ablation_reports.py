"""The files of an ablation: table, document, heat map, sentences."""

import csv
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from stream.reports.render import as_png, as_svg, as_svg_file
from stream.reports.run.page import page_html
from stream.study.ablation.figure import ablation_figure, changes
from stream.study.ablation.section import ablation_section
from stream.study.ablation.text import ablations_text, task_text
from stream.study.ablation.write import ablation_rows, file_names, write_ablation_reports
from stream.words import signed_percent
from tests.stream.made_ablations import made_ablation
from tests.stream.made_runs import made_results, made_run


def test_the_table_holds_every_span(tmp_path: Path) -> None:
    """One row a span with values, relative changes and what they are relative to; the files are all there."""
    ablations = [made_ablation("a"), made_ablation("b", num_layers=2)]
    paths = write_ablation_reports(made_run("ab"), ablations, tmp_path / "studies")
    assert {path.name for path in paths} == {
        *("ablation.csv", "ablation.md", "ablation-a.png", "ablation-a.svg"),
        *("ablation-b.png", "ablation-b.svg"),
    }
    assert sorted(paths) == sorted((tmp_path / "studies").iterdir())
    with (tmp_path / "studies/ablation.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6 + 3
    last = rows[2]
    assert (last["task"], last["first_layer"], last["last_layer"]) == ("a", "0", "2")
    assert float(last["value"]) == pytest.approx(0.5)
    assert float(last["relative_change"]) == pytest.approx(-0.375)
    assert (last["value_without_removal"], last["majority_class"], last["notes"]) == ("0.8", "0.4", "")


def test_empty_cells_say_why() -> None:
    """An undefined value, a missing whole, no classes, and several plans each have a note."""
    undefined = made_ablation(values={(0, 0): None}, majority_class=None, plans=("p", "q"))
    (row,) = ablation_rows([undefined])
    assert row[5] is None
    assert "value undefined" in str(row[-1])
    assert "there are no classes" in str(row[-1])
    assert "several evaluation plans" in str(row[-1])
    (row,) = ablation_rows([made_ablation(value=None, values={(0, 0): 0.5})])
    assert "value_without_removal empty" in str(row[-1])
    (row,) = ablation_rows([made_ablation(value=0.0, values={(0, 0): 0.5})])
    assert "the value without removal is 0" in str(row[-1])


def test_the_document_names_what_stays_and_what_the_paper_says(tmp_path: Path) -> None:
    """ablation.md holds the table, the single layers, the paper's figures and the pictures."""
    write_ablation_reports(made_run("a"), [made_ablation("a")], tmp_path)
    text = (tmp_path / "ablation.md").read_text(encoding="utf-8")
    assert "layer norms and head stay as they are" in text
    assert "| a | real | 100 | accuracy | 0.800 | 0 (-12.5 %) | 0.500 (-37.5 %) | 0.400 (-50.0 %) |" in text
    assert "| a | -12.5 % | -12.5 % | -12.5 % |" in text
    assert "Houlsby et al. 2019" in text
    assert "![a](ablation-a.png)" in text


def test_the_heat_map_is_the_upper_triangle() -> None:
    """First layers are rows, last ones columns; below the diagonal there is nothing."""
    cells = changes(made_ablation(num_layers=3))
    assert np.isnan(cells[np.tril_indices(3, -1)]).all()
    assert cells[0] == pytest.approx([-0.125, -0.25, -0.375])
    assert cells[2, 2] == pytest.approx(-0.125)


def test_the_heat_map_marks_single_layers_and_the_majority_class() -> None:
    """A frame a layer, and a line on the scale at the majority class where there is one."""
    axes, bar = ablation_figure(made_ablation(num_layers=3)).axes
    assert len(axes.patches) == 3
    assert [list(line.get_ydata()) for line in bar.lines] == [[pytest.approx(-0.5)] * 2]
    assert {text.get_text() for text in axes.texts} == {"-12.5", "-25.0", "-37.5"}
    low, high = axes.images[0].get_clim()
    assert low == -high
    assert low < -0.5
    assert not ablation_figure(made_ablation(majority_class=None)).axes[1].lines


def test_one_layer_and_many_layers_are_drawn() -> None:
    """A single adapter layer is a map of one cell; above 25 layers cells have no numbers."""
    assert len(ablation_figure(made_ablation(num_layers=1)).axes[0].texts) == 1
    many = made_ablation(num_layers=26, values={(0, 0): 0.5})
    assert not ablation_figure(many).axes[0].texts


def test_without_a_change_the_figure_says_so() -> None:
    """Undefined values leave a figure with a sentence."""
    (axes,) = ablation_figure(made_ablation(value=None)).axes
    assert "undefined" in axes.texts[0].get_text()


def test_the_svg_file_stands_alone() -> None:
    """Well-formed, with text as text and a white background; inside a page it has the page's colours."""
    content = as_svg_file(ablation_figure, made_ablation("doll$r & <co>"))
    root = ElementTree.fromstring(content)
    assert "doll$r & <co>: accuracy without adapters" in "".join(root.itertext())
    assert b"currentColor" not in content
    assert b"#ffffff" in content
    assert content == as_svg_file(ablation_figure, made_ablation("doll$r & <co>"))
    assert "currentColor" in as_svg(ablation_figure, made_ablation(), "x")
    assert as_png(ablation_figure, made_ablation()).startswith(b"\x89PNG")


def test_a_sentence_a_task_and_one_for_a_run() -> None:
    """One task is told whole; of several the costliest layer and the range of losing all."""
    one = made_ablation("a")
    assert task_text(one) == (
        "accuracy 0.800 with all adapters, at most -12.5 % without those of one layer (0), "
        "0.500 (-37.5 %) without any, majority class 0.400 (-50.0 %)"
    )
    assert ablations_text([one]) == f"a: {task_text(one)}"
    other = made_ablation("b", num_layers=2)
    text = ablations_text([one, other])
    assert "validation of 2 tasks, nothing trained again" in text
    assert text.endswith(
        "at most -12.5 % without those of one layer (a, layer 0), -37.5 % to -25.0 % without any"
    )
    begun = made_ablation(values={(0, 0): 0.7}, num_layers=3)
    assert task_text(begun).endswith("1 of 6 spans measured so far")


def test_the_page_has_the_section_only_where_there_is_one() -> None:
    """report.html shows the sentence and the map of each task; names are escaped."""
    results = made_results(("a", "b"))
    assert "<h2>Ablation</h2>" not in page_html(results, bert_base_growth=None)
    section = ablation_section([made_ablation("<b>a</b>")])
    page = page_html(results, bert_base_growth=None, sections=[section])
    assert "<h2>Ablation</h2>" in page
    assert "&lt;b&gt;a&lt;/b&gt;: accuracy 0.800 with all adapters" in page
    assert "<b>a</b>" not in page.split("<h2>Ablation</h2>")[1].split("<h2>Size</h2>")[0]


def test_percents_have_a_sign_unless_they_round_to_nothing() -> None:
    """A minus before nothing would look like a loss."""
    assert [signed_percent(x) for x in (-0.0123, 0.00449, 0.0, -0.0004)] == ["-1.2 %", "+0.4 %", "0 %", "0 %"]


def test_every_name_has_a_file_of_its_own() -> None:
    """Names that differ in forbidden letters only, and long ones, are told apart."""
    assert file_names("x", ["a/b", "a b", "c", "a?b"]) == ("x-a-b", "x-a-b-2", "x-c", "x-a-b-3")
    long = file_names("x", ["n" * 300, "n" * 300 + "m"])
    assert len(set(long)) == 2
    assert all(len(name) < 100 for name in long)
