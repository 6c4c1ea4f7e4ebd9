"""Every measurement by its name, in the order of the table."""

from collections.abc import Callable, Collection, Iterator

from bench.compare import compare, sides
from bench.fill import Data
from bench.report import Line
from bench.servers import Place
from bench.works import WORKS

Measure = Callable[[Place, Data], Iterator[Line]]

OTHERS: dict[str, Measure] = {}
NAMES = (*WORKS, *OTHERS)


def measured(place: Place, data: Data, names: Collection[str], rounds: int) -> Iterator[Line]:
    if wanted := [make for name, make in WORKS.items() if name in names]:
        with sides(place, data.tenants) as both:
            for make in wanted:
                yield compare(both, make(data.tenants), rounds)
    for name, measure in OTHERS.items():
        if name in names:
            yield from measure(place, data)
