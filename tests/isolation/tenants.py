"""A tenant with something of everything, whose every text carries a mark that must be seen nowhere else."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from secrets import token_hex
from typing import Any, Self
from uuid import UUID

from app.api.listing import encoded
from app.domain.kernel.clock import utc_now
from app.domain.registry import CATALOG, OBJECT_TYPES
from tests.factories.accounts import make_account, make_account_relation, make_contact
from tests.factories.assignment import make_absence, make_assignment_rule, make_queue
from tests.factories.capture import EMAIL, NAME, make_form, make_submission
from tests.factories.currencies import make_exchange_rate
from tests.factories.forecasting import make_adjustment, make_quota
from tests.factories.governance import make_user
from tests.factories.leads import make_lead
from tests.factories.lines import make_line
from tests.factories.making import make_needed
from tests.factories.pipeline import make_opportunity, make_pipeline, make_product, stage
from tests.factories.pricing import make_entry, make_price_book
from tests.factories.quoting import make_quote
from tests.factories.scoring import behave, behaviour, make_scoring_model, scoring_rule
from tests.factories.team import make_member, make_opportunity_contact
from tests.factories.views import make_view
from tests.factories.webhooks import log_delivery, make_endpoint
from tests.factories.work import BESIDE
from tests.world import Client, World

KEY = "the-same-key-in-both-tenants"
CURRENCIES = ("EUR", "PLN")
DAYS = {"used": "03-01", "free": "03-02", "gone": "03-03"}


@dataclass
class Inhabited:
    """By plural: a record that is referred to, one that can be taken away, one in the bin.

    `delivery_id` is the last of two that the endpoint referred to has had; `beside` has ids of what is no record, by tag.
    """

    admin: Client
    mark: str
    records: dict[str, dict[str, Any]]
    spare: dict[str, dict[str, Any]]
    binned: dict[str, dict[str, Any]]
    key_id: str
    delivery_id: str
    event_id: str
    beside: dict[str, list[str]]
    cursors: dict[str, str]

    @classmethod
    async def new(cls, world: World, rank: int) -> Self:
        """Numbers, days and versions differ from those of the tenant of another rank."""
        admin, mark = await world.tenant(), token_hex(6)
        for kind in OBJECT_TYPES:
            await make_needed(admin, kind, CATALOG)
        records, spare, binned = [await _one_of_each(admin, mark, name, rank) for name in ("used", "free", "gone")]
        for plural, record in reversed(binned.items()):
            deleted = await admin.delete(f"/{plural}/{record['id']}")
            assert deleted.status_code == 204, deleted.text
        body = {"name": mark, "scopes": ["admin"]}
        key = (await admin.post("/api-keys", json=body, headers={"Idempotency-Key": KEY})).json()
        kept = await admin.post("/accounts", json={"name": mark}, headers={"Idempotency-Key": f"{KEY}{rank}"})
        assert kept.status_code == 201
        endpoint_id = records["webhook-endpoints"]["id"]
        _, delivery_id = [
            await log_delivery(world, admin, endpoint_id, records[one]["id"]) for one in ("users", "views")
        ]
        beside = {tag: [await make(world, admin, mark) for _ in range(2)] for tag, make in BESIDE.items()}
        await world.settled()
        await read_once(admin, records, spare)
        (event,) = (await admin.get("/events", params={"limit": 1})).json()["data"]
        ids = (key["id"], delivery_id, event["id"])
        return cls(admin, mark, records, spare, binned, *ids, beside, await _cursors(admin, records))

    @property
    def secrets(self) -> set[str]:
        """What an answer to somebody else never holds."""
        of_records = [one["id"] for group in (self.records, self.spare, self.binned) for one in group.values()]
        return {
            self.mark,
            str(self.admin.tenant_id),
            str(self.admin.user_id),
            self.key_id,
            self.delivery_id,
            self.event_id,
            *(one for ids in self.beside.values() for one in ids),
            *of_records,
        }


async def _one_of_each(admin: Client, mark: str, name: str, rank: int) -> dict[str, dict[str, Any]]:
    rare = int(mark[:7], 16)
    money = {"amount": f"{rare}.25", "currency": CURRENCIES[rank]}

    def known(plural: str) -> dict[str, str]:
        return {"erp": f"{mark}-{plural}-{name}"}

    user = await make_user(admin, name=mark, email=f"{mark}{name}@b.example", region=mark, externalIds=known("users"))
    owner = {"ownerId": user["id"]}
    account = await make_account(
        admin, name=f"{mark} {name}", industry=mark, website=mark, country=mark, employees=rare, foundedYear=17 + rank,
        annualRevenue=money, externalIds=known("accounts"), **owner,
    )  # fmt: skip
    contact = await make_contact(
        admin, firstName=mark, lastName=mark, email=f"{mark}@b.example", phone=f"+49{rare:09}", birthday=f"09{17 + rank}-01-03",
        accountId=account["id"], externalIds=known("contacts"), **owner,
    )  # fmt: skip
    relation = await make_account_relation(
        admin, role=mark, accountId=account["id"], contactId=contact["id"], startsOn=f"09{17 + rank}-01-01",
        endsOn=f"09{17 + rank}-01-02", externalIds=known("account-relations"), **owner,
    )  # fmt: skip
    product = await make_product(
        admin, name=mark, family=mark, listPrice=money, sku=f"{mark} {name}", unit=mark, discontinuedOn=f"09{17 + rank}-01-03",
        description=mark, externalIds=known("products"), **owner,
    )  # fmt: skip
    pipeline = await make_pipeline(admin, externalIds=known("pipelines"), **_pipeline(mark), **owner)
    opportunity = await make_opportunity(
        admin, name=mark, pipelineId=pipeline["id"], stage=f"s{mark}", outcomeReason=mark, nextStep=mark, amount=money, probability=97 - rank, closeDate=f"09{17 + rank}-01-01",
        engageDate=f"09{17 + rank}-01-02", accountId=account["id"], primaryContactId=contact["id"], productId=product["id"],
        externalIds=known("opportunities"), **owner,
    )  # fmt: skip
    lead = await make_lead(
        admin, firstName=mark, lastName=mark, company=mark, title=mark, email=f"{mark}@b.example", phone=f"+49{rare:09}",
        website=mark, country=mark, industry=mark, employees=rare, description=mark, source=mark, utm={"source": mark},
        disqualifiedNote=mark, recycleOn=f"09{17 + rank}-01-01", externalIds=known("leads"), **owner,
    )  # fmt: skip
    await behave(admin, lead, f"m{mark}")
    view = await make_view(
        admin, name=mark, filter=f"name != '{mark}'", sort="-name", shared=True, externalIds=known("views"), **owner
    )  # fmt: skip
    made = {"users": user, "accounts": account, "contacts": contact, "products": product}
    made |= {"pipelines": pipeline, "opportunities": opportunity}
    endpoint = await make_endpoint(
        admin, name=mark, url=f"https://{mark}.example/hook", description=mark, skipOrigins=[f"s{mark}"],
        filter=f"externalIds.erp != '{mark}'", concurrency=19 - rank, perSecond=17 + rank, externalIds=known("webhook-endpoints"), **owner,
    )  # fmt: skip
    made |= await _assigned(admin, mark, rank, user["id"], known)
    made |= {
        "account-relations": relation,
        "leads": lead,
        "views": view,
        "webhook-endpoints": endpoint,
    } | await _captured(admin, mark, known, owner)
    made |= await _priced(admin, mark, name, rank, {"productId": product["id"], **owner})
    made |= await _sold(admin, mark, name, rank, owner)
    made |= await _involved(admin, mark, rank, contact["id"], user["id"], known)
    made |= await _planned(admin, mark, name, rank, money)
    await _edit(admin, made, name, 3 + rank)
    return made


async def _assigned(
    admin: Client, mark: str, rank: int, user_id: str, known: Callable[[str], dict[str, str]]
) -> dict[str, dict[str, Any]]:
    rare = int(mark[:7], 16)
    queue = await make_queue(
        admin, name=mark, description=mark, members=[user_id], externalIds=known("queues"), ownerId=user_id
    )
    absence = await make_absence(
        admin, userId=user_id, startsAt=f"09{17 + rank}-01-01T00:00:00Z", endsAt=f"09{17 + rank}-02-01T00:00:00Z",
        reason=mark, externalIds=known("absences"), ownerId=user_id,
    )  # fmt: skip
    rule = await make_assignment_rule(
        admin, name=mark, when=f"lastName == '{mark}'", position=rare, userId=user_id, queueId=queue["id"],
        roundRobin=[{"userId": user_id, "weight": 1}], externalIds=known("assignment-rules"), ownerId=user_id,
    )  # fmt: skip
    model = await make_scoring_model(
        admin, name=mark, description=mark, active=False, rules=[scoring_rule(f"lastName == '{mark}'", 5, label=mark)],
        behaviours=[behaviour("visit", 5, label=mark)], externalIds=known("scoring-models"), ownerId=user_id,
    )  # fmt: skip
    return {"queues": queue, "absences": absence, "assignment-rules": rule, "scoring-models": model}


def _pipeline(mark: str) -> dict[str, Any]:
    first = stage(f"s{mark}", label=mark, message=mark, when=f"name != '{mark}x'")
    ends = [stage("won", outcome="won"), stage("lost", outcome="lost")]
    return {"name": mark, "stages": [first, *ends], "wonReasons": [mark], "lostReasons": [mark]}


async def _captured(
    admin: Client, mark: str, known: Callable[[str], dict[str, str]], owner: dict[str, str]
) -> dict[str, dict[str, Any]]:
    form = await make_form(
        admin, name=mark, title=mark, introduction=mark, fields=[EMAIL, NAME | {"label": mark}], consentText=mark,
        source=mark, thanksText=mark, redirectUrl=f"https://{mark}.example/", allowedOrigins=[f"https://{mark}.example"],
        externalIds=known("lead-forms"), **owner,
    )  # fmt: skip
    submission = await make_submission(
        admin, answers={"lastName": mark, "email": f"{mark}@b.example"}, source=mark, utm={"source": mark}, referrer=mark,
        page=mark, consentText=mark, externalIds=known("lead-submissions"), **owner,
    )  # fmt: skip
    return {"lead-forms": form, "lead-submissions": submission}


async def _priced(admin: Client, mark: str, name: str, rank: int, given: dict[str, str]) -> dict[str, dict[str, Any]]:
    """What it costs; `given` are the product and the owner."""
    rare, owner = int(mark[:7], 16), {"ownerId": given["ownerId"]}
    known = {
        plural: {"erp": f"{mark}-{plural}-{name}"} for plural in ("price-books", "price-book-entries", "exchange-rates")
    }
    book = await make_price_book(
        admin, name=mark, currency=CURRENCIES[rank], validFrom=f"09{17 + rank}-01-04", validUntil=f"09{17 + rank}-01-05",
        externalIds=known["price-books"], **owner,
    )  # fmt: skip
    entry = await make_entry(
        admin, priceBookId=book["id"], unitPrice={"amount": f"{rare}.25", "currency": CURRENCIES[rank]},
        minQuantity=f"{rare}.5", externalIds=known["price-book-entries"], **given,
    )  # fmt: skip
    exchanged = await make_exchange_rate(
        admin, currency=("CHF", "NOK")[rank], rate=f"{rare}.125", validFrom=f"09{15 + rank}-{DAYS[name]}",
        externalIds=known["exchange-rates"], **owner,
    )  # fmt: skip
    return {"price-books": book, "price-book-entries": entry, "exchange-rates": exchanged}


async def _sold(admin: Client, mark: str, name: str, rank: int, owner: dict[str, str]) -> dict[str, dict[str, Any]]:
    """On an opportunity of its own, since lines change it; it is of nobody, who else could not be deleted."""
    money = {"amount": f"{int(mark[:7], 16)}.25", "currency": CURRENCIES[rank]}
    opportunity = await make_opportunity(admin, name=mark)
    line = await make_line(
        admin, opportunityId=opportunity["id"], description=mark, quantity=f"{17 + rank}.5", unitPrice=money,
        position=int(mark[:7], 16), externalIds={"erp": f"{mark}-opportunity-lines-{name}"}, **owner,
    )  # fmt: skip
    quote = await make_quote(
        admin, opportunityId=opportunity["id"], name=mark, billingName=mark, terms=mark, notes=mark,
        billingAddress={"street": mark}, validUntil=f"09{17 + rank}-01-06", lines=[{"name": mark, "unitPrice": money}],
        externalIds={"erp": f"{mark}-quotes-{name}"}, **owner,
    )  # fmt: skip
    return {"opportunity-lines": line, "quotes": quote}


async def _involved(
    admin: Client, mark: str, rank: int, contact_id: str, user_id: str, known: Callable[[str], dict[str, str]]
) -> dict[str, dict[str, Any]]:
    """In an opportunity that stays where it is and belongs to nobody."""
    opportunity = await make_opportunity(admin, name=mark)
    given = {"opportunityId": opportunity["id"], "ownerId": user_id}
    contact = await make_opportunity_contact(
        admin, contactId=contact_id, note=mark, externalIds=known("opportunity-contacts"), **given
    )
    member = await make_member(
        admin, userId=user_id, splitPercent=f"{17 + rank}.5", externalIds=known("opportunity-members"), **given
    )
    return {"opportunity-contacts": contact, "opportunity-members": member}


async def _planned(admin: Client, mark: str, name: str, rank: int, money: dict[str, str]) -> dict[str, dict[str, Any]]:
    """With users of their own, who else could not be deleted."""
    user = await make_user(admin, name=mark, email=f"{mark}{name}.planned@b.example")
    given = {"period": f"{1917 + rank}-{DAYS[name][-2:]}", "amount": money}
    quota = await make_quota(
        admin, user["id"], externalIds={"erp": f"{mark}-quotas-{name}"}, ownerId=user["id"], **given
    )  # fmt: skip
    adjustment = await make_adjustment(
        admin, userId=user["id"], note=mark, externalIds={"erp": f"{mark}-forecast-adjustments-{name}"},
        ownerId=user["id"], **given,
    )  # fmt: skip
    return {"quotas": quota, "forecast-adjustments": adjustment}


async def _edit(admin: Client, made: dict[str, dict[str, Any]], name: str, times: int) -> None:
    for plural, record in made.items():
        for turn in range(times):
            changed = {"externalIds": {"turn": f"{name}{turn}"}}
            answer = await admin.patch(f"/{plural}/{record['id']}", json=changed)
            assert answer.status_code == 200, answer.text
            made[plural] = answer.json()


async def read_once(admin: Client, *groups: dict[str, dict[str, Any]]) -> None:
    """What is kept of a read by mistake is there to be found."""
    for group in groups:
        for plural, record in group.items():
            for path in (f"/{plural}", f"/{plural}/{record['id']}", f"/{plural}/{record['id']}/history"):
                assert (await admin.get(path)).status_code == 200


async def _cursors(admin: Client, records: dict[str, dict[str, Any]]) -> dict[str, str]:
    cursors = {}
    for kind in OBJECT_TYPES:
        for path in (kind.plural, f"{kind.plural}/{{}}/history"):
            page = (await admin.get(f"/{path.format(records[kind.plural]['id'])}?limit=1")).json()["page"]
            cursors[f"/{path}"] = page["nextCursor"]
    for branch in ("ancestors", "descendants"):
        cursors[f"/accounts/{{}}/{branch}"] = encoded([1, records["accounts"]["id"]])
    deliveries = f"/webhook-endpoints/{records['webhook-endpoints']['id']}/deliveries?limit=1"
    cursors["/webhook-endpoints/{}/deliveries"] = (await admin.get(deliveries)).json()["page"]["nextCursor"]
    cursors["/leads/{}/behaviours"] = encoded([records["leads"]["createdAt"], records["leads"]["id"]])
    cursors["/leads/{}/scores"] = encoded([records["leads"]["version"]])
    for path in ("/events", "/bin", "/jobs", "/admin/work/parked"):
        cursors[path] = (await admin.get(f"{path}?limit=1")).json()["page"]["nextCursor"]
    return cursors


@dataclass
class Callers:
    """The same tenant's other keys."""

    by_name: dict[str, Client]

    @classmethod
    async def of(cls, world: World, admin: Client) -> Self:
        """Those with a key that works ask thousands of times in a minute."""
        readable = [kind.scope("read") for kind in OBJECT_TYPES]
        revoked, inactive = await world.key_of(admin), await world.member_of(admin)
        assert (await admin.delete(f"/api-keys/{UUID(revoked.key.split('_')[2])}")).status_code == 204
        left = await admin.patch(f"/users/{inactive.user_id}", json={"status": "inactive"})
        assert left.status_code == 200
        return cls(
            {
                "admin": await world.key_of(admin, rateLimitPerMinute=0),
                "member": await world.key_of(await world.member_of(admin), rateLimitPerMinute=0),
                "reader": await world.key_of(admin, scopes=[*readable, "events:read"], rateLimitPerMinute=0),
                "keyWithoutScope": await world.key_of(admin, scopes=["widgets:read"], rateLimitPerMinute=0),
                "revokedKey": revoked,
                "expiredKey": await world.key_of(admin, expiresAt=utc_now() - timedelta(seconds=1)),
                "inactiveUser": inactive,
            }
        )
