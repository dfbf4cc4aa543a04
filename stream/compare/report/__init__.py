"""What a comparison of methods leaves in its folder: two CSV files, Markdown, figures, one HTML page."""

from stream.compare.report.plain import plain_lines
from stream.compare.report.write import write_method_reports

__all__ = ["plain_lines", "write_method_reports"]
