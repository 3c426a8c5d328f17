"""How the tests are run. What they are given is in ``tests.fixtures``."""

import gc
import os

import pytest

from app import garbage

LONG = ("test_kill", "test_compiled_differential", "test_ledger", "test_jobs", "test_cli")
"""Modules of the longest tests. They come first: at the end every process has something to do."""


# All that imports and collection make stays: nothing of it is looked through for garbage.
gc.disable()


def pytest_configure(config: pytest.Config) -> None:
    required = os.environ.get("STOREGRAPH_TEST_REQUIRE_SERVICES") == "1"
    named = ("STOREGRAPH_TEST_POSTGRES_URL", "STOREGRAPH_TEST_REDIS_URL")
    if required and not all(map(os.environ.get, named)):
        raise pytest.UsageError("PostgreSQL and Redis are required here, but not configured")
    if not _hands_out(config):  # to import all that fixtures need takes seconds
        config.pluginmanager.import_plugin("tests.fixtures")


def _hands_out(config: pytest.Config) -> bool:
    """Whether this process lets others run the tests."""
    distributed = config.getoption("dist", "no") != "no" and not config.option.collectonly
    return distributed and not hasattr(config, "workerinput")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.stem not in LONG)


def pytest_collection_finish() -> None:
    gc.enable()
    garbage.settle()


def pytest_sessionfinish() -> None:
    # pytest looks for garbage five times now: not again among all that is in use to the end.
    gc.collect()
    gc.freeze()
