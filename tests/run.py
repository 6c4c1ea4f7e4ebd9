"""The servers of one run of the suite: made by its controller, used by all of its workers."""

import asyncio
import itertools
import os
from dataclasses import asdict
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import urlsplit

from app.repositories.migrate import migrate
from app.repositories.pool import dsn
from tests.servers import Nursery
from tests.world import Place

DATABASES_OF_REDIS = 16
DATABASES = "select quote_ident(datname) from pg_database where starts_with(datname, $1)"


class Run:
    """Nothing is started before the first test, or the first worker, asks for it."""

    def __init__(self, given: dict[str, Any] | None, worker: str) -> None:
        """`given` is what the worker got from its controller."""
        self._given = given or {}
        self._worker = worker
        self._numbers = itertools.count()
        self._name = self._given.get("name") or f"rapport_{token_hex(4)}"
        self._template = Place(**self._given["template"]) if given else None
        self._nursery: Nursery | None = None
        self._is_external = False

    @property
    def nursery(self) -> Nursery:
        if self._nursery is None:
            seed = self._given.get("seed")
            self._nursery = Nursery(Path(seed) if seed else None)
        return self._nursery

    @property
    def template(self) -> Place:
        """A migrated database to copy; nobody is connected to it."""
        if self._template is None:
            self._template = self._external() or self.nursery.start().place
        return self._template

    def hand_over(self) -> dict[str, Any]:
        template = asdict(self.template)
        return {"name": self._name, "template": template, "seed": str(self.nursery.seed) if self._nursery else None}

    def database(self) -> Place:
        """A copy of the template, with the Redis database of this worker."""
        return self._database(self.template.database)

    def copy_of(self, place: Place) -> Place:
        """Of a database to which nobody is connected."""
        return self._database(place.database)

    def empty_database(self) -> Place:
        return self._database("template0")

    def _database(self, template: str) -> Place:
        name = f"{self._name}_{self._worker}_{next(self._numbers)}"
        number = int(self._worker[2:]) % DATABASES_OF_REDIS if self._worker.startswith("gw") else 0
        asyncio.run(_create(self.template.at("postgres"), name, template))
        return self.template.at(name, redis_database=number)

    def close(self) -> None:
        """Databases on servers that are not ours are dropped by the controller; ours end with their databases."""
        if self._is_external and not self._given:
            asyncio.run(_drop(self.template.at("postgres"), self._name))
        if self._nursery is not None:
            self._nursery.close()

    def _external(self) -> Place | None:
        url, redis_url = os.environ.get("CRM_DATABASE_URL"), os.environ.get("CRM_REDIS_URL")
        if not url or not redis_url:
            return None
        self._is_external = True
        server = Place(dsn(url), dsn(url), redis_url)
        template = server.at(f"{self._name}_template")
        asyncio.run(_create(server, template.database, "template0"))
        asyncio.run(migrate(template.url))
        return template


async def _create(server: Place, name: str, template: str) -> None:
    """Owned by the login of the application, as the database of a product is."""
    async with server.connect() as administrator:
        login = urlsplit(server.url).username
        owner = await administrator.fetchval("select quote_ident(coalesce($1, current_user))", login)
        await administrator.execute(f"create database {name} template {template} encoding 'UTF8' owner {owner}")


async def _drop(server: Place, prefix: str) -> None:
    async with server.connect() as administrator:
        for (name,) in await administrator.fetch(DATABASES, prefix):
            await administrator.execute(f"drop database {name} with (force)")
