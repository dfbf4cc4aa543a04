"""What a run leaves in its output folder: CSV files, a summary, figures and one HTML page."""

from stream.reports.run.summary import last_lines
from stream.reports.run.write import write_reports

__all__ = ["last_lines", "write_reports"]
