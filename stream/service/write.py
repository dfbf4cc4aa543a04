"""Everything a simulated service leaves in its output folder."""

from pathlib import Path

from stream.reports.files import make_folder, replace_bytes
from stream.reports.render import as_png
from stream.service.figures import queue_figure, sweep_figure
from stream.service.markdown import service_markdown
from stream.service.report import ServiceReport
from stream.service.tables import write_service_table, write_sweep_table


def write_service_reports(report: ServiceReport, out: Path) -> tuple[Path, ...]:
    """Write service.csv, service.md and service.png, and the sweep's two files; return their paths.

    Files of an earlier report are replaced; those of an earlier sweep are removed where there is none now.

    Raises:
        UserError: the folder cannot be made or written.
    """
    make_folder(out)
    table = write_service_table(report, out / "service.csv")
    document, figure = out / "service.md", out / "service.png"
    replace_bytes(document, service_markdown(report).encode())
    replace_bytes(figure, as_png(queue_figure, report))
    sweep_table, sweep_picture = out / "service_sweep.csv", out / "service_sweep.png"
    if not report.sweep:
        sweep_table.unlink(missing_ok=True)
        sweep_picture.unlink(missing_ok=True)
        return table, document, figure
    write_sweep_table(report, sweep_table)
    replace_bytes(sweep_picture, as_png(sweep_figure, report))
    return table, document, figure, sweep_table, sweep_picture
