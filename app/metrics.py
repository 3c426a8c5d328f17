"""What Prometheus reads. Several workers share their figures through files (see ``serving``)."""

import asyncio
import os

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

SHARED = "PROMETHEUS_MULTIPROC_DIR"
TOLD_WITHIN = 1.0

REQUESTS = Counter("storegraph_requests_total", "Requests answered.", ["method", "route", "status"])
SECONDS = Histogram(
    "storegraph_request_seconds",
    "Time to answer, streams left aside.",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
EXECUTIONS = Counter(
    "storegraph_graphql_executions_total",
    "Queries by how they were executed: compiled, or on the reference executor and why.",
    ["path", "reason"],
)
STREAMS = Gauge(
    "storegraph_streams_open",
    "Operations under way over WebSocket or server-sent events.",
    ["transport"],
    multiprocess_mode="livesum",
)


class Tally:
    """Counts in passing, and adds to the counters of Prometheus in bulk, which take their time.

    At the latest a second later; ``flush`` does so at once.
    """

    def __init__(self) -> None:
        self._counts: dict[Counter, int] = {}

    def count(self, counter: Counter) -> None:
        """Count one more. Needs a running event loop."""
        if not self._counts:
            asyncio.get_running_loop().call_later(TOLD_WITHIN, self.flush)
        self._counts[counter] = self._counts.get(counter, 0) + 1

    def flush(self) -> None:
        counts, self._counts = self._counts, {}
        for counter, count in counts.items():
            counter.inc(count)


TALLY = Tally()


def exposition() -> tuple[bytes, str]:
    """The figures of all workers, and their content type."""
    TALLY.flush()
    registry = REGISTRY
    if SHARED in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
    return generate_latest(registry), CONTENT_TYPE_LATEST
