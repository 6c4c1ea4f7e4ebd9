"""Every measurement by its name, in the order of the table."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

from bench import claims, duplicates, expressions, load, resources, searching, selling, streaming, webhooks, within
from bench.compare import compare, sides
from bench.fill import Data
from bench.report import Line
from bench.servers import Place
from bench.works import WORKS, Asking

Measure = Callable[[Place, Data], Iterator[Line]]

PLAIN = "plain-"
OTHERS: dict[str, Measure] = {
    "deep": within.deep,
    "tenants": within.tenants,
    "search": searching.search,
    "duplicates": duplicates.duplicates,
    **{name: selling.measure_of(name) for name in selling.SCREENS},
    "expressions": expressions.expressions,
    "start": resources.start,
    "stream": streaming.stream,
    "webhooks": webhooks.webhooks,
    "claims": claims.claims,
    "neighbour": load.neighbour,
    "requests": load.memory_in_short,
    "shapes": load.shapes,
}
ASKED_FOR: dict[str, Measure] = {"memory": load.memory}  # takes too long to be measured with the others
NAMES = (*WORKS, *(PLAIN + name for name in WORKS), *OTHERS)
KNOWN = (*NAMES, *ASKED_FOR)


def measured(place: Place, data: Data, names: Collection[str], rounds: int) -> Iterator[Line]:
    """First with everything on, then without visibility and hidden fields, then what is no comparison."""
    for guarded, prefix in ((True, ""), (False, PLAIN)):
        if wanted := [make for name, make in WORKS.items() if prefix + name in names]:
            with sides(place, data.tenants, guarded=guarded) as both:
                for make in wanted:
                    work = make(Asking(data.tenants, guarded))
                    yield compare(both, replace(work, name=work.name if guarded else f"{work.name}, plain"), rounds)
    for name, measure in (OTHERS | ASKED_FOR).items():
        if name in names:
            yield from measure(place, data)
