"""What removing adapters showed: CSV, Markdown, heat maps, and the sentences of a run's reports."""
