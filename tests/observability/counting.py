"""One process that counts so many requests, then waits to be killed: `python -m tests.observability.counting 3`."""

import sys

from app.api import metrics


class FullPool:
    in_use = 4
    waiting = 2


async def nobody() -> None:
    return None


if __name__ == "__main__":
    for _ in range(int(sys.argv[1])):
        metrics.observe("GET", "/api/v1/accounts/{id}", 200, 0.02)
    metrics.refused()
    metrics.Metrics(FullPool(), nobody).sample()
    print("counted", flush=True)  # noqa: T201  # tells the test that it is time
    sys.stdin.read()
