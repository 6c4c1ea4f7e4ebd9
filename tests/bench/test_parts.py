"""What the bench is made of: the client, the table, and the peers."""

import json
import os
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from bench.client import ask, drive
from bench.peers import peers_measured, read_peers
from bench.processes import cpu_us
from bench.report import Line, put_between_markers, table

EXAMPLE = Path(__file__).parents[2] / "bench/peers.example.json"


class Echo(BaseHTTPRequestHandler):
    """Answers with the path, or with the body in two pieces; 404 below /missing."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or the second piece waits until the first is acknowledged

    def do_GET(self) -> None:
        self._answer(404 if self.path.startswith("/missing") else 200, self.path.encode())

    def do_POST(self) -> None:
        self._answer(201, self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, status: int, body: bytes) -> None:
        self.server.seen.append((self.path, body, self.headers.get("Authorization")))  # type: ignore[attr-defined]  # set below
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:3])
        self.wfile.flush()
        self.wfile.write(body[3:])

    def log_message(self, format: str, *args: object) -> None:
        pass


class EchoServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64  # of the five by default, what comes at once is lost, and comes again after a second


@pytest.fixture
def echo() -> Iterator[ThreadingHTTPServer]:
    with EchoServer(("127.0.0.1", 0), Echo) as server:
        server.seen = []  # type: ignore[attr-defined]  # what the handler has answered
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


def test_the_client_reads_answers_in_pieces_and_counts_each_status(echo: ThreadingHTTPServer) -> None:
    driven = drive(echo.server_port, [[get("/a"), get("/missing"), get("/long-enough")], [get("/b")]])
    assert driven.statuses == {200: 3, 404: 1}
    assert sorted(driven.bodies) == [b"/b", b"/long-enough"]
    assert len(driven.latencies_ms) == 4
    assert ask(echo.server_port, get("/missing")) == (404, b"/missing")


def test_work_of_a_process_is_seen_in_its_cpu_time() -> None:
    before, begun = cpu_us(os.getpid()), time.process_time()
    while time.process_time() < begun + 0.05:
        pass
    assert cpu_us(os.getpid()) - before > 40_000


def test_a_line_says_whether_its_target_is_met() -> None:
    met, missed = Line(work="a", values=[1.9, 1.0, 2.5], target=2.0), Line(work="b", values=[2.1], target=2.0)
    free = Line(work="c", values=[7.0])
    assert (met.is_met, missed.is_met, free.is_met) == (True, False, None)
    shown = table([met, missed, free]).splitlines()
    assert [line.count("|") for line in shown] == [5] * 5
    assert "1.90 (1.00 to 2.50)" in shown[2]
    assert "missed" in shown[3]


def test_rows_of_works_that_were_not_measured_stay_as_they_are() -> None:
    before = table([Line(work="a", values=[1.0], target=2.0), Line(work="b", values=[3.0], wall="4 ms")])
    assert table([], before) == before
    rows = table([Line(work="c", values=[5.0]), Line(work="a", values=[9.0], target=2.0)], before).splitlines()[2:]
    assert [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows] == [
        ["a", "9.00", "2", "missed", ""],
        ["b", "3.00", "", "", "4 ms"],
        ["c", "5.00", "", "", ""],
    ]


def test_the_table_replaces_what_stands_between_the_markers(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- bench -->\nold\n<!-- end of bench -->\nafter\n")
    put_between_markers(page, "new\n")
    put_between_markers(page, "newer\n")
    assert page.read_text() == "before\n<!-- bench -->\nnewer\n<!-- end of bench -->\nafter\n"
    page.write_text("no markers")
    with pytest.raises(SystemExit):
        put_between_markers(page, "new\n")


def peers_file(folder: Path, *ports: int, **changed: object) -> Path:
    requests = {
        "list": {"path": "/things/{random:5:5}?{pick:sort}"},
        "create": {"method": "POST", "path": "/things", "body": {"name": "thing {n}"}},
    }
    peers = [
        {
            "name": f"peer {number}",
            "base_url": f"http://127.0.0.1:{port}/api",
            "headers": {"Authorization": "Bearer $BENCH_TEST_KEY"},
            "picks": {"sort": ["sort=name"]},
            "requests": requests,
            **changed,
        }
        for number, port in enumerate(ports)
    ]
    file = folder / "peers.json"
    file.write_text(json.dumps({"peers": peers}))
    return file


def test_peers_are_asked_in_turns_and_compared(
    echo: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_TEST_KEY", "secret")
    file = peers_file(tmp_path, echo.server_port, echo.server_port)
    lines = list(peers_measured(file, requests=16, rounds=2))
    assert [line.work for line in lines] == ["list, peer 0", "list, peer 1", "create, peer 0", "create, peer 1"]
    assert lines[0].value == 1.0
    assert all(line.value > 0 for line in lines)
    seen = echo.seen  # type: ignore[attr-defined]  # set by the fixture
    assert {authorization for _, _, authorization in seen} == {"Bearer secret"}
    assert "/api/things/5?sort=name" in {path for path, _, _ in seen}
    names = [json.loads(body)["name"] for path, body, _ in seen if path == "/api/things"]
    assert len(names) == len(set(names)) > 64


def test_a_peer_that_answers_with_a_mistake_is_no_measurement(
    echo: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_TEST_KEY", "secret")
    file = peers_file(tmp_path, echo.server_port, requests={"get": {"path": "/x"}}, base_url=_missing(echo))
    with pytest.raises(SystemExit, match="404"):
        list(peers_measured(file, requests=8, rounds=1))


def _missing(echo: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{echo.server_port}/missing"


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"base_url": "http://192.0.2.1:80"}, "is not this machine"),
        ({"base_url": "ftp://127.0.0.1"}, "give an http:// address"),
        ({"unknown": 1}, "does not have the form"),
    ],
)
def test_only_what_a_file_may_name_is_called(changed: dict[str, object], complaint: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=complaint):
        read_peers(peers_file(tmp_path, 9, **changed))


def test_a_key_that_the_environment_lacks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BENCH_TEST_KEY", raising=False)
    with pytest.raises(SystemExit, match="BENCH_TEST_KEY"):
        list(peers_measured(peers_file(tmp_path, 9), requests=8, rounds=1))


def test_the_example_of_a_file_of_peers_can_be_read() -> None:
    assert [peer.name for peer in read_peers(EXAMPLE)] == ["rapport", "another"]
