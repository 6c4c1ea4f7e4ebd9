"""One API process, or several that share a port."""

import gc
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.supervisors import Multiprocess

from app.local.port import BACKLOG, listening

METRICS = "PROMETHEUS_MULTIPROC_DIR"
DRAIN_S = 10
KEEP_ALIVE_S = 75
FIRST_REQUEST_S = 0.5
STARTS_WITHIN_S = 60  # a process that takes longer to answer its supervisor counts as dead, also while it is loading


class Connection(HttpToolsProtocol):
    """Tells the application that its streams end here: uvicorn would wait for them, and they would never end.

    A connection that has just been made has its first request on the way. It is waited for and answered, where uvicorn
    would close at once: to the client that is a request that failed.
    """

    is_leaving = False

    def shutdown(self) -> None:
        self.app_state["leave"]()
        if self.cycle is None and not self.is_leaving:
            self.is_leaving = True
            self.loop.call_later(FIRST_REQUEST_S, super().shutdown)
        else:
            super().shutdown()

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self.is_leaving and self.cycle is not None:
            self.cycle.keep_alive = False


class Application(Config):
    def load(self) -> None:
        """Imports it, in each process of its own. Nothing of it is garbage; when it is made it has that looked for again."""
        gc.disable()
        super().load()


def serve(host: str, port: int, workers: int) -> None:
    """Until SIGTERM; what has been asked by then is still answered."""
    with listening(host, port) as listener:
        serve_on(listener, workers)


def serve_on(listener: socket.socket, workers: int) -> None:
    """On a socket that other processes may share."""
    config = Application(
        "app.main:application",
        factory=True,
        loop="uvloop",
        http=Connection,
        ws="none",
        lifespan="on",
        workers=workers,
        backlog=BACKLOG,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,  # whose word is taken for an address is a setting of ours
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=DRAIN_S,
        timeout_worker_healthcheck=STARTS_WITHIN_S,
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
