"""The files of a latency study: table, document, heat maps, sentences."""

import csv
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from stream.study.latency.figure import latency_figure, overheads
from stream.study.latency.text import latency_lines
from stream.study.latency.write import write_latency_reports
from tests.stream.made_latencies import made_latency, made_latency_study


def test_the_files_hold_every_cell(tmp_path: Path) -> None:
    """A row a method, size, batch and length with quartiles, milliseconds and what it was measured on."""
    paths = write_latency_reports(made_latency_study(), tmp_path)
    assert sorted(paths) == sorted(tmp_path.iterdir())
    assert {path.name for path in paths} == {f"latency.{e}" for e in ("csv", "md", "png", "svg")}
    with (tmp_path / "latency.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8
    first, last = rows[0], rows[-1]
    assert (first["method"], first["adapter_size"], first["num_pairs"]) == ("houlsby", "8", "2")
    assert float(first["overhead"]) == pytest.approx(0.25)
    assert float(first["milliseconds"]) == pytest.approx(37.5)
    assert (first["device"], first["num_threads"]) == ("cpu made", "1")
    assert (last["method"], last["adapter_size"], float(last["overhead"])) == ("lora", "", 0.0)
    assert "merged" in last["notes"]
    assert "lora, merged" in "".join(ElementTree.parse(tmp_path / "latency.svg").getroot().itertext())


def test_the_document_stands_beside_the_published_figures(tmp_path: Path) -> None:
    """latency.md has a table a method and size, the published overheads, and what was measured on what."""
    write_latency_reports(made_latency_study(), tmp_path)
    text = (tmp_path / "latency.md").read_text(encoding="utf-8")
    assert "**houlsby, size 8**" in text
    assert "| 1 | +25.0 % (+25.0 to +25.0) | +25.0 % (+25.0 to +25.0) |" in text
    assert "+20.7 % for Adapter-L, +30.3 % for Adapter-H" in text
    assert "minilm in float32 on cpu made, 1 thread, processor time of the one thread" in text


def test_what_is_not_measured_is_empty(tmp_path: Path) -> None:
    """A killed study has cells without a value: a dash in the document, nothing in the map."""
    study = made_latency_study(latencies=(made_latency(), made_latency(batch_size=4, length=128)))
    cells = overheads(study, ("houlsby", 8))
    assert np.isnan(cells).tolist() == [[False, True], [True, False]]
    write_latency_reports(study, tmp_path)
    assert "| - |" in (tmp_path / "latency.md").read_text(encoding="utf-8")
    assert latency_lines(made_latency_study(latencies=())) == ("nothing is measured yet",)
    write_latency_reports(made_latency_study(latencies=()), tmp_path)


def test_one_scale_for_all_panels() -> None:
    """Zero is grey in each of them; a panel a method and size, and the scale."""
    figure = latency_figure(made_latency_study())
    images = [axes.images[0] for axes in figure.axes if axes.images]
    assert [image.get_clim() for image in images] == [(-0.25, 0.25)] * 2
    assert {text.get_text() for text in images[0].axes.texts} == {"+25.0"}
    assert {text.get_text() for text in images[1].axes.texts} == {"0"}


def test_the_lines_tell_the_smallest_and_the_largest_input() -> None:
    """For each method and size, with quartiles."""
    lines = latency_lines(made_latency_study())
    ends = "at batch 1, length 16, +25.0 % (+25.0 to +25.0) at batch 4, length 128"
    assert lines[1] == f"houlsby, size 8: +25.0 % (+25.0 to +25.0) {ends}"
    assert len(lines) == 3
