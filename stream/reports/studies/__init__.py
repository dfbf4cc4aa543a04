"""What studies leave in their folders: CSV files, a page in Markdown and HTML, figures as PNG and SVG."""

from stream.reports.studies.text import headline, study_lines, study_summaries
from stream.reports.studies.write import write_study_reports

__all__ = ["headline", "study_lines", "study_summaries", "write_study_reports"]
