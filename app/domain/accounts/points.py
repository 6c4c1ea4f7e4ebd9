"""The ways to reach somebody: emails, phones, addresses, profiles."""

from typing import Annotated, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from app.domain.kernel.phones import PhoneNumber
from app.domain.kernel.schemas import Email, Label, Limits

Tag = Annotated[str, Limits(50, min_length=1)]
_STRICT = ConfigDict(extra="forbid")


@with_config(_STRICT)
class OtherEmail(TypedDict):
    address: Email
    label: NotRequired[Label]


@with_config(_STRICT)
class OtherPhone(TypedDict):
    number: PhoneNumber
    label: NotRequired[Label]


@with_config(_STRICT)
class Address(TypedDict):
    """The members are those of the API, for that is how it is stored."""

    label: NotRequired[Label]
    street: NotRequired[Annotated[str, Limits(300)]]
    city: NotRequired[Label]
    region: NotRequired[Label]
    postalCode: NotRequired[Annotated[str, Limits(20)]]
    country: NotRequired[Label]


@with_config(_STRICT)
class SocialProfile(TypedDict):
    network: Annotated[str, Limits(50, min_length=1)]
    url: Annotated[str, Limits(500, min_length=1)]


OtherEmails = Annotated[
    list[OtherEmail], Field(max_length=20, examples=[[{"address": "ada@home.example", "label": "private"}], []])
]
OtherPhones = Annotated[list[OtherPhone], Field(max_length=20, examples=[[{"number": "+493012345678"}], []])]
Addresses = Annotated[
    list[Address],
    Field(
        max_length=20,
        examples=[[{"label": "billing", "street": "1 High Street", "city": "Leeds", "postalCode": "LS1 4AP"}], []],
    ),
]
SocialProfiles = Annotated[
    list[SocialProfile],
    Field(max_length=20, examples=[[{"network": "mastodon", "url": "https://social.example/@ada"}], []]),
]
Tags = Annotated[list[Tag], Field(max_length=50, examples=[["key", "north"], []])]
