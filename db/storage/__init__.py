"""One database file: its address, its schema, its transactions and its locks."""
