"""Schema migrations (Alembic), run by `storage.migrate`."""

HEAD = "0014"
"""The newest revision; a test holds it against the files in `versions/`."""
