"""A tenant with something of everything, whose every text carries a mark that must be seen nowhere else."""

from dataclasses import dataclass
from datetime import timedelta
from secrets import token_hex
from typing import Any, Self
from uuid import UUID

from app.domain.kernel.clock import utc_now
from app.domain.registry import OBJECT_TYPES
from tests.factories.accounts import make_account, make_contact
from tests.factories.governance import make_user
from tests.factories.pipeline import make_opportunity, make_product
from tests.factories.views import make_view
from tests.world import Client, World

KEY = "the-same-key-in-both-tenants"
CURRENCIES = ("EUR", "PLN")


@dataclass
class Inhabited:
    """By plural: a record that is referred to, one that can be taken away, one in the bin."""

    admin: Client
    mark: str
    records: dict[str, dict[str, Any]]
    spare: dict[str, dict[str, Any]]
    binned: dict[str, dict[str, Any]]
    key_id: str
    cursors: dict[str, str]

    @classmethod
    async def new(cls, world: World, rank: int) -> Self:
        """Numbers, days and versions differ from those of the tenant of another rank."""
        admin, mark = await world.tenant(), token_hex(6)
        records, spare, binned = [await _one_of_each(admin, mark, name, rank) for name in ("used", "free", "gone")]
        for plural, record in reversed(binned.items()):
            deleted = await admin.delete(f"/{plural}/{record['id']}")
            assert deleted.status_code == 204, deleted.text
        body = {"name": mark, "scopes": ["admin"]}
        key = (await admin.post("/api-keys", json=body, headers={"Idempotency-Key": KEY})).json()
        kept = await admin.post("/accounts", json={"name": mark}, headers={"Idempotency-Key": f"{KEY}{rank}"})
        assert kept.status_code == 201
        await world.settled()
        await _read_once(admin, records, spare)
        return cls(admin, mark, records, spare, binned, key["id"], await _cursors(admin, records))

    @property
    def secrets(self) -> set[str]:
        """What an answer to somebody else never holds."""
        of_records = [one["id"] for group in (self.records, self.spare, self.binned) for one in group.values()]
        return {self.mark, str(self.admin.tenant_id), str(self.admin.user_id), self.key_id, *of_records}


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
        admin, firstName=mark, lastName=mark, email=f"{mark}@b.example", phone=f"+49{rare:09}",
        accountId=account["id"], externalIds=known("contacts"), **owner,
    )  # fmt: skip
    product = await make_product(
        admin, name=mark, family=mark, listPrice=money, externalIds=known("products"), **owner
    )  # fmt: skip
    opportunity = await make_opportunity(
        admin, name=mark, stage=f"s{mark}", amount=money, probability=97 - rank, closeDate=f"09{17 + rank}-01-01",
        engageDate=f"09{17 + rank}-01-02", accountId=account["id"], primaryContactId=contact["id"], productId=product["id"],
        externalIds=known("opportunities"), **owner,
    )  # fmt: skip
    view = await make_view(
        admin, name=mark, filter=f"name != '{mark}'", sort="-name", shared=True, externalIds=known("views"), **owner
    )  # fmt: skip
    made = {"users": user, "accounts": account, "contacts": contact, "products": product, "opportunities": opportunity}
    made["views"] = view
    for plural, record in made.items():
        for turn in range(3 + rank):
            changed = {"externalIds": {"turn": f"{name}{turn}"}}
            answer = await admin.patch(f"/{plural}/{record['id']}", json=changed)
            assert answer.status_code == 200, answer.text
            made[plural] = answer.json()
    return made


async def _read_once(admin: Client, *groups: dict[str, dict[str, Any]]) -> None:
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
    for path in ("/events", "/bin"):
        cursors[path] = (await admin.get(f"{path}?limit=2")).json()["page"]["nextCursor"]
    return cursors


@dataclass
class Callers:
    """The same tenant's other keys."""

    by_name: dict[str, Client]

    @classmethod
    async def of(cls, world: World, admin: Client) -> Self:
        readable = [kind.scope("read") for kind in OBJECT_TYPES]
        revoked, inactive = await world.key_of(admin), await world.member_of(admin)
        assert (await admin.delete(f"/api-keys/{UUID(revoked.key.split('_')[2])}")).status_code == 204
        left = await admin.patch(f"/users/{inactive.user_id}", json={"status": "inactive"})
        assert left.status_code == 200
        return cls(
            {
                "admin": admin,
                "member": await world.member_of(admin),
                "reader": await world.key_of(admin, scopes=[*readable, "events:read"]),
                "keyWithoutScope": await world.key_of(admin, scopes=["widgets:read"]),
                "revokedKey": revoked,
                "expiredKey": await world.key_of(admin, expiresAt=utc_now() - timedelta(seconds=1)),
                "inactiveUser": inactive,
            }
        )
