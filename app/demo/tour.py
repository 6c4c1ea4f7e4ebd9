"""`crm demo tour`: the way of one lead from a form to a won deal, each step one line of what was asked and answered."""

from collections.abc import Callable
from secrets import token_hex
from typing import Any

import httpx

from app.demo.answers import Result
from app.demo.client import BASE
from app.demo.failure import LoadFailed
from app.demo.furnishing import FORM_KEY, PRICE_BOOK, SALES
from app.demo.visitor import FormPage, fill_in

NO_SAMPLE = (
    "The sample is not there: start with `crm up --seed demo`, "
    "or load it with `crm demo load demo/sales-opportunities --made-up`."
)
NEXT = "Look at it yourself: the tour of README.md, docs/sales.md for the same way with curl, and /docs for every call."
VALID_UNTIL = "2099-12-31"
WIDTH = 46
Say = Callable[[str], None]
Document = dict[str, Any]


async def tour(
    api_url: str, key: str, system: str, say: Say, transport: httpx.AsyncBaseTransport | None = None
) -> None:
    """It may be taken any number of times; each is the story of another person."""
    site = api_url.rstrip("/").removesuffix(BASE)
    headers = {"Authorization": f"Bearer {key}"}
    try:
        async with (
            httpx.AsyncClient(base_url=site + BASE, headers=headers, timeout=30, transport=transport) as api,
            httpx.AsyncClient(base_url=site, timeout=30, transport=transport) as web,
        ):
            await Tour(api, web, system, say).take()
    except httpx.TransportError as error:
        raise LoadFailed(f"Nothing answers at {site}: is `crm up` running? ({type(error).__name__} {error})") from error


class Tour:
    """`api` has a key, `web` is a browser of somebody without one."""

    def __init__(self, api: httpx.AsyncClient, web: httpx.AsyncClient, system: str, say: Say) -> None:
        self._api, self._web, self._system, self._say = api, web, system, say

    async def take(self) -> None:
        form = await self._of_sample("lead-forms", FORM_KEY)
        pipeline, book = await self._of_sample("pipelines", SALES), await self._of_sample("price-books", PRICE_BOOK)
        await self._look_at_board(pipeline["id"])
        lead = await self._capture(form["formKey"])
        await self._say_who_has(lead)
        await self._score(lead)
        await self._qualify(lead)
        deal = await self._convert(lead)
        await self._price(deal, book["id"])
        await self._move(deal)
        await self._quote(deal)
        await self._win(deal)
        await self._look_at_board(pipeline["id"])
        self._say(NEXT)

    async def _of_sample(self, plural: str, key: str) -> Document:
        found = await self._ask("GET", f"/{plural}?externalIds.{self._system}={key}")
        if not found["data"]:
            raise LoadFailed(NO_SAMPLE)
        record: Document = found["data"][0]
        return record

    async def _look_at_board(self, pipeline_id: str) -> None:
        columns = (await self._ask("GET", f"/pipelines/{pipeline_id}/board?limit=1"))["data"]
        self._tell("GET /pipelines/{id}/board", ", ".join(f"{one['label']} {one['count']:,}" for one in columns))
        [total] = (await self._ask("GET", f"/sales-figures/win-rates?pipelineId={pipeline_id}"))["data"]
        average = total["averageDeal"] and _money(total["averageDeal"])
        self._tell("GET /sales-figures/win-rates", f"{total['winRatePercent']} % won, {average} on average")

    async def _capture(self, form_key: str) -> Document:
        """By the web alone; only then the API is asked what came of it."""
        address, token = f"/forms/{form_key}", token_hex(3)
        shown = await self._web.get(address, params={"utm_source": "tour"})
        page = FormPage.read(shown.raise_for_status().text)
        questions = ", ".join(name for name in page.inputs if name in {"firstName", "lastName", "company", "email"})
        self._tell("GET /forms/{formKey}", f"{shown.status_code}, a page that asks for {questions} and more")
        email = f"jane.doe.{token}@kestrel-{token}.example"
        answers = {"firstName": "Jane", "lastName": "Doe", "company": f"Kestrel Works {token}", "email": email}
        sent = await fill_in(self._web, address, page, answers | {"employees": "40", "description": "We need ten."})
        if sent.status_code != httpx.codes.SEE_OTHER:
            raise LoadFailed(f"The form was answered {sent.status_code}: wait a minute and take the tour once more.")
        self._tell("POST /forms/{formKey}", f"303 to the page that thanks, for a proof of {page.bits} bits")
        [lead] = (await self._ask("GET", f"/leads?email={email}"))["data"]
        self._tell("GET /leads?email=", f"{_name(lead)} of {lead['company']}, {lead['status']}, {lead['utm']}")
        return dict(lead)

    async def _say_who_has(self, lead: Document) -> None:
        [decision] = (await self._ask("GET", f"/explain/assignment?object=lead&id={lead['id']}"))["data"]
        rule = next((one["name"] for one in decision["rules"] if one["ruleId"] == decision["ruleId"]), "none")
        owner = (
            await self._ask("GET", f"/users/{decision['ownerId']}") if decision["ownerId"] else {"name": "the queue"}
        )
        self._tell("GET /explain/assignment", f"the rule {rule!r} gave the lead to {owner['name']}")

    async def _score(self, lead: Document) -> None:
        await self._ask("POST", f"/leads/{lead['id']}/behaviours", {"behaviour": "demo"})
        explained = await self._ask("GET", f"/explain/score?leadId={lead['id']}")
        self._tell("POST /leads/{id}/behaviours", f"asked for a demo, and has a score of {explained['score']} now")
        facts = ", ".join(f"{one['label']} {one['points']:+}" for one in explained["facts"])
        self._tell("GET /explain/score", facts)

    async def _qualify(self, lead: Document) -> None:
        path = f"/leads/{lead['id']}"
        contacted = await self._ask("POST", f"{path}/contact")
        self._tell(
            "POST /leads/{id}/contact", f"{contacted['status']}, first response at {contacted['firstRespondedAt'][:19]}"
        )
        qualified = await self._ask("POST", f"{path}/qualify")
        self._tell("POST /leads/{id}/qualify", qualified["status"])

    async def _convert(self, lead: Document) -> Document:
        path, name = f"/leads/{lead['id']}/convert", f"{lead['company']} - GTX"
        wanted = {"opportunity": {"name": name}}
        plan = await self._ask("POST", path, wanted, Prefer="dry-run")
        writes = ", ".join(f"{one['change']} {one['object']}" for one in plan["writes"])
        self._tell("POST /leads/{id}/convert, dry-run", f"would have {writes}")
        converted = await self._ask("POST", path, wanted)
        deal = await self._ask("GET", f"/opportunities/{converted['convertedOpportunityId']}")
        self._tell("POST /leads/{id}/convert", f"{converted['status']}; the deal {deal['name']!r} is {deal['stage']}")
        return deal

    async def _price(self, deal: Document, book_id: str) -> None:
        await self._ask("PATCH", f"/opportunities/{deal['id']}", {"priceBookId": book_id})
        entries = (await self._ask("GET", f"/price-book-entries?priceBookId={book_id}&sort=unitPrice&limit=2"))["data"]
        for entry, quantity in zip(entries, ("10", "2"), strict=False):
            body = {"opportunityId": deal["id"], "productId": entry["productId"], "quantity": quantity}
            line = await self._ask("POST", "/opportunity-lines", body | {"discountPercent": "5"})
            self._tell(
                "POST /opportunity-lines", f"{quantity} at {_money(line['unitPrice'])} less 5 %: {_money(line['net'])}"
            )
        priced = await self._ask("GET", f"/opportunities/{deal['id']}")
        self._tell("GET /opportunities/{id}", f"worth {_money(priced['amount'])}, which is the sum of its lines")

    async def _move(self, deal: Document) -> None:
        """First as the pipeline does not let it, then as it does."""
        path, day = f"/opportunities/{deal['id']}/move", deal["createdAt"][:10]
        refused = Result.of(await self._api.post(path, json={"stage": "engaging"}))
        self._tell(
            "POST /opportunities/{id}/move", f"{refused.status} {refused.body['code']}: {refused.body['detail']}"
        )
        moved = await self._ask("POST", path, {"stage": "engaging", "engageDate": day})
        self._tell("POST /opportunities/{id}/move", f"{moved['stage']}, {moved['probability']} %")

    async def _quote(self, deal: Document) -> None:
        quote = await self._ask("POST", "/quotes", {"opportunityId": deal["id"], "validUntil": VALID_UNTIL})
        path = f"/quotes/{quote['id']}"
        presented = await self._ask("POST", f"{path}/present")
        self._tell("POST /quotes/{id}/present", f"{presented['number']}, {_money(presented['total'])} in all")
        paper = await self._api.get(f"{path}/pdf")
        if paper.is_error:
            raise LoadFailed(f"GET {path}/pdf was answered {Result.of(paper).problem()}")
        self._tell("GET /quotes/{id}/pdf", f"{paper.headers['content-type']}, {len(paper.content):,} bytes")
        self._tell("POST /quotes/{id}/accept", (await self._ask("POST", f"{path}/accept"))["status"])

    async def _win(self, deal: Document) -> None:
        path = f"/opportunities/{deal['id']}"
        won = await self._ask("POST", f"{path}/win", {"reason": "product"})
        self._tell("POST /opportunities/{id}/win", f"{won['stage']} on {won['closeDate']} for {_money(won['amount'])}")
        stays = (await self._ask("GET", f"{path}/stage-history"))["data"]
        self._tell("GET /opportunities/{id}/stage-history", " -> ".join(one["stage"] for one in stays))

    async def _ask(self, method: str, path: str, body: Document | None = None, **headers: str) -> Document:
        answer = await self._api.request(method, path, json=body, headers=headers)
        result = Result.of(answer)
        if result.is_refusal or not isinstance(result.body, dict):
            raise LoadFailed(f"{method} {path} was answered {result.problem()}")
        return result.body

    def _tell(self, call: str, outcome: str) -> None:
        self._say(f"{call:{WIDTH}} {outcome}")


def _name(lead: Document) -> str:
    return f"{lead['firstName']} {lead['lastName']}"


def _money(money: Document) -> str:
    return f"{money['amount']} {money['currency']}"
