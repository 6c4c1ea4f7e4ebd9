"""One JSON object per line on stderr, for every process. Neither secrets nor what people typed get into it.

An exception is logged by its type, its frames and what PostgreSQL calls its parts: its text may repeat a row.
"""

import logging
import re
import sys
import traceback
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

_SECRET = re.compile(r"crm_[a-z]+_[0-9A-Za-z-]+_[0-9A-Za-z_-]+|(?<=://)[^/@\s]+(?=@)", re.ASCII)
_PARTS = ("sqlstate", "schema_name", "table_name", "constraint_name")
_FRAMES = 12


def configure_logging(level: str) -> None:
    """For API and worker alike; uvicorn is started without a configuration of its own and passes its lines on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(),
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            processors=[
                _exception_without_text,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _without_secrets,
                structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())


def _exception_without_text(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    info = event.pop("exc_info", None)
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["exception"] = _described(error)
    return event


def _described(error: BaseException) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    described: dict[str, Any] = {
        "type": f"{type(error).__module__}.{type(error).__qualname__}",
        "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
    described |= {part: value for part in _PARTS if isinstance(value := getattr(error, part, None), str)}
    if isinstance(error, OSError) and error.strerror:
        described["reason"] = error.strerror
    if isinstance(error, BaseExceptionGroup):
        described["exceptions"] = [_described(one) for one in error.exceptions]
    if error.__cause__ is not None:
        described["cause"] = _described(error.__cause__)
    return described


def _without_secrets(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """API keys and the login part of a URL, wherever in a line they stand."""
    return {name: _SECRET.sub("***", value) if isinstance(value, str) else value for name, value in event.items()}
