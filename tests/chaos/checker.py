"""What clients were told and what receivers were told, held against each other. The product's tables are not asked."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.chaos.receivers import Receipt

PLACES = 20  # deliveries that a worker has under way at once, and so the most that its end repeats
SETTLES_WITHIN_S = 8.0  # a delivery that was answered and is still not settled, or lost with who would have settled it
Place = tuple[str, str]  # endpoint and record


@dataclass(frozen=True, slots=True)
class Ack:
    """A write that was acknowledged, and the version of the record that it made."""

    at: float
    tenant: str
    record: str
    version: int


@dataclass(frozen=True, slots=True)
class Fault:
    """`repeats` is how many deliveries it may have repeated."""

    kind: str
    began: float
    ended: float
    repeats: int = 0


@dataclass(slots=True)
class Findings:
    acknowledged: int = 0
    expected: int = 0
    received: int = 0
    lost: list[tuple[str, str, int]] = field(default_factory=list)
    pending: list[tuple[str, str, int]] = field(default_factory=list)
    out_of_order: list[tuple[str, str, int]] = field(default_factory=list)
    duplicates: Counter[str] = field(default_factory=Counter)
    may_repeat: int = 0
    late: int = 0
    foreign: int = 0
    unsigned: int = 0
    unheard_of: int = 0

    def breaches(self) -> Iterator[str]:
        for number, what in self._counts():
            if number:
                yield f"{number} {what}"
        if self.duplicates.total() > self.may_repeat:
            yield f"{self.duplicates.total()} duplicates, where {self.may_repeat} can be explained"

    def _counts(self) -> Iterator[tuple[int, str]]:
        yield len(self.lost), "deliveries are lost"
        yield len(self.pending), "deliveries are still pending"
        yield len(self.out_of_order), "first deliveries came out of order"
        yield self.foreign, "deliveries to another tenant"
        yield self.unsigned, "deliveries with a bad signature"
        yield self.unheard_of, "deliveries of versions that nobody was told of"
        yield self.duplicates["no cause"], "duplicates without any cause"


def check(
    acks: Sequence[Ack], receipts: Sequence[Receipt], endpoints: Mapping[str, Sequence[str]], faults: Sequence[Fault]
) -> Findings:
    """`endpoints` of each tenant, all of which want every event, and answer in the end."""
    found = Findings(acknowledged=len(acks), received=len(receipts))
    firsts, repeated = _sorted_out(receipts)
    _completeness(found, acks, firsts, endpoints)
    _order(found, firsts)
    _duplicates(found, repeated, faults)
    written = {(one.tenant, one.record, one.version) for one in acks}
    found.foreign = sum(one.tenant != one.told_tenant for one in receipts)
    found.unsigned = sum(not one.is_verified for one in receipts)
    found.unheard_of = sum((one.told_tenant, one.record, one.version) not in written for one in receipts)
    found.late = sum(late for _, _, late in repeated)
    found.may_repeat = sum(one.is_lost for one in receipts) + sum(one.repeats for one in faults)
    return found


def _sorted_out(receipts: Iterable[Receipt]) -> tuple[dict[Place, list[int]], list[tuple[Receipt, Receipt, bool]]]:
    """The versions of each record in the order of their first deliveries; each other one with the one before it.

    The third says whether a newer version had been delivered by then.
    """
    firsts: dict[Place, list[int]] = defaultdict(list)
    before: dict[tuple[str, str, int], Receipt] = {}
    repeated = []
    for one in receipts:
        place, key = (one.endpoint, one.record), (one.endpoint, one.record, one.version)
        if key in before:
            repeated.append((before[key], one, max(firsts[place]) > one.version))
        else:
            firsts[place].append(one.version)
        before[key] = one
    return firsts, repeated


def _completeness(
    found: Findings,
    acks: Iterable[Ack],
    firsts: Mapping[Place, Sequence[int]],
    endpoints: Mapping[str, Sequence[str]],
) -> None:
    """What is missing is lost where a later version of the record has come, else it may still come."""
    newest = {place: max(versions) for place, versions in firsts.items()}
    came = {(endpoint, record, version) for (endpoint, record), versions in firsts.items() for version in versions}
    for ack in acks:
        for endpoint in endpoints[ack.tenant]:
            found.expected += 1
            missing = endpoint, ack.record, ack.version
            if missing not in came:
                is_passed = newest.get((endpoint, ack.record), 0) > ack.version
                (found.lost if is_passed else found.pending).append(missing)


def _order(found: Findings, firsts: Mapping[Place, Sequence[int]]) -> None:
    for (endpoint, record), versions in firsts.items():
        newest = 0
        for version in versions:
            if version < newest:
                found.out_of_order.append((endpoint, record, version))
            newest = max(newest, version)


def _duplicates(found: Findings, repeated: Iterable[tuple[Receipt, Receipt, bool]], faults: Sequence[Fault]) -> None:
    for before, again, _ in repeated:
        found.duplicates["lost answer" if before.is_lost else _cause(before, again, faults)] += 1


def _cause(before: Receipt, again: Receipt, faults: Sequence[Fault]) -> str:
    """The fault that came between an answer and its settling; of several the first that began after the answer."""
    between = [
        one
        for one in faults
        if one.repeats and one.ended >= before.at and one.began <= min(again.at, before.at + SETTLES_WITHIN_S)
    ]
    between.sort(key=lambda one: (one.began < before.at, one.began))
    return between[0].kind if between else "no cause"
