"""One API process, or several that share a port."""

import os
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from uvicorn import Config, Server
from uvicorn.supervisors import Multiprocess

from app.local.port import BACKLOG, listening

METRICS = "PROMETHEUS_MULTIPROC_DIR"
DRAIN_S = 10
KEEP_ALIVE_S = 75


def serve(host: str, port: int, workers: int) -> None:
    """Until SIGTERM; what has been asked by then is still answered."""
    with listening(host, port) as listener:
        serve_on(listener, workers)


def serve_on(listener: socket.socket, workers: int) -> None:
    """On a socket that other processes may share."""
    config = Config(
        "app.main:application",
        factory=True,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        workers=workers,
        backlog=BACKLOG,
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=DRAIN_S,
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn repeats the signal to who started it, at the end
    with _metrics_folder(), suppress(KeyboardInterrupt):
        if workers == 1:
            Server(config).run(sockets=[listener])
        else:
            Multiprocess(config, [listener]).run()


@contextmanager
def _metrics_folder() -> Iterator[None]:
    """Without a supervisor that gave one: the processes of this server add up their numbers in it."""
    if METRICS in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="rapport-metrics-") as folder:
        os.environ[METRICS] = folder
        yield
