"""Whether two records mean the same: what is equal or alike in them, and what each of it counts."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from pydantic.alias_generators import to_camel

from app.domain.kernel.countries import country_code
from app.domain.kernel.dialling import redialled, stated_country
from app.domain.kernel.domains import normal_domain
from app.domain.kernel.errors import AppError, Conflict, Fault
from app.domain.kernel.likeness import Employer, Likeness, MatchedBy
from app.domain.kernel.object_type import AnyObject
from app.domain.kernel.phones import e164
from app.domain.kernel.search import fold
from app.domain.matching.names import company_likeness, company_words, distinctive, person_likeness, person_words

# Of mail that anybody can have: that two people use it says nothing of their companies.
_PUBLIC_MAIL = (
    "gmail.com googlemail.com outlook.com hotmail.com hotmail.co.uk hotmail.fr hotmail.de live.com msn.com yahoo.com "
    "yahoo.co.uk yahoo.fr yahoo.de yahoo.co.jp ymail.com aol.com icloud.com me.com mac.com proton.me protonmail.com pm.me "
    "gmx.de gmx.net gmx.at gmx.ch gmx.com web.de t-online.de freenet.de posteo.de mailbox.org mail.de arcor.de orange.fr "
    "wanadoo.fr free.fr laposte.net sfr.fr libero.it virgilio.it tiscali.it alice.it mail.ru yandex.ru yandex.com bk.ru "
    "list.ru inbox.ru qq.com 163.com 126.com sina.com naver.com hanmail.net daum.net rediffmail.com zoho.com fastmail.com "
    "comcast.net verizon.net att.net bellsouth.net sbcglobal.net cox.net bigpond.com btinternet.com sky.com uol.com.br "
    "bol.com.br terra.com.br wp.pl o2.pl onet.pl interia.pl seznam.cz centrum.cz bluewin.ch hey.com tutanota.com"
)
PUBLIC_MAIL = frozenset(_PUBLIC_MAIL.split())
LEAST_SCORE = 25  # of a candidate that is worth telling
# What an equal value counts of the hundred that there is; of a name it falls with every letter that differs.
COUNTS = {Likeness.email: 0.96, Likeness.phone: 0.80, Likeness.domain: 0.75}
PERSON_COUNTS = 0.60
_NAMES_COUNT = {Likeness.company: 0.92, Likeness.person: PERSON_COUNTS, Likeness.employer: 0.85}
ALIKE_FROM = 0.4  # names less alike than this say nothing
EMPLOYER = "employer"  # under which its name lies among the values of a record
_SEPARATOR = " "


@dataclass(frozen=True, slots=True)
class Reason:
    """`points` of all reasons together are the score. `field` is, in the API, what of the candidate is equal or alike.

    `given` is the column of what it was compared with, which is told to nobody.
    """

    code: str
    field: str
    detail: str
    points: int
    given: str

    def told(self) -> dict[str, Any]:
        return {"code": self.code, "field": self.field, "detail": self.detail, "points": self.points}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record that may be the same; `score` is 100 for what could not be surer.

    `given` is the column whose value led to it most surely.
    """

    object: str
    record_id: UUID
    title: str
    score: int
    reasons: Sequence[Reason]
    given: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a record is looked for by: phrases that it must hold word for word, and names that may differ a little.

    `letters` of a name are what its spelling is compared by, `words` those of which one must be there but for a letter.
    """

    phrases: Sequence[str]
    letters: Sequence[str]
    words: Sequence[str]


@dataclass(frozen=True, slots=True)
class Look:
    """What records of one object are compared with, by which rules. `given` has values by column of that object.

    Where these come from a record of another, `mapped` names the columns that they have there.
    """

    kind: AnyObject
    rules: Sequence[MatchedBy]
    given: Mapping[str, Any]
    but: UUID | None
    mapped: Mapping[str, str] = field(default_factory=dict)
    employer: Employer | None = None

    def ours(self, name: str) -> str:
        return self.mapped.get(name, name)

    @property
    def columns(self) -> Sequence[str]:
        compared = [rule for rule in self.rules if rule.likeness is not Likeness.employer]
        return tuple(dict.fromkeys(name for rule in compared for name in rule.fields))


def in_e164(kind: AnyObject, given: Mapping[str, Any], tenants: str | None) -> Mapping[str, Any]:
    """With the numbers that can be read as those of the country that is given, or else of the tenant's."""
    stated = stated_country(kind, given)
    country = country_code(stated) if stated else tenants
    phones = [name for name in kind.phones if given.get(name)]
    return {
        **given,
        **{name: redialled(kind, name, given[name], lambda one: e164(one, country) or one) for name in phones},
    }


def wanted(look: Look) -> Wanted:
    """A company of which a person is leads to its other people only, so nobody is looked for by it."""
    phrases: list[str] = []
    letters: list[str] = []
    words: list[str] = []
    for rule in look.rules:
        keys = _KEYS.get(rule.likeness)
        if keys:
            phrases += [fold(key) for _, value in _given(look.kind, rule, look.given) if (key := keys(value))]
        elif rule.likeness.is_name and (name := _joined(look.given, rule.fields)):
            naming = distinctive(company_words(name)[0]) if rule.likeness is Likeness.company else person_words(name)
            letters.append(_SEPARATOR.join(naming))
            words += naming
    return Wanted(tuple(dict.fromkeys(phrases)), tuple(dict.fromkeys(letters)), tuple(dict.fromkeys(words)))


def reasons(look: Look, other: Mapping[str, Any]) -> list[Reason]:
    """The surest first, and what counts beside a name only last; each counts of what those before it have left."""
    found = [(share, rule, alike) for rule in look.rules for share, alike in _shares(look, rule, other)]
    named = max((share for share, rule, _ in found if rule.likeness is Likeness.person), default=0.0)
    found = [
        (share * named / PERSON_COUNTS if _is_beside(rule) else share, rule, alike) for share, rule, alike in found
    ]
    found.sort(key=lambda one: (_is_beside(one[1]), -one[0]))
    left, told = 100, []
    for share, rule, alike in found:
        points = round(left * share)
        if points:
            named_so = look.kind.by_column[alike.field].api_name
            told.append(Reason(rule.likeness.code, named_so, alike.detail, points, alike.given))
            left -= points
    return told


def duplicate(found: Sequence[Candidate], readable: Collection[str]) -> AppError:
    """Names the candidates of the objects that the caller may read."""
    faults = [
        Fault(
            f"/{to_camel(one.given)}",
            "duplicate",
            f"A record with the score {one.score} is there already.",
            {
                "object": one.object,
                "id": str(one.record_id),
                "title": one.title,
                "score": one.score,
                "reasons": [reason.told() for reason in one.reasons],
            }
            if one.object in readable
            else {},
        )
        for one in found
    ]
    message = "This seems to be there already: use that one, or insist with Prefer: allow-duplicates."
    return Conflict(message, code="duplicate", faults=faults)


def email_key(value: str) -> str:
    return value.strip().lower()


def phone_key(value: str) -> str:
    """The digits, without what stands for an international call."""
    digits = "".join(filter(str.isdigit, value.replace("(0)", "")))
    return digits.removeprefix("00")


def domain_key(value: str) -> str:
    """Of a website or an email; empty where it tells no company."""
    text = value.strip().lower()
    if "@" in text and "/" not in text:
        host = text.rpartition("@")[2]
    else:
        try:
            host = urlsplit(text if "//" in text else f"//{text}").hostname or ""
        except ValueError:  # a bracket that is left open, where an address of the network would stand
            return ""
    host = host.removeprefix("www.").rstrip(".")
    try:
        host = normal_domain(host)
    except UnicodeError:
        return ""
    return "" if "." not in host or host in PUBLIC_MAIL else host


_KEYS: Mapping[Likeness, Callable[[str], str]] = {
    Likeness.email: email_key,
    Likeness.phone: phone_key,
    Likeness.domain: domain_key,
}


@dataclass(frozen=True, slots=True)
class _Alike:
    """The columns that hold it, and what there is to say of it."""

    field: str
    given: str
    detail: str


def _shares(look: Look, rule: MatchedBy, other: Mapping[str, Any]) -> Iterator[tuple[float, _Alike]]:
    if rule.likeness is Likeness.employer:
        mine, theirs = look.given.get(EMPLOYER), other.get(EMPLOYER)
        yield from _of_names(rule, EMPLOYER, str(mine or ""), str(theirs or ""))
        return
    keys = _KEYS.get(rule.likeness)
    if keys is None:
        yield from _of_names(rule, rule.fields[-1], _joined(look.given, rule.fields), _joined(other, rule.fields))
        return
    theirs = {keys(one): name for name in reversed(rule.fields) for one in look.kind.texts(name, other.get(name))}
    for name, value in _given(look.kind, rule, look.given):
        key = keys(value)
        if key and key in theirs:
            yield COUNTS[rule.likeness], _Alike(theirs[key], name, key)
            return


def _of_names(rule: MatchedBy, given: str, mine: str, theirs: str) -> Iterator[tuple[float, _Alike]]:
    if not mine or not theirs:
        return
    is_person = rule.likeness is Likeness.person
    alike = person_likeness(mine, theirs) if is_person else company_likeness(mine, theirs)
    if alike > ALIKE_FROM:
        detail = "the same name" if alike == 1 else f"{int(alike * 100)} % alike"
        share = _NAMES_COUNT[rule.likeness] * (alike - ALIKE_FROM) / (1 - ALIKE_FROM)
        yield share, _Alike(rule.fields[-1], given, f"{theirs}: {detail}")


def _is_beside(rule: MatchedBy) -> bool:
    return rule.likeness is Likeness.employer


def _given(kind: AnyObject, rule: MatchedBy, given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The texts with the names that they have."""
    return [(name, one) for name in (*rule.fields, *rule.given) for one in kind.texts(name, given.get(name))]


def _joined(values: Mapping[str, Any], fields: Sequence[str]) -> str:
    return _SEPARATOR.join(one for name in fields if isinstance(one := values.get(name), str))
