"""By what two records are taken for one: data of a declaration. How each is compared, `matching` knows."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class OnDuplicate(StrEnum):
    """What an organisation does when a record is created that seems to be there already."""

    allow = "allow"
    warn = "warn"
    block = "block"


class Likeness(StrEnum):
    """`company` and `person` are names, which may differ a little; all else is equal or says nothing.

    `employer` is the company of a person: many have the same, so it counts beside the name of the person only.
    """

    email = "email"
    phone = "phone"
    domain = "domain"
    company = "company"
    person = "person"
    employer = "employer"

    @property
    def code(self) -> str:
        if self is Likeness.employer:
            return "company"
        return "name" if self.is_name else self.value

    @property
    def is_name(self) -> bool:
        return self in (Likeness.company, Likeness.person)


@dataclass(frozen=True, slots=True)
class MatchedBy:
    """`fields` of the record are compared: those of a name together, else each, lists too.

    `given` names what else may be known of a record that does not exist yet, such as an email that tells the domain.
    """

    likeness: Likeness
    fields: tuple[str, ...]
    given: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Employer:
    """The company of a person: the `text` of what `reference` leads to. A record of ours says it in `ours`."""

    reference: str
    text: str
    ours: str


@dataclass(frozen=True, slots=True)
class Resembles:
    """Another object whose records may mean the same as ours, compared by what its own are matched by.

    `given` names the field of ours for each that is compared there. What `became` names is no duplicate: ours went into it.
    """

    object: str
    given: Mapping[str, str]
    employer: Employer
    became: str


@dataclass(frozen=True, slots=True)
class DuplicatePolicy:
    """Candidates with a lower score do not count."""

    action: OnDuplicate
    least_score: int
