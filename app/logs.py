"""Log lines: one form for ours and for those of libraries, each with its request's id."""

import logging
import sys
import warnings
from contextvars import ContextVar
from typing import Any

import structlog

from app.settings import Settings

REQUEST = ContextVar[str | None]("request", default=None)
"""The id of the request that is being answered."""
QUIET = ("aiohttp.access", "strawberry.execution", "asyncio")


def configure(settings: Settings) -> None:
    """Set up logging of this process, to stderr."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _with_request,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    as_json = settings.log_format == "json"
    if as_json:
        shared.append(structlog.processors.format_exc_info)
    renderer = (
        structlog.processors.JSONRenderer(default=str)
        if as_json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            exception_formatter=structlog.dev.plain_traceback,  # the rich one prints variables
        )
    )
    level = logging.getLevelNamesMapping().get(settings.log_level.upper(), logging.INFO)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)
    # When a field fails, graphql-core cancels those beside it. Python wonders about any that were
    # not even begun; nothing is lost with them.
    unbegun = "coroutine '(Executor|GraphQLCoreConverter).* was never awaited"
    warnings.filterwarnings("ignore", unbegun, RuntimeWarning)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _with_request(_logger: object, _method: str, line: dict[str, Any]) -> dict[str, Any]:
    if (name := REQUEST.get()) is not None:
        line.setdefault("request_id", name)
    return line
