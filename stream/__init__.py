"""How tasks are learned, in order, and shown."""
