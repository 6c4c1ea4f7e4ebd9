"""What a process of the product is started with instead of itself. Each takes effect before anything else is imported.

Three are no bugs: `brisk` and `hasty` shorten what takes minutes, and `narrow` keeps a worker to some tenants, so that
several workers with different bugs share one database. Modules are imported by the patches, in their order.
"""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any
from uuid import UUID

FOREVER_S = 3600.0


def brisk() -> None:
    """Failed deliveries are tried again after seconds: the plan of 75 hours has ten attempts in 40 s."""
    retrying = import_module("app.domain.webhooks.retrying")
    retrying.PAUSES_S = (0.0, 1.0, 2.0, *[5.0] * (retrying.ATTEMPTS - 3))


def hasty() -> None:
    """A request may take 2 s and a lease 5 s, where the product has 15 s and 30 s."""
    kinds = import_module("app.domain.webhooks.kinds")
    kinds.DELIVERY = replace(kinds.DELIVERY, timeout_s=3.0)
    import_module("app.repositories.claims").LEASE_MARGIN_S = 2.0
    import_module("app.workers.webhooks").TIMEOUT_S = 2.0


def narrow() -> None:
    """To the tenants of CHAOS_TENANTS."""
    _with(tenants=[UUID(one) for one in os.environ["CHAOS_TENANTS"].split(",")])


# Planted bugs -------------------------------------------------------------------------------------


def marks_before_sending() -> None:
    """Work is done as soon as it is begun, whatever comes of it."""
    claims = import_module("app.repositories.claims")

    async def do(self: Any, handler: Any, work: Any, facts: Any) -> None:
        async with self.pool.transaction(None, time.monotonic() + 5) as connection:
            await claims.done(connection, handler.kind, [work])
        self._forget([work])
        await handler.act(work, facts)

    import_module("app.workers.line").Line._do = do


def forgets_what_failed() -> None:
    """A failure ends the work, too."""
    work, deliveries = import_module("app.domain.kernel.work"), import_module("app.workers.webhooks").Deliveries
    send = deliveries.send

    async def once(*arguments: Any) -> Any:
        outcome = await send(*arguments)
        return work.Done(outcome.detail) if isinstance(outcome, work.Again) else outcome

    deliveries.send = once


def minds_no_order() -> None:
    """Nobody looks whether an earlier version of the record is still open."""
    _edit("one.order_key is not null\n", "false\n")


def never_sweeps() -> None:
    """It waits for a bell, which in its test never rings."""
    _with(sweep_s=FOREVER_S)
    import_module("app.workers.relay").WAITING_S = FOREVER_S


def reads_by_number_alone() -> None:
    """A number is handed out before its transaction commits: a relay that looks often passes over whoever commits late."""
    _with(only_relays=True, sweep_s=0.01)
    relay = import_module("app.repositories.relay")
    relay._OF_TENANT = """
    select json_agg(page) as events from (
      select * from event where tenant_id = $5 and $1::bigint is not null and seq > $2 and id > $3
       order by seq limit $4) page
    """
    assert "e.settle < horizon.at and " in relay._NEWS, "the statement no longer looks at the horizon"
    relay._NEWS = relay._NEWS.replace("e.settle < horizon.at and ", "")


def leases_too_shortly() -> None:
    """Others take the work while it is being done."""
    _edit("due_at = now() + make_interval(secs => $14)", "due_at = now() + make_interval(secs => $14 / 1000)")


def _with(*, only_relays: bool = False, **values: Any) -> None:
    """Every line and every relay of the process has them, or the relays alone."""
    work = import_module("app.workers.running").Work
    whole = work.on.__func__

    def on(*arguments: Any, **more: Any) -> Any:
        made = whole(*arguments, **more)
        for one in made.relays if only_relays else (*made.lines.values(), *made.relays):
            for name, value in values.items():
                setattr(one, name, value)
        return made

    work.on = classmethod(on)


def _edit(before: str, after: str) -> None:
    """Of the statement that claims."""
    claims = import_module("app.repositories.claims")
    assert claims._CLAIM.count(before) == 1, f"the statement no longer has {before!r}"
    claims._CLAIM = claims._CLAIM.replace(before, after)


HARMLESS = (brisk, hasty, narrow)
BUGS = (
    marks_before_sending,
    forgets_what_failed,
    minds_no_order,
    never_sweeps,
    reads_by_number_alone,
    leases_too_shortly,
)
PATCHES: dict[str, Callable[[], None]] = {one.__name__: one for one in (*HARMLESS, *BUGS)}
