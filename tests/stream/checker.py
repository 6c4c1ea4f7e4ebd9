"""Listeners that are slow, hang up and come back, while writers contend and somebody foreign holds the horizon back."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from tests.events import checker
from tests.factories.accounts import make_account
from tests.stream.reading import events_in, listening

HANGS_UP = 0.05  # how often a listener does so after an event


@dataclass
class Follower(checker.Follower):
    """`limit` is the room between the application and it: the smaller it is, the slower it seems."""

    async def follow(self, run: "Streaming") -> None:
        while not run.done:
            source_of = listening(self.client.app, self.client.key, self.cursor, room=self.limit, object="account")
            async with source_of as source:
                await source.opened()
                with suppress(TimeoutError):
                    while not run.done and run.random.random() > HANGS_UP:
                        self.events.append((await source.next(within_s=run.random.uniform(0.02, 0.5))).data)
                        if run.random.random() < 0.3:
                            await asyncio.sleep(run.random.uniform(0, 0.1))
                self.cursor = source.parser.last_id

    async def finish(self) -> None:
        answer = await self.client.get("/events/stream", params={"after": self.cursor, "object": "account", "for": 0})
        self.events += [one.data for one in events_in(answer.text)]


class Streaming(checker.Run):
    async def go(self, steps: int) -> list[str]:
        for _ in range(checker.RECORDS):
            self.ids.append((await make_account(self.client))["id"])
        followers = [Follower(self.client, limit) for limit in (1, 2, 7, 1_000)]
        async with asyncio.TaskGroup() as group:
            group.create_task(self._foreign_writer())
            for one in followers:
                group.create_task(one.follow(self))
            await asyncio.gather(*(self._write(steps) for _ in range(checker.WRITERS)))
            self.done = True
        await self.world.settled()
        for one in followers:
            await one.finish()
        return await checker.faults(self.world, self.client, list(followers))
