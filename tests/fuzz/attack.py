"""schemathesis against a running server: every phase, every check, nothing left out."""

import json
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import Phase, settings
from hypothesis.strategies._internal import regex
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.engine import Status, events, from_schema
from schemathesis.generation.jsonschema import context as alphabets

from app.api.route import ApiRoute
from app.api.v1.routes import PREFIX

SEED = 20261122
EXAMPLES = 15
PHASES = ("examples", "coverage", "fuzzing", "stateful")
# An example is sent as it stands in the document, not again with each value of an earlier answer.
HOW = {"examples": {"extra-data-sources": {"responses": False}}}
load_all_checks()


def _classes_once(read: Callable[..., Any]) -> Callable[..., Any]:
    """Patterns differ by lengths alone, and hypothesis collects the characters of a class one by one for each pattern."""
    known: dict[tuple[Any, ...], Any] = {}

    def strategy(codes: Any, context: Any, is_unicode: Any, *, alphabet: Any) -> Any:
        if not isinstance(codes, tuple) or codes[0] is not regex.sre.IN:
            return read(codes, context, is_unicode, alphabet=alphabet)
        key = (repr(codes), context.flags, is_unicode, alphabet)
        if key not in known:
            known[key] = read(codes, context, is_unicode, alphabet=alphabet)
        return known[key]

    return strategy


# Else each use of a pattern costs what its characters cost: a second for that of an email address.
alphabets._characters = cache(alphabets._characters)
regex.regex_strategy = cache(regex.regex_strategy)
regex._strategy = _classes_once(regex._strategy)
# Each request is drawn anew: half of them would else be one that was accepted, with one value or another changed.
settings.register_profile("attack", phases=[Phase.explicit, Phase.generate, Phase.shrink])
EVERY_CHECK = set(CHECKS.get_all_names())
# What a valid request may meet: not found, taken, expired or changed since. Never "your data is wrong".
STATE_MAY_SAY = ["2xx", "304", "404", "409", "410", "412"]


@dataclass(frozen=True, slots=True)
class Party:
    """A tenant that schemathesis acts as."""

    name: str
    key: str


@dataclass(slots=True)
class Outcome:
    """`cases` are requests by operation, `statuses` the answers by operation and status."""

    failures: list[str] = field(default_factory=list)
    cases: Counter[str] = field(default_factory=Counter)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)


def schema_of(
    url: str,
    document: dict[str, Any],
    parties: Sequence[Party],
    folder: Path,
    phases: Collection[str],
    examples: int = EXAMPLES,
) -> Any:
    """The first party makes the requests; the others must not see what is its."""
    secrets = folder / "parties.json"
    secrets.write_text(json.dumps({"auth": [_login(party) for party in parties]}))
    names = [party.name for party in parties]
    config = schemathesis.Config.from_dict(
        {
            "seed": SEED,
            "base-url": url,
            "cache": {"enabled": False},
            "continue-on-failure": True,
            "request-timeout": 60,
            "suppress-health-check": ["too_slow"],  # which is one of the machine
            "auth": {"wfc": {"path": str(secrets), "user": names[0], "peers": names}},
            "generation": {"max-examples": examples, "database": "none"},
            "checks": {"positive_data_acceptance": {"expected-statuses": STATE_MAY_SAY}},
            "phases": {phase: {"enabled": phase in phases, **HOW.get(phase, {})} for phase in PHASES},
        }
    )
    return schemathesis.openapi.from_dict(document, config=config)


def label_of(route: ApiRoute) -> str:
    """How schemathesis calls it."""
    return f"{route.method} {PREFIX}{route.path}"


def attack(*schemas: Any) -> Outcome:
    before = settings.get_current_profile_name()
    settings.load_profile("attack")
    try:
        return _outcome_of(schemas)
    finally:
        settings.load_profile(before)


def _outcome_of(schemas: Sequence[Any]) -> Outcome:
    outcome = Outcome()
    for event in chain.from_iterable(from_schema(schema).execute() for schema in schemas):
        match event:
            case events.ScenarioFinished(recorder=recorder):
                _count(outcome, recorder)
            case events.NonFatalError(info=info, label=label):
                outcome.failures.append(f"{label}: {info.format()}")
            case events.FatalError(exception=error):
                raise error
    return outcome


def _count(outcome: Outcome, recorder: Any) -> None:
    for case_id, node in recorder.cases.items():
        label = node.value.operation.label
        outcome.cases[label] += 1
        interaction = recorder.interactions.get(case_id)
        if interaction is not None and interaction.response is not None:
            outcome.statuses[label, interaction.response.status_code] += 1
    for case_id, checks in recorder.checks.items():
        for check in checks:
            outcome.checks[check.name] += 1
            if check.status is Status.FAILURE:
                outcome.failures.append(_told(recorder, case_id, check))


def _told(recorder: Any, case_id: str, check: Any) -> str:
    failure = check.failure_info.failure
    return f"{check.name}: {failure.operation}\n{failure.title}\n{failure.message}\n{check.failure_info.code_sample}\n{_answer(recorder, case_id)}\n"


def _answer(recorder: Any, case_id: str) -> str:
    interaction = recorder.interactions.get(case_id)
    return interaction.response.text[:1000] if interaction and interaction.response else ""


def _login(party: Party) -> dict[str, Any]:
    return {"name": party.name, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {party.key}"}]}
