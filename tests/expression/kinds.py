"""The objects of the product, of which some refer to each other only: so rows of these few are a whole world."""

from collections.abc import Iterator
from dataclasses import replace

from app.domain import registry
from app.domain.kernel.catalog import Catalog
from app.domain.kernel.object_type import AnyObject

WORLD = ("user", "account", "contact", "product", "opportunity")


def _kinds() -> Iterator[AnyObject]:
    for kind in registry.CATALOG:
        references = kind.references.items()
        if kind.name in WORLD:
            yield replace(kind, references={name: one for name, one in references if one.to in WORLD})
        else:
            yield replace(kind, references={name: replace(one, inverse=None) for name, one in references})


CATALOG = Catalog(tuple(_kinds()))
KINDS = tuple(CATALOG[name] for name in WORLD)
