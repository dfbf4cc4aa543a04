"""A suite written for files that have none yet."""
