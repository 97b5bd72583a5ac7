"""Live names: what ventures, campaigns and categories are called right now, with a version to poll."""

from sqlalchemy import Column, Integer, String, Table

from storage.database import metadata

name_versions = Table(
    "name_versions",
    metadata,
    Column("kind", String(20), primary_key=True),
    Column("version", Integer, nullable=False),
)
