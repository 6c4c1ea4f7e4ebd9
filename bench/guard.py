"""The stand-in for grants: contacts and opportunities of some owners only, without three of their fields."""

from app.domain.kernel.schema import Schema
from app.domain.registry import CATALOG
from bench.statements import HIDDEN_OF_CONTACTS, HIDDEN_OF_OPPORTUNITIES

GUARDED = Schema(
    CATALOG,
    hidden={"contact": frozenset(HIDDEN_OF_CONTACTS), "opportunity": frozenset(HIDDEN_OF_OPPORTUNITIES)},
    by_owner=frozenset({"contact", "opportunity"}),
)
