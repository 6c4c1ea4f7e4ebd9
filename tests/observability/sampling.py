"""A worker's process for a test: it counts work, samples what waits, and stays until it is killed."""

import asyncio
import sys

from app.repositories.housekeeping import connected
from app.workers import counting
from app.workers.housekeeping import sample_work


async def main(url: str) -> None:
    counting.done("test.counted", "Done", 0.2)
    async with connected(url, "rapport_work") as connection:
        await sample_work(connection)
    print("sampled", flush=True)  # noqa: T201  # what the test waits for
    sys.stdin.read()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
