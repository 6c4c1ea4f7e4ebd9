"""What CloudEvents 1.0 and its JSON format, and the extensions for partitioning and sequence, ask of an event."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

REQUIRED = ("specversion", "id", "source", "type")
TEXTS = ("subject", "time", "datacontenttype", "partitionkey", "sequence")
NAME = re.compile(r"[a-z0-9]{1,20}", re.ASCII)
URI_REFERENCE = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+", re.ASCII)
MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]+", re.ASCII)


def violations(event: dict[str, Any]) -> Iterator[str]:
    attributes = {name: value for name, value in event.items() if name not in {"data", "data_base64"}}
    yield from (f"{name} is missing" for name in REQUIRED if name not in attributes)
    yield from (f"{name} is no name" for name in attributes if not NAME.fullmatch(name))
    yield from (f"{name} is no text" for name in (*REQUIRED, *TEXTS) if not _is_text(attributes.get(name, "-")))
    yield from (f"{name} is no plain value" for name, value in attributes.items() if isinstance(value, dict | list))
    if event.get("specversion") != "1.0":
        yield "specversion is not 1.0"
    if not URI_REFERENCE.fullmatch(str(event.get("source"))) or urlsplit(str(event.get("source"))).scheme:
        yield "source is no path"
    if "data" in event and "data_base64" in event:
        yield "there are two kinds of data"
    if not MEDIA_TYPE.fullmatch(event.get("datacontenttype", "")):
        yield "datacontenttype is no media type"
    if not _is_time(event.get("time", "")):
        yield "time is no RFC 3339"


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_time(text: str) -> bool:
    try:
        return "T" in text and datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
