"""What Prometheus reads. Several workers share their figures through files (see ``serving``)."""

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


def exposition() -> tuple[bytes, str]:
    """The figures of all workers, and their content type."""
    registry = REGISTRY
    if SHARED in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
    return generate_latest(registry), CONTENT_TYPE_LATEST
