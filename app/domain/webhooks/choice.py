"""Which events one endpoint is told of."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from app.domain.kernel.actor import Actor
from app.domain.kernel.expression.errors import ExpressionError
from app.domain.kernel.expression.filters import checked
from app.domain.kernel.expression.functions import Profile
from app.domain.kernel.schema import Schema
from app.domain.records.reader import Reader
from app.domain.webhooks.rules import Subscription, wants

log = logging.getLogger(__name__)
Row = dict[str, Any]
Holds = Callable[[Row], bool]


class Chooser(Subscription, Protocol):
    """`actor` is with whose rights it is told."""

    @property
    def filter(self) -> str | None: ...
    @property
    def actor(self) -> Actor: ...


@dataclass
class Choice:
    """By type, by the way the event came, by what its owner may see, and by its filter. Events are rows of the log."""

    endpoint: Chooser
    schema: Schema
    _filters: dict[str, Holds] = field(default_factory=dict)

    def takes(self, event: Row) -> bool:
        if not wants(self.endpoint, event) or not self._reader.sees(event):
            return False
        if self.endpoint.filter is None:
            return True
        holds = self._filters.get(event["object"])
        if holds is None:
            holds = self._filters[event["object"]] = self._filter(event["object"], self.endpoint.filter)
        return holds(self._reader.shown(event))

    @cached_property
    def _reader(self) -> Reader:
        return Reader(self.endpoint.actor, self.schema)

    def _filter(self, object_: str, text: str) -> Holds:
        """One that means nothing any more, to whom it acts for, lets nothing through: it may name what is hidden now."""
        kind = self.schema.catalog[object_]
        try:
            where = checked(text, kind, self.schema, self.endpoint.actor, Profile.event)
        except ExpressionError:
            log.warning("the filter of a webhook endpoint no longer holds")
            return _nothing
        return self._reader.judge(kind, where)


def _nothing(_: Row) -> bool:
    return False
