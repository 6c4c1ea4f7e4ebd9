"""What one worker of the product takes before anybody asks: CPU to start, memory when idle."""

import time
from collections.abc import Iterator
from statistics import median

from bench.client import ask, drive
from bench.compare import CONNECTIONS, product_environment
from bench.fill import Data
from bench.processes import rss_mb, serving
from bench.report import Line
from bench.servers import Place
from bench.works import Asking

STARTS = 4
READY = b"GET /health/ready HTTP/1.1\r\nHost: bench\r\n\r\n"


def start(place: Place, data: Data) -> Iterator[Line]:
    """The application as it is deployed, without the stand-ins. The first start warms the files and is not counted."""
    by = Asking(data.tenants, guarded=False)
    used, idle = [], []
    for _ in range(STARTS):
        with serving("product", "app.main:application", product_environment(place), "--factory") as product:
            while ask(product.port, READY)[0] != 200:
                time.sleep(0.02)
            used.append(product.cpu_us() / 1e6)
            drive(product.port, [[by.get(by.largest)] for _ in range(CONNECTIONS)])
            idle.append(rss_mb(product.pid))
    yield Line(work="start, warm", product=f"{median(used[1:]):.2f} s", values=used[1:], target=2.0, unit="s")
    yield Line(work="idle worker", product=f"{median(idle):.0f} MB", values=idle, target=150.0, unit="MB")
