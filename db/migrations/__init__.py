"""Alembic's revisions of the schema, oldest first; `db.schema` runs them without an ini file."""
