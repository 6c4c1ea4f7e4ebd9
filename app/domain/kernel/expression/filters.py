"""Filters as callers write them: checked once, bound once per request, and joined with what else is asked."""

from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from app.domain.kernel.actor import Actor
from app.domain.kernel.errors import AppError, BadRequest, Forbidden, refused
from app.domain.kernel.expression.checker import check
from app.domain.kernel.expression.errors import ExpressionError
from app.domain.kernel.expression.functions import Profile
from app.domain.kernel.expression.tree import EVERYTHING, And, Bound, Expression, Slot
from app.domain.kernel.lru import LeastRecentlyUsed
from app.domain.kernel.object_type import AnyObject
from app.domain.kernel.schema import Schema

BYTES_PER_PART = 110  # of a tree and its arguments, at most
CHECKED: LeastRecentlyUsed[Any, Expression] = LeastRecentlyUsed(entries=2_000, weight=16_000_000)


def checked(text: str, kind: AnyObject, schema: Schema, actor: Actor, profile: Profile) -> Expression:
    """What `text` means to this viewer. Raises `ExpressionError`."""
    key = (text, kind.name, schema, actor.scopes, profile)
    known = CHECKED.get(key)
    if known is None:
        known = check(text, kind, schema, actor, profile).expression
        CHECKED.put(key, known, 8 * len(text) + BYTES_PER_PART * _number_of_parts(known))
    return known


def _number_of_parts(node: Any) -> int:
    if isinstance(node, tuple):
        return 1 + sum(map(_number_of_parts, node))
    return 1 + sum(_number_of_parts(getattr(node, one.name)) for one in fields(node)) if is_dataclass(node) else 1


def read_filter(text: str, kind: AnyObject, schema: Schema, actor: Actor, profile: Profile) -> Expression:
    """The parameter `filter`. Raises an `AppError` that names the place of the mistake."""
    try:
        return checked(text, kind, schema, actor, profile)
    except ExpressionError as error:
        raise refusal("filter", error) from error


def refusal(pointer: str, error: ExpressionError, kind: type[AppError] = BadRequest) -> AppError:
    """Positions count characters of the expression from 0."""
    params = {name: getattr(error, name) for name in ("position", "end", "found", "expected", "suggestion")}
    refused_as = Forbidden if error.code == "missingScope" else kind
    return refused(refused_as, pointer, error.code, error.message, **params)


def bind(expression: Expression, actor: Actor, now: datetime) -> Expression:
    """Today is the day in the time zone of the actor's tenant."""
    if not any(isinstance(one, Bound) for one in expression.arguments):
        return expression
    today = now.astimezone(ZoneInfo(actor.time_zone)).date()
    return Expression(expression.shape, expression.bound(now=now, today=today, me=actor.id))


def both(first: Expression, second: Expression) -> Expression:
    if first is EVERYTHING or second is EVERYTHING:
        return second if first is EVERYTHING else first
    shape = And((*_parts(first.shape), *_parts(_moved(second.shape, len(first.arguments)))))
    return Expression(shape, (*first.arguments, *second.arguments))


def _parts(shape: Any) -> tuple[Any, ...]:
    return shape.parts if isinstance(shape, And) else (shape,)


def _moved(node: Any, by: int) -> Any:
    """The same tree with its slots `by` places further on."""
    if isinstance(node, Slot):
        return Slot(node.index + by, node.type)
    if isinstance(node, tuple):
        return tuple(_moved(one, by) for one in node)
    if is_dataclass(node) and not isinstance(node, type):
        return type(node)(*(_moved(getattr(node, one.name), by) for one in fields(node)))
    return node
