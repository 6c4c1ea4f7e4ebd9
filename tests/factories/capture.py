from typing import Any

from tests.factories.making import make
from tests.world import Client

NAME = {"field": "lastName", "label": "Your name", "required": True}
EMAIL = {"field": "email", "label": "Email", "required": True, "kind": "email"}
MESSAGE = {"field": "description", "label": "How can we help?", "kind": "longText"}
AGREED = "You may write to me about your products."


async def make_form(client: Client, **fields: Any) -> dict[str, Any]:
    defaults = {"name": "Contact us", "fields": [NAME, EMAIL, MESSAGE], "proofOfWorkBits": 0, "source": "website"}
    return await make(client, "lead-forms", defaults, fields)


async def make_submission(client: Client, **fields: Any) -> dict[str, Any]:
    defaults = {"answers": {"lastName": "Hopper", "email": "grace@acme.example"}, "consentText": AGREED}
    return await make(client, "lead-submissions", defaults, fields)
