"""Suites: the shipped ones and those of one's own, as TOML files."""
