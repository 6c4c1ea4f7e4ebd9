"""`crm verify`: a database that was only written through the product is as it should be, and no other is."""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import UUID

import pytest

from app.domain.kernel.ids import uuid7
from app.domain.kernel.object_type import AnyObject
from app.domain.kernel.record import Binned, table_of
from app.domain.registry import CATALOG, OBJECT_TYPES
from app.repositories.verify import AT_MOST, verify
from tests.factories.accounts import make_account, make_contact
from tests.factories.governance import make_user
from tests.factories.making import fresh, make, make_needed
from tests.factories.pipeline import make_opportunity, make_product
from tests.factories.views import make_view
from tests.factories.webhooks import make_endpoint
from tests.verify.workload import Workload
from tests.world import Client, Place, World, running

OTHER = {
    "uuid": "gen_random_uuid()",
    "text": "coalesce({0}, '') || 'x'",
    "integer": "coalesce({0}, 0) + 1",
    "bigint": "coalesce({0}, 0) + 1",
    "numeric": "coalesce({0}, 0) + 1",
    "double precision": "coalesce({0}, 0) + 1",
    "date": "coalesce({0}, current_date) + 1",
    "timestamp with time zone": "coalesce({0}, now()) + interval '1 microsecond'",
    "boolean": "coalesce({0}, false) is false",
    "text[]": "{0} || array['x']",
    "jsonb": """coalesce({0}, '{{}}') || '{{"planted": "x"}}'""",
}
ALONE = {"is_default": "update pipeline set is_default = false where is_default; "}
"""What first makes room for a value that only one record may have."""
WRITTEN = """
select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
 where attrelid = quote_ident($1)::regclass and attnum > 0 and not attisdropped and attgenerated = ''
"""
TYPE_OF = """
select format_type(atttypid, null) from pg_attribute where attrelid = quote_ident($1)::regclass and attname = $2
"""
MAKE = {
    "user": make_user,
    "account": make_account,
    "contact": make_contact,
    "product": make_product,
    "opportunity": make_opportunity,
    "view": make_view,
    "webhookEndpoint": make_endpoint,
}
MONEY = {"amount": "12.50", "currency": "EUR"}
TOGETHER = [OBJECT_TYPES[at : at + 5] for at in range(0, len(OBJECT_TYPES), 5)]
"""All that are changed before it is verified once: more findings than these have are not told."""


class Leaves:
    """Records that nothing refers to, with as many fields filled as may be together."""

    def __init__(self, writer: Client, owner: dict[str, Any], account: dict[str, Any], contact: dict[str, Any]) -> None:
        self.writer, self.owner, self.account, self.contact = writer, owner["id"], account["id"], contact["id"]

    @classmethod
    async def under(cls, writer: Client) -> "Leaves":
        return cls(writer, await make_user(writer), await make_account(writer), await make_contact(writer))

    async def make(self, name: str) -> UUID:
        fields = self._fields(name) | {"ownerId": self.owner, "externalIds": {"erp": str(uuid7())}}
        kind = CATALOG[name]
        if name in MAKE:
            record = await MAKE[name](self.writer, **fields)
        else:
            await make_needed(self.writer, kind, CATALOG)
            record = await make(self.writer, kind.plural, fresh(kind.example), fields)
        changed = {"externalIds": {"crm": str(uuid7())}}
        answer = await self.writer.patch(f"/{kind.plural}/{record['id']}", json=changed)
        assert answer.status_code == 200, answer.text
        return UUID(record["id"])

    async def bin(self) -> UUID:
        """A product with four events, the last of which took it away."""
        leaf = await self.make("product")
        assert (await self.writer.patch(f"/products/{leaf}", json={"name": "Third"})).status_code == 200
        assert (await self.writer.delete(f"/products/{leaf}")).status_code == 204
        return leaf

    def _fields(self, name: str) -> dict[str, Any]:
        return {
            "user": {"managerId": self.owner, "region": "North"},
            "account": {"parentId": self.account, "annualRevenue": MONEY, "foundedYear": 1999, "country": "PL"}
            | {"website": "https://leaf.example"},
            "contact": {"email": "a@b.example", "phone": "+4930123456", "accountId": self.account},
            "product": {},
            "opportunity": {"accountId": self.account, "primaryContactId": self.contact, "amount": MONEY}
            | {"closeDate": "2026-12-31", "engageDate": "2026-01-31", "probability": 10},
            "view": {"filter": "employees > 5", "columns": ["name"], "sort": "name"},
            "webhookEndpoint": {"description": "x", "filter": "isNew()", "skipOrigins": ["import"], "perSecond": 5},
            "queue": {"members": [self.owner]},
            "absence": {"userId": self.owner},
            "assignmentRule": {"userId": self.owner, "roundRobin": [{"userId": self.owner, "weight": 1}]},
        }.get(name, {})


@pytest.fixture(scope="module")
async def leaves(writer: Client) -> Leaves:
    return await Leaves.under(writer)


@asynccontextmanager
async def by_hand(place: Place, table: str, *statements: str) -> AsyncIterator[None]:
    """Behind the back of every check the statements change the table, which is put back afterwards."""
    async with place.connect() as administrator:
        await administrator.execute("set session_replication_role = replica")
        columns = await administrator.fetchval(WRITTEN, table)
        await administrator.execute(f'create temp table before as select {columns} from "{table}"')
        try:
            for statement in statements:
                assert await administrator.execute(statement) not in ("UPDATE 0", "DELETE 0", "INSERT 0 0"), statement
            yield
        finally:
            put_back = f'insert into "{table}" ({columns}) select * from before'
            await administrator.execute(f'delete from "{table}"; {put_back}')


def columns_of(kind: AnyObject) -> list[str]:
    """All but the one that PostgreSQL writes by itself."""
    return [column.name for column in kind.table.c if column.name != "search"]


def together(kind: AnyObject, column: str) -> str:
    """An amount and its currency are null together, and a check would notice otherwise before `crm verify` does."""
    amount = column.removesuffix("_currency")
    if amount != column and amount in kind.table.c:
        return f', "{amount}" = coalesce("{amount}", 1)'
    currency = f"{column}_currency"
    return f', "{currency}" = coalesce("{currency}", \'CHF\')' if currency in kind.table.c else ""


async def another(world: World, table: str, column: str) -> str:
    """The expression for another value of the column."""
    [(type_,)] = await world.look(TYPE_OF, table, column)
    return OTHER[type_].format(f'"{table}"."{column}"')


async def unnoticed(place: Place, *changed: tuple[str, Mapping[UUID, str]]) -> list[str]:
    """The changes of which nothing is said, by the table that they are of; each is of the record before it."""
    async with AsyncExitStack() as stack:
        for table, changes in changed:
            await stack.enter_async_context(by_hand(place, table, *changes.values()))
        found = await verify(place.url)
    assert len(found) < AT_MOST
    findings = "\n".join(found)
    return [change for _, changes in changed for record, change in changes.items() if str(record) not in findings]


@pytest.mark.quick
async def test_random_writes_of_every_kind_leave_nothing_to_find(own: World, seed: int) -> None:
    workload = Workload(await own.tenant(), seed)

    await workload.run(effects=150)

    assert await verify(own.place.url) == []


@pytest.mark.parametrize("kinds", TOGETHER, ids=lambda kinds: ",".join(kind.name for kind in kinds))
async def test_no_column_of_a_record_can_be_changed_by_hand(
    own: World, leaves: Leaves, kinds: Sequence[AnyObject]
) -> None:
    changes = [(kind.table.name, await changed_by_hand(own, leaves, kind)) for kind in kinds]

    assert await unnoticed(own.place, *changes) == []


async def changed_by_hand(world: World, leaves: Leaves, kind: AnyObject) -> dict[UUID, str]:
    """For each column the change of it, by the record that it is of."""
    changes = {}
    for column in columns_of(kind):
        leaf = await leaves.make(kind.name)
        value = await another(world, kind.table.name, column)
        both = together(kind, column)
        change = f"""update "{kind.table.name}" set "{column}" = {value}{both} where id = '{leaf}'"""
        changes[leaf] = ALONE.get(column, "") + change
    return changes


async def test_no_column_of_the_bin_can_be_changed_by_hand(own: World, leaves: Leaves) -> None:
    changes = {}
    for column in table_of(Binned).c:
        leaf = await leaves.bin()
        value = await another(own, "bin", column.name)
        changes[leaf] = f"update bin set {column.name} = {value} where record_id = '{leaf}'"

    assert await unnoticed(own.place, ("bin", changes)) == []


async def test_no_member_of_what_the_bin_keeps_can_be_changed_by_hand(own: World, leaves: Leaves) -> None:
    changes = {}
    for column in columns_of(CATALOG["product"]):
        leaf = await leaves.bin()
        value = await another(own, "product", column)
        member = f"(select {value} from jsonb_populate_record(null::product, data) as product)"
        changes[leaf] = (
            f"update bin set data = data || jsonb_build_object('{column}', {member}) where record_id = '{leaf}'"
        )

    assert await unnoticed(own.place, ("bin", changes)) == []


async def test_the_bin_holds_what_was_deleted_and_nothing_else(own: World, leaves: Leaves) -> None:
    lost, alive, unborn = await leaves.bin(), await leaves.make("product"), uuid7()
    added = (
        "insert into bin select tenant_id, object, '{0}', version, now(), null, data from bin where record_id = '{1}'"
    )

    changes = {
        alive: added.format(alive, lost),
        unborn: added.format(unborn, lost),
        lost: f"delete from bin where record_id = '{lost}'",
    }

    assert await unnoticed(own.place, ("bin", changes)) == []


async def test_external_ids_are_those_that_the_records_show(own: World, leaves: Leaves) -> None:
    changes = [
        "delete from external_id where {mine}",
        "update external_id set value = 'other' where {mine}",
        "update external_id set system = 'other' where {mine}",
        "update external_id set object = 'account' where {mine}",
        "update external_id set object = 'planted' where {mine}",
        "update external_id set record_id = gen_random_uuid() where {mine}",
        "update external_id set tenant_id = gen_random_uuid() where {mine}",
        "insert into external_id select tenant_id, object, system, 'more', record_id from external_id where {mine}",
    ]
    made = {await leaves.make("product"): change for change in changes}
    of_each = {leaf: change.format(mine=f"record_id = '{leaf}'") for leaf, change in made.items()}

    assert await unnoticed(own.place, ("external_id", of_each)) == []


COPIED = (
    "insert into event select tenant_id, gen_random_uuid(), settle, nextval('event_seq'), at, object, {0}, {1}, type,"
    " actor_id, on_behalf_of, origin, change_set_id, cause_id, cause_depth, changes, data from event where <second>"
)
SWAPPED = (
    "update event set {0} = other.{0} from event other where event.record_id = '<id>' and other.record_id = '<id>'"
    " and (event.version, other.version) in ((2, 3), (3, 2))"
)
TAMPERING = (
    *(f"delete from event where record_id = '<id>' and version = {version}" for version in (1, 2, 3, 4)),
    "delete from event where record_id = '<id>'",
    *(SWAPPED.format(column) for column in ("settle", "seq", "at", "version", "changes", "data")),
    COPIED.format("record_id", "version"),
    COPIED.format("record_id", "5"),
    COPIED.format("gen_random_uuid()", "version") + "; delete from event where <second>",
    "update event set object = 'planted' where <second>",
    "update event set object = 'account' where <second>",
    "update event set type = 'product.restored' where <second>",
    "update event set type = 'product.created' where <second>",
    "update event set actor_id = gen_random_uuid() where <second>",
    "update event set at = at + interval '1 microsecond' where <second>",
    "update event set settle = settle + 1000 where <second>",
    "update event set tenant_id = gen_random_uuid() where <second>",
    "update event set changes = changes - 'externalIds' where <second>",
    """update event set changes = jsonb_set(changes, '{externalIds,0}', '"planted"') where <second>""",
    """update event set changes = jsonb_set(changes, '{externalIds,1}', '"planted"') where <second>""",
    """update event set data = jsonb_set(data, '{family}', '"planted"') where <second>""",
    "update event set data = data - 'family' where <second>",
)


async def test_the_log_cannot_be_changed_by_hand(own: World, leaves: Leaves) -> None:
    changes = {}
    for change in TAMPERING:
        leaf = await leaves.bin()
        changes[leaf] = change.replace("<second>", "record_id = '<id>' and version = 2").replace("<id>", str(leaf))

    assert await unnoticed(own.place, ("event", changes)) == []


async def test_all_that_was_found_was_what_the_tests_before_had_changed(own: World) -> None:
    assert await verify(own.place.url) == []


@pytest.mark.parametrize(
    "change",
    [
        "drop policy tenant on account",
        "alter table contact no force row level security",
        "create or replace view product_read as select * from product",
        "grant update on event to rapport_app",
        "alter function app_horizon() volatile",
        "update alembic_version set version_num = '0000'",
        "drop table alembic_version",
    ],
)
async def test_the_schema_is_that_of_the_program(database_copy: Place, change: str) -> None:
    assert await verify(database_copy.url) == []
    async with database_copy.connect() as administrator:
        await administrator.execute(change)

    assert await verify(database_copy.url) != []


async def test_an_event_beyond_the_months_is_found(own: World, leaves: Leaves) -> None:
    """The owner sees a partition only through its parent: by itself it has no policy for anybody."""
    leaf = await leaves.make("product")
    late = f"update event set id = 'ffffffff-ffff-7fff-bfff-ffffffffffff' where record_id = '{leaf}' and version = 2"

    async with by_hand(own.place, "event", late):
        assert ["default partition" in one for one in await verify(own.place.url)] == [True]


async def test_a_log_from_another_cluster_is_found_until_its_base_is_set(database_copy: Place) -> None:
    """A dump that is restored elsewhere has positions that no transaction there has reached."""
    async with running(database_copy) as restored:
        await restored.tenant()
    async with database_copy.connect() as administrator:
        await administrator.execute("update event set settle = settle + 1000000")
        for table in ('"user"', "pipeline"):  # that a tenant begins with
            await administrator.execute(f"update {table} set settle = settle + 1000000")

    assert ["ahead" in one for one in await verify(database_copy.url)] == [True]

    async with database_copy.connect() as administrator:
        await administrator.execute(f"alter database {database_copy.database} set app.settle_base = '1000000'")
    assert await verify(database_copy.url) == []


async def test_findings_are_sentences_without_values(own: World, leaves: Leaves) -> None:
    leaf = await leaves.make("contact")
    change = f"update contact set email = 'planted@b.example', phone = '+4900' where id = '{leaf}'"

    async with by_hand(own.place, "contact", change):
        findings = await verify(own.place.url)

    subject = f"contact {leaf} of tenant {leaves.writer.tenant_id}"
    assert findings == [f"{subject}: its {name} is not that of its last event." for name in ("email", "phone")]


CLONES = """
with template as (select * from product where id = $1),
     copy as (select other.* from template, generate_series(1, $2) number, jsonb_populate_record(
       null::product, to_jsonb(template) || jsonb_build_object('id', md5(number::text)::uuid)) other),
     clone as (insert into product (<columns>) select <columns> from copy returning *)
insert into event (tenant_id, id, settle, at, object, record_id, version, type, actor_id, origin, changes, data)
select clone.tenant_id, (left(event.id::text, 24) || right(clone.id::text, 12))::uuid, clone.settle, clone.created_at, 'product', clone.id, 1, 'product.created',
       clone.created_by, 'api', event.changes,
       event.data || jsonb_build_object('id', clone.id)
  from clone, event where event.record_id = $1
"""


async def test_nine_thousand_records_take_seconds(database_copy: Place) -> None:
    async with running(database_copy) as world:
        model = await make_product(await world.tenant())
    async with database_copy.connect() as administrator:
        columns = await administrator.fetchval(WRITTEN, "product")
        await administrator.execute(CLONES.replace("<columns>", columns), UUID(model["id"]), 9_000)
    began = time.monotonic()

    findings = await verify(database_copy.url)

    assert findings == []
    assert time.monotonic() - began < 120
    async with database_copy.connect() as administrator:
        await administrator.execute("update product set name = 'planted'")
    assert len(await verify(database_copy.url)) == AT_MOST + 1
