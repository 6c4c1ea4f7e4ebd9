"""Leads: their records, their life and their conversion, and how long they may wait."""

from typing import Any

from app.api.answer import JSON, Answer, show
from app.api.duplicates import duplicate_routes
from app.api.edge import Call
from app.api.parameters import KEYED
from app.api.records import record_router
from app.api.route import READING, SENDING, ApiRoute
from app.api.shapes import ID
from app.api.verbs import Verb, verb_routes
from app.domain.kernel.errors import Conflict
from app.domain.leads.objects import LEAD
from app.domain.leads.schemas import (
    ConversionPreview,
    Disqualification,
    LeadConversion,
    LeadSettings,
    LeadSettingsUpdate,
)
from app.domain.leads.service import ADMIN, LeadService
from app.domain.registry import CATALOG

ITEM = f"/{LEAD.plural}/{{id}}"
SETTINGS = {"firstResponseMinutes": 60, "escalationLevels": 3, "escalationReassigns": False}
PREVIEW = {
    "account": {
        "use": ID,
        "values": {"name": "Acme"},
        "matches": [
            {
                "id": ID,
                "title": "Acme Ltd",
                "score": 75,
                "reasons": [{"code": "domain", "field": "website", "detail": "acme.example", "points": 75}],
            }
        ],
    },
    "contact": {
        "use": None,
        "values": {"firstName": "Grace", "lastName": "Hopper", "email": "grace@acme.example"},
        "matches": [],
    },
    "opportunity": {"use": None, "values": {"name": "Acme - Grace Hopper"}, "matches": []},
}


async def preview(call: Call) -> Answer:
    call.options()
    found = await LeadService(call.session).preview(call.id)
    return Answer(200, found.model_dump_json(by_alias=True).encode(), JSON)


async def get_settings(call: Call) -> Answer:
    call.options()
    found = await LeadService(call.session).settings()
    return Answer(200, found.model_dump_json(by_alias=True).encode(), JSON)


async def change_settings(call: Call) -> Answer:
    data = call.read(LeadSettingsUpdate)
    return show(await LeadService(call.session).change_settings(data, call.claim(200)), 200, call.collection)


_READ: dict[str, Any] = {"tag": LEAD.plural, "permission": LEAD.scope("read")}
leads = (
    *record_router(LeadService, CATALOG),
    *duplicate_routes(LEAD),
    *verb_routes(
        LeadService,
        Verb(
            name="contact",
            summary="Say that one lead was contacted",
            description="The first response: it no longer goes up from manager to manager. A new lead is contacted from now on; "
            "one that is qualified stays so.",
            act=LeadService.contact,
        ),
        Verb(
            name="qualify",
            summary="Qualify one lead",
            description="It is worth a deal. A lead that is new need not have been contacted before.",
            act=LeadService.qualify,
        ),
        Verb(
            name="disqualify",
            summary="Disqualify one lead",
            description="For a reason. With `recycleOn` it is new again on the morning of that day, in the tenant's time zone.",
            act=LeadService.disqualify,
            body=Disqualification,
            body_example={"reason": "badTiming", "note": "Asks again in spring.", "recycleOn": "2027-03-01"},
        ),
        Verb(
            name="recycle",
            summary="Make one disqualified lead new again",
            description="It waits for a first response anew. Why it was disqualified stays to be read.",
            act=LeadService.recycle,
        ),
        Verb(
            name="convert",
            summary="Convert one lead",
            description="Into an account, a contact and an opportunity, all or nothing. `account` and `contact` take the `id` "
            "of one that there is, whose empty fields are filled, or fields of a new one; left out, the one that its email or "
            "domain leaves no doubt of is taken, else one is created; null makes none. The lead is locked and says what it "
            "became. 409 `leadConverted` where it is converted already.",
            act=LeadService.convert,
            body=LeadConversion,
            body_example={"opportunity": {"name": "Acme - Rollout", "closeDate": "2027-06-30"}},
        ),
        Verb(
            name="assign",
            summary="Assign one lead by the rules",
            description="As when it was created without an owner, but by the rules of now. Where none matches, or the one "
            "that does has nobody to give it to, the lead stays where it is. GET /explain/assignment says why.",
            act=LeadService.assign,
        ),
        Verb(
            name="take",
            summary="Take one lead out of its queue",
            description="For members of the queue. Of many who try at once one becomes its owner; the others are answered "
            "409 `notWaiting`.",
            act=LeadService.take,
        ),
    ),
    ApiRoute(
        method="GET",
        path=f"{ITEM}/conversion",
        name="preview_conversion",
        summary="Preview the conversion of one lead",
        description="Accounts and contacts that may be the same, with scores that their reasons add up to, what a "
        "conversion without any choice would use, and the values it would fill in. Needs the right to read accounts and "
        "contacts.",
        handler=preview,
        errors=(*READING, Conflict),
        shows=ConversionPreview,
        example=PREVIEW,
        **_READ,
    ),
)
lead_settings = (
    ApiRoute(
        method="GET",
        path="/lead-settings",
        name="get_lead_settings",
        summary="Get how long leads may wait",
        description="The time for a first response, and what happens after it.",
        handler=get_settings,
        errors=READING,
        shows=LeadSettings,
        example=SETTINGS,
        **_READ,
    ),
    ApiRoute(
        method="PATCH",
        path="/lead-settings",
        name="change_lead_settings",
        summary="Change how long leads may wait",
        description="For administrators. Leads that wait already go on as they began.",
        handler=change_settings,
        errors=SENDING,
        body=LeadSettingsUpdate,
        body_example=SETTINGS,
        shows=LeadSettings,
        example=SETTINGS,
        parameters=KEYED,
        tag=LEAD.plural,
        permission=ADMIN,
    ),
)
