import json
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

STAND_IN = [sys.executable, str(Path(__file__).with_name("curl.py"))]


class Mirror(BaseHTTPRequestHandler):
    """Answers what it was asked."""

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        told = {"method": self.command, "path": self.path, "key": self.headers["authorization"], "body": body}
        self.send_response(404 if self.path == "/missing" else 200)
        self.send_header("ETag", '"1-a"')
        self.end_headers()
        self.wfile.write(json.dumps(told).encode())

    do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815  # the names http.server calls

    def log_message(self, *_: object) -> None:
        """Silence."""


@pytest.fixture(scope="module")
def mirror() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Mirror)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("arguments", "path", "told"),
    [
        ([], "/a?b=c", {"method": "GET", "path": "/a?b=c", "body": ""}),
        (["-X", "PATCH", "-d", '{"ü": 1}'], "/a", {"method": "PATCH", "path": "/a", "body": '{"ü": 1}'}),
        (["-d", "{}"], "/a", {"method": "POST", "path": "/a", "body": "{}"}),
        (["-X", "DELETE"], "/missing", {"method": "DELETE", "path": "/missing", "body": ""}),
        (["-G", "--data-urlencode", "q=a b&c"], "/a", {"method": "GET", "path": "/a?q=a+b%26c", "body": ""}),
    ],
)
def test_the_stand_in_for_curl_asks_as_curl_does(
    arguments: list[str], path: str, told: dict[str, str], mirror: str
) -> None:
    command = [*STAND_IN, "-s", "-i", "-H", "Authorization: Bearer k", *arguments, f"{mirror}{path}"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    head, _, body = printed.partition("\n\n")
    assert head.startswith("HTTP/1.1 404" if path == "/missing" else "HTTP/1.1 200")
    assert 'ETag: "1-a"' in head
    assert json.loads(body) == {**told, "key": "Bearer k"}
