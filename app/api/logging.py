"""One JSON object per line on stderr, for every process. Neither secrets nor what people typed get into it.

An exception is logged by its type, its frames and what PostgreSQL calls its parts: its text may repeat a row.
"""

import json
import logging
import re
import sys
import traceback
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

_SECRET = re.compile(r'crm_[a-z]+_[0-9A-Za-z-]+_[0-9A-Za-z_-]+|(?<=://)[^/@"\s]+(?=@)', re.ASCII)
_PARTS = ("sqlstate", "schema_name", "table_name", "constraint_name")
_FRAMES = 12


def configure_logging(level: str) -> None:
    """For API and worker alike, and for loggers of the standard library as for those of structlog.

    uvicorn is started without a configuration of its own and passes its lines on.
    """
    common: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _exception_without_text,
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *common, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *common],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(serializer=_line),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())


def _exception_without_text(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
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


def _line(event: EventDict, **_: Any) -> str:
    """API keys and the login part of a URL are masked wherever they stand."""
    event.pop("color_message", None)  # of uvicorn: the same text once more, with terminal codes
    return _SECRET.sub("***", json.dumps(event, ensure_ascii=False, default=str))
