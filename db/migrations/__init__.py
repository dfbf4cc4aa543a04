"""Alembic's revisions of the schema, oldest first; `db.storage.schema` runs them without an ini file."""
