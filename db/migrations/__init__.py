"""Alembic's revisions of the schema; ``db.migrate`` runs them."""
