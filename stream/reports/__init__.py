"""What reports are made with: files, tables, drawings, pages; and in `run` what a run leaves."""

from stream.reports.files import make_folder
from stream.reports.run.summary import last_lines
from stream.reports.run.write import write_reports

__all__ = ["last_lines", "make_folder", "write_reports"]
