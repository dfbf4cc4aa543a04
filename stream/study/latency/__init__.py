"""What adapters cost at inference: CSV, Markdown and heat maps."""
