"""schemathesis against a running server: every phase, every check, nothing left out."""

import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.engine import Status, events, from_schema

SEED = 20261122
EXAMPLES = 50
PHASES = ("examples", "coverage", "fuzzing", "stateful")
load_all_checks()
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
    url: str, document: dict[str, Any], parties: Sequence[Party], folder: Path, phases: Collection[str]
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
            "auth": {"wfc": {"path": str(secrets), "user": names[0], "peers": names}},
            "generation": {"max-examples": EXAMPLES, "database": "none"},
            "checks": {"positive_data_acceptance": {"expected-statuses": STATE_MAY_SAY}},
            "phases": {phase: {"enabled": phase in phases} for phase in PHASES},
        }
    )
    return schemathesis.openapi.from_dict(document, config=config)


def attack(schema: Any) -> Outcome:
    outcome = Outcome()
    for event in from_schema(schema).execute():
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
