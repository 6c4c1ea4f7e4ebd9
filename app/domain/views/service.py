from collections.abc import Iterator
from uuid import UUID

from app.domain.kernel.changes import Change
from app.domain.kernel.errors import AppError, BadRequest, Fault, Invalid, refused
from app.domain.kernel.expression.checker import Profile
from app.domain.kernel.expression.errors import ExpressionError
from app.domain.kernel.expression.filters import checked, refusal
from app.domain.kernel.expression.tree import EVERYTHING
from app.domain.kernel.object_type import AnyObject
from app.domain.kernel.query import Preset
from app.domain.records.rules import order
from app.domain.records.service import RecordService
from app.domain.views.objects import VIEW
from app.domain.views.rules import column, parameters
from app.domain.views.schemas import SavedViewRead

_MEANING = frozenset({"object", "filter", "columns", "sort"})


class ViewService(RecordService[SavedViewRead]):
    kind = VIEW

    async def check(self, change: Change[SavedViewRead]) -> None:
        """Who writes a view can use it."""
        if _MEANING.isdisjoint(change.fields):
            return
        view, kind = change.after, self._object(change.after.object)
        if faults := [*self._unknown_columns(view, kind)]:
            raise Invalid("The view names columns that there are not.", code="unknownField", faults=faults)
        try:
            if view.sort is not None:
                order(kind, self.session.schema, view.sort)
        except BadRequest as error:
            raise refused(Invalid, "/sort", error.code, error.detail) from error
        try:
            if view.filter is not None:
                checked(view.filter, kind, self.session.schema, self.session.actor, Profile.sql)
        except ExpressionError as error:
            raise refusal("/filter", error, Invalid) from error

    async def preset(self, view_id: UUID, kind: AnyObject) -> Preset:
        """What a list of `kind` takes from the view. Columns that the reader does not see are left out."""
        self._may_read()
        view = await self.records.load(view_id)
        if view is None:
            raise refused(BadRequest, "view", "unknownView", "There is no such view.")
        if view.object != kind.name:
            message = f"The view lists records of kind {view.object}: give one that lists these."
            raise refused(BadRequest, "view", "otherObject", message, object=view.object)
        schema, actor = self.session.schema, self.session.actor
        try:
            where = checked(view.filter, kind, schema, actor, Profile.sql) if view.filter is not None else EVERYTHING
            if view.sort is not None:
                order(kind, schema, view.sort)
        except ExpressionError as error:
            raise _broken(view, refusal("view", error)) from error
        except BadRequest as error:
            raise _broken(view, error) from error
        shown = [found for path in view.columns if (found := column(path, kind, schema, actor))]
        given = parameters(shown) if view.columns else {}
        return Preset(where, given | ({"sort": view.sort} if view.sort is not None else {}), view.version)

    def _object(self, name: str) -> AnyObject:
        catalog, actor = self.session.catalog, self.session.actor
        if name not in catalog:
            known = ", ".join(one.name for one in catalog if actor.may(one.scope("read")))
            raise refused(Invalid, "/object", "unknownObject", f"There is no such object. Known are {known}.")
        actor.require(catalog[name].scope("read"))
        return catalog[name]

    def _unknown_columns(self, view: SavedViewRead, kind: AnyObject) -> Iterator[Fault]:
        message = f"Show fields of {kind.name}, or of a record it refers to, by a path such as owner.name."
        for place, path in enumerate(view.columns):
            if column(path, kind, self.session.schema, self.session.actor) is None:
                yield Fault(f"/columns/{place}", "unknownField", message)


def _broken(view: SavedViewRead, error: AppError) -> AppError:
    """What the view says does not hold, or no longer, for who uses it."""
    message = f'The view "{view.name}" cannot be used: {error.detail}'
    params = {"view": view.name, "reason": error.code, **error.faults[0].params}
    return refused(BadRequest, "view", "brokenView", message, **params)
