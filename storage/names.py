"""Live names: what ventures, campaigns and categories are called right now, with a version to poll."""

from sqlalchemy import Column, Connection, Integer, String, Table, func, select, update

from intents.names import Name, Names
from storage.campaigns import campaigns
from storage.database import metadata
from storage.influencers import influencers
from storage.people import users
from storage.ventures import ventures

name_versions = Table(
    "name_versions",
    metadata,
    Column("kind", String(20), primary_key=True),
    Column("version", Integer, nullable=False),
)

_ALL = "all"


def current_version(connection: Connection) -> int:
    """Rises whenever a name is added, changed or removed."""
    return connection.scalar(select(name_versions.c.version).where(name_versions.c.kind == _ALL)) or 0


def touch(connection: Connection) -> None:
    """Say that names changed; to be called in the transaction that changes them."""
    table = name_versions
    raised = connection.execute(update(table).where(table.c.kind == _ALL).values(version=table.c.version + 1))
    if not raised.rowcount:
        connection.execute(table.insert().values(kind=_ALL, version=1))


def load(connection: Connection) -> Names:
    """Every live name."""
    found = [
        Name("venture", key, name)
        for key, name in connection.execute(select(ventures.c.id, ventures.c.name).order_by(ventures.c.id))
    ]
    of_campaigns = (
        select(campaigns.c.id, campaigns.c.name, ventures.c.name)
        .join(ventures, ventures.c.id == campaigns.c.venture_id)
        .order_by(campaigns.c.id)
    )
    found += [Name("campaign", key, name, parent) for key, name, parent in connection.execute(of_campaigns)]
    of_categories = (
        select(influencers.c.category, func.min(influencers.c.id))
        .group_by(influencers.c.category)
        .order_by(influencers.c.category)
    )
    found += [Name("category", key, name) for name, key in connection.execute(of_categories)]
    # Services are named after what they do; those words mean that, not somebody.
    are_people = users.c.active & ~users.c.is_service
    of_people = select(users.c.id, users.c.name).where(are_people).order_by(users.c.id)
    found += [Name("person", key, name) for key, name in connection.execute(of_people)]
    return Names(found, version=current_version(connection))
