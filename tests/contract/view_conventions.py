"""Conventions of saved views, and of records whose owner decides who sees them."""

from sqlalchemy import true

from app.api import records as record_routes
from app.domain.kernel.query import PLAIN
from app.domain.records.reader import Reader
from app.domain.records.service import RecordService
from app.repositories import compile as compiling
from tests.contract.convention import Case, Convention, always, created, eventually, is_problem, without


async def a_view_is_a_list_to_come_back_to(case: Case) -> None:
    for name, employees in (("a", 5), ("b", 50), ("c", 500)):
        await created(case.client, name=name, employees=employees)
    said = {"object": "account", "filter": "employees > 5", "columns": ["name"], "sort": "-employees"}
    view = await created(case.client, "/views", **said)
    listed = (await case.client.get(f"/accounts?view={view['id']}")).json()["data"]
    assert [(*row, row["name"]) for row in listed] == [("id", "name", "c"), ("id", "name", "b")]


async def what_is_private_is_not_there_for_others(case: Case) -> None:
    other = await case.world.member_of(case.client)
    view = await created(case.client, "/views", object="account")
    is_problem(await other.get(f"/views/{view['id']}"), 404, "notFound")
    assert (await other.get("/views")).json()["data"] == []
    assert (await other.get(f"/accounts?view={view['id']}")).json()["code"] == "unknownView"


async def what_is_shared_is_changed_by_its_owner(case: Case) -> None:
    other = await case.world.member_of(case.client)
    view = await created(case.client, "/views", object="account", shared=True)
    assert (await other.get(f"/views/{view['id']}")).json() == view
    is_problem(await other.patch(f"/views/{view['id']}", json={"name": "Mine"}), 403, "ownerOnly")


async def what_was_private_stays_so(case: Case) -> None:
    other = await case.world.member_of(case.client)
    view = await created(case.client, "/views", object="account", filter="version == 7")
    await case.client.patch(f"/views/{view['id']}", json={"shared": True, "filter": None})
    (event,) = (await other.get(f"/views/{view['id']}/history")).json()["data"]
    assert event["previous"] == {"shared": None, "filter": None}


VIEWS = (
    Convention(
        topic="list",
        name="view",
        rule="A saved view brings its filter, its order and its columns to a list.",
        proof=a_view_is_a_list_to_come_back_to,
        mutation=without((record_routes, "_preset", eventually(PLAIN))),
    ),
    Convention(
        topic="list",
        name="private",
        rule="A private record answers others as one that does not exist.",
        proof=what_is_private_is_not_there_for_others,
        mutation=without((compiling, "_own", always(true()))),
    ),
    Convention(
        topic="list",
        name="shared",
        rule="A shared record is read by all and changed by its owner and administrators.",
        proof=what_is_shared_is_changed_by_its_owner,
        mutation=without((RecordService, "_may_own", always(None)), (compiling, "_own", always(true()))),
    ),
    Convention(
        topic="history",
        name="formerly private",
        rule="The event that makes a record visible shows no former values.",
        proof=what_was_private_stays_so,
        mutation=without((Reader, "_is_guarded", always(None))),
    ),
)
