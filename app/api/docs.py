"""The documentation page. Every byte of it comes from here, so it works offline and talks to nobody else."""

import gzip
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.domain.kernel.errors import NotFound

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SHIPPED = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Rapport API</title>
<link rel="icon" href="{favicon-32x32.png}">
<link rel="stylesheet" href="{swagger-ui.css}">
<link rel="stylesheet" href="{page.css}">
</head>
<body>
<main>
<h1>Rapport API</h1>
<p>Every call carries a key: <code>Authorization: Bearer crm_...</code></p>
<ol>
<li>Take the admin key that <code>make up</code> printed at its first start and keeps in
<code>.rapport/admin-key</code>, or make a narrower one with <code>crm key create</code>.</li>
<li>Press <b>Authorize</b> below, paste the key and close the dialog. The page forgets it when it is reloaded.</li>
<li>Open an operation, press <b>Execute</b>, and copy the <code>curl</code> command it shows.</li>
</ol>
<p>The document itself: <a href="openapi.json">openapi.json</a></p>
</main>
<div id="operations"></div>
<script src="{swagger-ui-bundle.js}"></script>
<script src="{page.js}"></script>
</body>
</html>
"""
STYLE = """main { max-width: 1420px; margin: 0 auto; padding: 0 20px; font-family: sans-serif; color: #3b4151 }
code { background: #f0f0f0; padding: 1px 4px }
.swagger-ui .info { display: none }
"""
SCRIPT = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#operations",
  validatorUrl: null,
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  filter: true,
  tryItOutEnabled: true,
});
"""


@dataclass(frozen=True)
class Asset:
    """A file in both of its encodings, packed once, for the first who asks: few processes are ever asked."""

    media_type: str
    body: bytes
    tag: str

    @cached_property
    def packed(self) -> bytes:
        return gzip.compress(self.body, mtime=0)

    def answer(self, request: Request, headers: dict[str, str]) -> Response:
        headers = {"etag": f'"{self.tag}"', "vary": "accept-encoding", "x-content-type-options": "nosniff", **headers}
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(self.body, headers=headers, media_type=self.media_type)
        return Response(self.packed, headers={**headers, "content-encoding": "gzip"}, media_type=self.media_type)


def _asset(media_type: str, body: bytes) -> Asset:
    return Asset(media_type, body, blake2b(body, digest_size=8).hexdigest())


def docs_routes() -> list[Route]:
    """`/docs` and what it loads. The links are relative, so that they hold behind a proxy's prefix."""
    shipped = files("fastapi_swagger.resources")
    assets = {name: _asset(kind, (shipped / name).read_bytes()) for name, kind in SHIPPED.items()}
    assets["page.css"] = _asset("text/css", STYLE.encode())
    assets["page.js"] = _asset("text/javascript", SCRIPT.encode())
    html = PAGE
    for name, asset in assets.items():
        html = html.replace(f"{{{name}}}", f"docs/{name}?{asset.tag}")
    page = _asset("text/html", html.encode())

    def show_page(request: Request) -> Response:
        return page.answer(request, {"cache-control": "no-cache", "content-security-policy": POLICY})

    def show_asset(request: Request) -> Response:
        """The page links to the tag of the content, so a stored copy never goes stale. In a thread, since it may pack."""
        asset = assets.get(request.path_params["name"])
        if asset is None:
            raise NotFound("There is no such file.")
        return asset.answer(request, {"cache-control": "public, max-age=31536000, immutable"})

    return [Route("/docs", show_page), Route("/docs/{name}", show_asset)]
