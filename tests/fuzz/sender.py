"""Requests as they are written down: without cookies, redirects, proxies, and what else a client has in mind."""

from typing import Self

import httpx

from app.api.route import JSON_TYPE


class Sender:
    """One user at a server that speaks no TLS: to load the certificates takes longer than many a test."""

    def __init__(self, url: str, key: str) -> None:
        self._url = httpx.URL(url)
        self._headers = {"Host": self._url.netloc.decode(), "Authorization": f"Bearer {key}"}
        self._transport = httpx.HTTPTransport(verify=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._transport.close()

    def send(self, method: str, target: str, content: str | bytes | None = None) -> httpx.Response:
        """`target` goes on the request line as it is, behind the URL of the API."""
        url = self._url.copy_with(raw_path=self._url.raw_path + target.encode())
        headers = self._headers if content is None else {**self._headers, "Content-Type": JSON_TYPE}
        request = httpx.Request(method, url, headers=headers, content=content)
        answer = self._transport.handle_request(request)
        answer.request = request
        answer.read()
        return answer
