"""Forms on the web: the page, the post of another site, and the confirmation. Nobody here has an API key.

The key of the form says whose it is, and opens the right to make leads there. What is sent ends in one verb.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from http import HTTPStatus
from re import compile as pattern
from typing import Any, Final
from urllib.parse import parse_qsl
from uuid import UUID

import asyncpg
import orjson
from pydantic import ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from app.api import metrics
from app.api.addresses import caller_of, masked
from app.api.edge import ATTEMPTS, Edge, more_headers, refusal_of_database
from app.api.limits import RateLimiter
from app.api.pages.page import AGREED, HIDDEN, HONEYPOT, Filled, button_page, form_page, message_page
from app.domain.capture.admission import TooFast, admitted, is_proven, new_ticket
from app.domain.capture.rules import questions_of
from app.domain.capture.schemas import LeadFormRead, Posted
from app.domain.capture.service import LeadFormService, LeadSubmissionService
from app.domain.capture.tickets import Link, link_of
from app.domain.kernel.clock import utc_now
from app.domain.kernel.errors import (
    AppError,
    BadRequest,
    Fault,
    Forbidden,
    Gone,
    NotFound,
    RequestTimeout,
    TooLarge,
    TooManyRequests,
    UnsupportedMedia,
)
from app.repositories.capture import FormAccess, find_form
from app.repositories.session import Session

ORIGIN: Final = "form"
KEY: Final = pattern(r"[A-Za-z0-9_-]{24}")
BODY_LIMIT_BYTES: Final = 65_536
READS_PER_MINUTE: Final = 240
MOST_INPUTS: Final = 60
LONGEST_ALONG: Final = 2_000
LONGEST_UTM: Final = 200
UNPROVEN_SHARE: Final = 5  # of the posts that a form takes in a minute, as many as a fifth without a proof
URLENCODED, JSON = "application/x-www-form-urlencoded", "application/json"
CLOSED: Final = "There is no such form, or no longer."
BUSY: Final = "Too much was sent from here just now. Wait a minute and send it once more."
Answering = Callable[["Forms", Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Visit:
    """One request to one form, in a session that may do what its key allows."""

    access: FormAccess
    session: Session

    def ticket(self) -> str:
        return new_ticket(self.access.secret, utc_now())


def _on_a_page(answering: Answering) -> Answering:
    """A refusal is a page here, as it is a problem everywhere else."""

    @wraps(answering)
    async def answer(forms: "Forms", request: Request) -> Response:
        try:
            return await answering(forms, request)
        except Exception as error:
            refusal = error if isinstance(error, AppError) else refusal_of_database(error)
            if refusal is None:
                raise
            page = message_page(HTTPStatus(refusal.status).phrase, _told(refusal), refusal.status)
            if refusal.retry_after_s is not None:
                page.headers["retry-after"] = str(refusal.retry_after_s)
            return page

    return answer


@dataclass(frozen=True, slots=True)
class Forms:
    edge: Edge
    limiter: RateLimiter

    def routes(self) -> list[Route]:
        return [
            _route("/forms/{key}", self.show, "GET"),
            _route("/forms/{key}", self.post, "POST"),
            _route("/forms/{key}/thanks", self.thank, "GET"),
            _route("/forms/{key}/confirm/{token}", self.ask, "GET"),
            _route("/forms/{key}/confirm/{token}", self.confirm, "POST"),
            _route("/api/v1/forms/{key}", self.describe, "GET"),
            _route("/api/v1/forms/{key}", self.allow, "OPTIONS"),
            _route("/api/v1/forms/{key}/submissions", self.submit, "POST"),
            _route("/api/v1/forms/{key}/submissions", self.allow, "OPTIONS"),
        ]

    @_on_a_page
    async def show(self, request: Request) -> Response:
        visit, form = await self._reading(request)
        along = {name: text for name, text in request.query_params.items() if name in HIDDEN}
        if "referer" in request.headers:
            along.setdefault("referrer", request.headers["referer"])
        return form_page(form, Filled(visit.ticket(), _shortened(along)))

    @_on_a_page
    async def post(self, request: Request) -> Response:
        visit, form = await self._writing(request)
        values = _inputs(request, await _body(request))
        try:
            await self._receive(visit, form, _posted(form, values), by_script=False)
        except (AppError, ValidationError) as error:
            return _once_more(visit, form, values, error)
        return RedirectResponse(form.redirect_url or f"{form.form_key}/thanks", 303)

    @_on_a_page
    async def thank(self, request: Request) -> Response:
        _, form = await self._reading(request)
        text = form.thanks_text or "We have received what you sent."
        if form.double_opt_in:
            text += "\n\nOne step is left: open the link in the mail that you get from us."
        return message_page("Thank you", text, 200, form)

    @_on_a_page
    async def ask(self, request: Request) -> Response:
        """Programs that look into mails follow every link: only the button confirms."""
        await self._admit(request, READS_PER_MINUTE, "read")
        self._link(request, await self._visit(request))
        return button_page(
            "Confirm your address", "Press the button, so that we know this address is yours.", "Confirm"
        )

    @_on_a_page
    async def confirm(self, request: Request) -> Response:
        await self._admit(request, self.edge.settings.form_posts_per_minute, "post")
        visit = await self._visit(request)
        link = self._link(request, visit)
        await _repeated(visit.session, lambda session: LeadSubmissionService(session).confirm(link.submission_id))
        return message_page("Thank you", "Your address is confirmed.", 200)

    async def describe(self, request: Request) -> Response:
        """What a script needs to show the form itself, with a ticket to post with."""
        visit, form = await self._reading(request, by_script=True)
        described = {
            "title": form.title or form.name,
            "introduction": form.introduction,
            "fields": form.fields,
            "consentText": form.consent_text,
            "proofOfWorkBits": form.proof_of_work_bits,
            "ticket": visit.ticket(),
        }
        return Response(orjson.dumps(described), headers={"cache-control": "no-store"}, media_type=JSON)

    async def submit(self, request: Request) -> Response:
        visit, form = await self._writing(request, by_script=True)
        if _media(request) != JSON:
            raise UnsupportedMedia("Send JSON, and say so: Content-Type: application/json.")
        posted = Posted.model_validate_json(await _body(request), strict=True)
        await self._receive(visit, form, posted, by_script=True)
        state = "pending" if form.double_opt_in else "accepted"
        shown = {"state": state, "thanksText": form.thanks_text, "redirectUrl": form.redirect_url}
        return Response(orjson.dumps(shown), 201, media_type=JSON)

    async def allow(self, request: Request) -> Response:
        """A browser asks before its script may post."""
        await self._reading(request, by_script=True)
        allowed = {"access-control-allow-methods": "GET, POST", "access-control-allow-headers": "content-type"}
        return Response(status_code=204, headers={**allowed, "access-control-max-age": "600"})

    async def _reading(self, request: Request, *, by_script: bool = False) -> tuple[Visit, LeadFormRead]:
        await self._admit(request, READS_PER_MINUTE, "read")
        return await self._form(request, by_script=by_script)

    async def _writing(self, request: Request, *, by_script: bool = False) -> tuple[Visit, LeadFormRead]:
        await self._admit(request, self.edge.settings.form_posts_per_minute, "post")
        return await self._form(request, by_script=by_script)

    async def _admit(self, request: Request, limit: int, purpose: str) -> None:
        """Before anything is read or looked up: what is too much from one address costs next to nothing."""
        settings = self.edge.settings
        peer = request.client.host if request.client else ""
        address = caller_of(peer, request.headers.get("x-forwarded-for", ""), settings.proxies)
        salt = f"{settings.database_url} {purpose}"  # a secret that all processes know
        await self._limit(masked(address, utc_now().date(), salt), limit)

    async def _limit(self, name: UUID, limit: int) -> None:
        try:
            await self.limiter.admit(name, limit)
        except TooManyRequests as error:
            metrics.form_posted("limited")
            raise TooManyRequests(BUSY, retry_after_s=error.retry_after_s) from error

    async def _visit(self, request: Request) -> Visit:
        edge, key = self.edge, request.path_params["key"]
        deadline = time.monotonic() + edge.settings.deadline_s
        access = await find_form(edge.pool, key, deadline) if KEY.fullmatch(key) else None
        if access is None:
            raise NotFound(CLOSED)
        session = Session(
            edge.pool,
            access.actor,
            edge.schema,
            deadline=deadline,
            origin=ORIGIN,
            installation=edge.installation,
            ring=edge.ring,
        )
        return Visit(access, session)

    async def _form(self, request: Request, *, by_script: bool) -> tuple[Visit, LeadFormRead]:
        visit = await self._visit(request)
        form = await LeadFormService(visit.session).shown(visit.access.form_id)
        if by_script:
            _share(request, form)
        return visit, form

    async def _receive(self, visit: Visit, form: LeadFormRead, posted: Posted, *, by_script: bool) -> None:
        """Who fills in what no person sees is told what a person is told, and nothing is written."""
        if posted.subject:
            metrics.form_posted("honeypot")
            return
        secret, bits = visit.access.secret, form.proof_of_work_bits
        proven = is_proven(posted.ticket, posted.proof, bits)
        ticket = admitted(secret, posted.ticket, utc_now(), proven=proven, needs_proof=by_script)
        limit = self.edge.settings.form_posts_per_form_per_minute
        await self._limit(form.id, limit)
        if not proven:
            await self._limit(UUID(int=form.id.int ^ 1), max(1, limit // UNPROVEN_SHARE))
        await _repeated(visit.session, lambda session: LeadSubmissionService(session).receive(form, ticket, posted))
        metrics.form_posted("taken")

    def _link(self, request: Request, visit: Visit) -> Link:
        link = link_of(visit.access.secret, request.path_params["token"])
        if link is None:
            raise NotFound("This link is not complete: copy it from the mail as a whole.")
        if utc_now() >= link.expires_at:
            raise Gone("This link has expired: please fill in the form again.")
        return link


def _route(path: str, answering: Callable[[Request], Awaitable[Response]], method: str) -> Route:
    async def answer(request: Request) -> Response:
        request.scope["rapport.route"] = path
        return await answering(request)

    return Route(path, answer, methods=[method])


async def _repeated(session: Session, act: Callable[[Session], Awaitable[object]]) -> None:
    """Deadlocks and serialisation failures repeat the whole transaction."""
    for _ in range(ATTEMPTS - 1):
        try:
            await act(session)
        except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
            session = session.again()
        else:
            return
    await act(session)


def _share(request: Request, form: LeadFormRead) -> None:
    """With scripts of pages that the form names. Who sends no Origin is no browser, and needs a ticket all the same."""
    headers = more_headers(request.scope)
    headers.append((b"vary", b"Origin"))
    origin = request.headers.get("origin")
    if origin is None:
        return
    if origin not in form.allowed_origins:
        raise Forbidden("Pages of this origin may not use the form.", code="originNotAllowed")
    headers.append((b"access-control-allow-origin", origin.encode()))


def _once_more(visit: Visit, form: LeadFormRead, values: Mapping[str, str], error: Exception) -> Response:
    """The page with all that was typed. A ticket that is still good is shown again: its age counts."""
    metrics.form_posted("refused")
    if isinstance(error, ValidationError):
        faults = [Fault("/" + "/".join(map(str, one["loc"])), one["type"], one["msg"]) for one in error.errors()]
        return form_page(form, Filled(values.get("ticket", ""), values, faults), 422)
    assert isinstance(error, AppError)  # noqa: S101  # there is nothing else to catch
    if error.status not in (409, 410, 422, 429):
        raise error
    spent = any(fault.pointer == "/ticket" for fault in error.faults)
    ticket = visit.ticket() if spent else values.get("ticket", "")
    in_place = error.status == 422 and any(_is_seen(form, fault) for fault in error.faults)
    problem = None if in_place else error.detail
    page = form_page(form, Filled(ticket, values, error.faults if in_place else (), problem), error.status)
    if isinstance(error, TooFast | TooManyRequests):
        page.headers["retry-after"] = str(error.retry_after_s)
    return page


def _is_seen(form: LeadFormRead, fault: Fault) -> bool:
    """Whether the fault stands beside an input of the page."""
    name = fault.pointer.rpartition("/")[2]
    return name == "consent" or any(one.field == name for one in questions_of(form))


def _told(refusal: AppError) -> str:
    return refusal.detail if refusal.status < 500 else "Something does not work here just now. Try again in a while."


def _inputs(request: Request, body: bytes) -> dict[str, str]:
    if _media(request) != URLENCODED:
        raise UnsupportedMedia("Send the form as the browser does.")
    try:
        text = body.decode()
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_INPUTS, errors="strict")
    except ValueError as error:
        raise BadRequest("This cannot be read.") from error
    return dict(pairs)


def _posted(form: LeadFormRead, values: Mapping[str, str]) -> Posted:
    """What else a browser, or something in it, sends along is left out."""
    along = _shortened(values)
    utm = {name: text[:LONGEST_UTM] for name in _UTM if (text := along.get(f"utm_{name}"))}
    proof = values.get("proof", "")
    posted: dict[str, Any] = {
        "ticket": values.get("ticket", "")[:LONGEST_UTM],
        "proof": proof if _PROOF.fullmatch(proof) else "",
        "answers": {one.field: values[one.field] for one in questions_of(form) if one.field in values},
        "consent": values.get("consent") == AGREED,
        "subject": values.get(HONEYPOT, "")[:LONGEST_UTM],
        "utm": utm or None,
        "referrer": along.get("referrer") or None,
        "page": along.get("page") or None,
    }
    return Posted.model_validate(posted, strict=True)


def _shortened(values: Mapping[str, str]) -> dict[str, str]:
    return {name: text.replace("\0", "")[:LONGEST_ALONG] for name, text in values.items()}


def _media(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(_ARRIVES_WITHIN_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > BODY_LIMIT_BYTES:
                    raise TooLarge(f"At most {BODY_LIMIT_BYTES} bytes are read.")
    except TimeoutError as error:
        raise RequestTimeout("The form took longer to arrive than it may take.") from error
    except ClientDisconnect as error:
        raise BadRequest("The client went away.", code="disconnected") from error
    return bytes(body)


_UTM: Final = ("source", "medium", "campaign", "term", "content")
_PROOF: Final = pattern(r"[0-9]{1,20}")
_ARRIVES_WITHIN_S: Final = 5.0
