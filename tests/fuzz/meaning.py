"""What the fields of a valid request mean, by object, where any text fits their schema and most texts are refused."""

from collections.abc import Mapping
from typing import Any

from app.domain.currencies.objects import EXCHANGE_RATE
from app.domain.forecasting.objects import FORECAST_ADJUSTMENT, QUOTA
from app.domain.lines.objects import OPPORTUNITY_LINE
from app.domain.pipeline.schemas import STAGES
from app.domain.pricing.objects import PRICE_BOOK_ENTRY
from app.domain.quoting.objects import QUOTE
from app.domain.quoting.schemas import LINES
from app.domain.scoring.objects import SCORING_MODEL
from app.domain.team.objects import OPPORTUNITY_CONTACT, OPPORTUNITY_MEMBER

OFTEN_TAKEN = ("price-book-entries", "exchange-rates", "users", "quotas", "forecast-adjustments")
FILTER = "version > 0 && createdAt <= now() || owner == me()"  # any text fits the schema, few are expressions
BODIES = {
    "accounts": {"name": "Acme"},
    "contacts": {"lastName": "Lovelace"},
    "leads": {"lastName": "Hopper", "company": "Acme", "email": "grace@acme.example"},
    "lead-forms": {
        "name": "Contact us",
        "doubleOptIn": True,
        "fields": [{"field": "email", "label": "Email", "required": True, "kind": "email"}],
    },
    "lead-submissions": {"answers": {"lastName": "Hopper"}},
    "account-relations": {"role": "consultant"},
    "opportunities": {"name": "Acme - GTX Basic"},
    "pipelines": {"name": "New business", "stages": STAGES},
    "products": {"name": "GTX Basic"},
    "opportunity-lines": OPPORTUNITY_LINE.example,
    "opportunity-contacts": OPPORTUNITY_CONTACT.example,
    "opportunity-members": OPPORTUNITY_MEMBER.example,
    "quotes": QUOTE.example,
    "price-books": {"name": "Resellers", "currency": "EUR"},
    "price-book-entries": PRICE_BOOK_ENTRY.example,
    "exchange-rates": EXCHANGE_RATE.example,
    "quotas": QUOTA.example,
    "forecast-adjustments": FORECAST_ADJUSTMENT.example,
    "users": {"name": "Ada Lovelace"},
    "views": {"name": "Finance", "object": "account", "shared": True},
    "webhook-endpoints": {"url": "https://example.com/hook", "eventTypes": ["contact.*"]},
    "queues": {"name": "Inbound"},
    "absences": {"startsAt": "2026-12-24T00:00:00Z", "endsAt": "2027-01-02T00:00:00Z"},
    "assignment-rules": {"name": "Everybody", "active": False},
    "scoring-models": {"name": "Inbound"},
    "api-keys": {"name": "Website", "scopes": ["accounts:read"]},
}
REFERENCES = {
    "ownerId": "users",
    "managerId": "users",
    "userId": "users",
    "accountId": "accounts",
    "parentId": "accounts",
    "primaryContactId": "contacts",
    "contactId": "contacts",
    "reportsToId": "contacts",
    "productId": "products",
    "pipelineId": "pipelines",
    "queueId": "queues",
    "priceBookId": "price-books",
    "opportunityId": "opportunities",
}
PHONE, SHORTEST_PHONE = "+49 (0)30 123-456", "00000"  # the other one fits the pattern, and is no number
MEANT: Mapping[str, Mapping[str, Any]] = {
    "batch": {
        "operations": [
            {"id": "a", "method": "POST", "path": "/accounts", "body": {"name": "Acme"}},
            {"method": "GET", "path": "/accounts/{a.id}?fields=name"},
        ]
    },
    "leads": {
        "lastName": "Hopper",
        "email": "grace@müller.example",
        "status": "contacted",
        "disqualifiedReason": "badTiming",
        "occurredAt": "2020-01-01T00:00:00Z",
        "phone": PHONE,
    },
    "opportunities": {
        "stage": "engaging",
        "outcomeReason": "other",
        "reason": "other",
        "stays": [{"stage": "prospecting", "enteredAt": "2020-01-01T00:00:00Z", "leftAt": "2020-02-01T00:00:00Z"}],
    },
    "pipelines": {"lostReasons": ["price", "overdue"], "stages": STAGES, "isDefault": False},
    "lead-forms": {
        "fields": [{"field": "email", "label": "Email", "required": True, "kind": "email"}],
        "redirectUrl": "https://example.com/thanks",
        "allowedOrigins": ["https://example.com"],
    },
    "lead-submissions": {"answers": {"lastName": "Hopper"}},
    "opportunity-lines": {
        "productId": None,
        "quantity": "2",
        "unitPrice": {"amount": "520.00", "currency": "USD"},
        "discountAmount": None,
    },
    "opportunity-contacts": {"contactId": None},
    "opportunity-members": {"userId": None, "splitPercent": None},
    "quotes": {"lines": LINES, "locale": "en"},
    "price-books": {"validUntil": None},
    "price-book-entries": {"unitPrice": {"amount": "480.00", "currency": "EUR"}},
    "exchange-rates": {"currency": "GBP"},
    "quotas": {"amount": {"amount": "480.00", "currency": "EUR"}},
    "forecast-adjustments": {"amount": {"amount": "480.00", "currency": "EUR"}},
    "accounts": {"phone": PHONE},
    "contacts": {
        "phone": PHONE,
        "email": "ada@Example.com",
        "otherEmails": [{"address": "ada@home.example"}],
        "otherPhones": [{"number": "0044 20 7946 0000", "label": "home"}],
        "timeZone": "Europe/Berlin",
        "locale": "en-GB",
        "account": {"name": "Acme", "phone": PHONE},
    },
    "account-relations": {"startsOn": "2026-01-01", "endsOn": "2026-12-31"},
    "views": {"object": "account", "filter": "employees > 5", "columns": ["name", "owner.name"], "sort": "-employees"},
    "queues": {"members": []},
    "absences": {"startsAt": "2026-12-24T00:00:00Z", "endsAt": "2027-01-02T00:00:00Z"},
    "assignment-rules": {"when": "isNew()", "roundRobin": []},
    "scoring-models": {**SCORING_MODEL.example, "active": False},
    "webhook-endpoints": {
        "url": "https://example.com/hook",
        "eventTypes": ["user.created"],
        "disabled": False,
        "filter": "isNew()",
        "kind": "symmetric",
        "secret": None,
        "eventType": "user.created",
    },
}
