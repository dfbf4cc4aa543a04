"""What a run leaves in its output folder: CSV files, a summary, figures and one HTML page."""

from stream.reports.files import make_folder
from stream.reports.summary import last_lines
from stream.reports.write import write_reports

__all__ = ["last_lines", "make_folder", "write_reports"]
