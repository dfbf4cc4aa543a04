"""Runs side by side: one table of methods, seeds and tasks, beside the published figures."""
