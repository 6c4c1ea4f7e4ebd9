"""Quick search over all objects at once; that of one object is its list with `q`."""

from collections.abc import Sequence

from app.domain.kernel.errors import BadRequest, refused
from app.domain.kernel.object_type import AnyObject
from app.domain.kernel.search import Sought
from app.repositories.search import hits
from app.repositories.session import Session


async def search(session: Session, wanted: Sought, objects: Sequence[str], limit: int) -> bytes:
    """A JSON array of groups, one for each object that has hits; of all objects that the actor may read, if none is named."""
    kinds = [_searchable(session, name) for name in dict.fromkeys(objects)]
    if not kinds:
        kinds = [kind for kind in session.catalog if kind.searchable and session.actor.may(kind.scope("read"))]
    return await hits(session, kinds, wanted, limit) if kinds else b"[]"


def _searchable(session: Session, name: str) -> AnyObject:
    if name not in session.catalog or not session.catalog[name].searchable:
        known = ", ".join(kind.name for kind in session.catalog if kind.searchable)
        raise refused(BadRequest, "objects", "unknownObject", f"There is no such object. Known are {known}.")
    session.actor.require(session.catalog[name].scope("read"))
    return session.catalog[name]
