"""Who asks, for tests of the checker that need no database."""

from uuid import UUID

from app.domain.kernel.actor import Actor, Role


def reader(*scopes: str) -> Actor:
    """Somebody whose key has these scopes; without any, everything is allowed."""
    return Actor(
        tenant_id=UUID(int=1),
        id=UUID(int=2),
        key_id=UUID(int=3),
        role=Role.member,
        scopes=frozenset(scopes or ("admin",)),
        schema_version=1,
    )


ANYBODY = reader()
