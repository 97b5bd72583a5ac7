"""Schema migrations (Alembic), run by `storage.migrate`."""

HEAD = "0007"
"""The newest revision; a test holds it against the files in `versions/`."""
