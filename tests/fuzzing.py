"""Generated requests to every operation of a contract (Schemathesis)."""

from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.core.result import Ok

EXAMPLES = 12
HELD_AGAINST = (
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
BROKEN = {500, 503}


def fuzz(
    base_url: str, mode: GenerationMode, headers: dict[str, str], *, examples: int = EXAMPLES
) -> int:
    """Send generated requests to every operation; returns how many were answered."""
    schema = schemathesis.openapi.from_url(f"{base_url}/openapi.json")
    checks: Any = CHECKS.get_by_names(list(HELD_AGAINST))
    answered = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if mode is GenerationMode.NEGATIVE and not [*operation.iter_parameters(), *operation.body]:
            continue  # what takes nothing can be given nothing wrong

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=examples,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
        )
        def try_one(case: schemathesis.Case) -> None:
            nonlocal answered
            response = case.call(base_url=base_url, headers=headers)
            answered += 1
            assert response.status_code not in BROKEN, case.as_curl_command()
            case.validate_response(response, checks=checks)

        try_one()
    return answered
