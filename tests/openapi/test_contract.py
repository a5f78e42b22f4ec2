"""The running app keeps to the OpenAPI document that it serves."""

import pytest

from registry_api.http.routes import ROUTES
from tests.live import RunningApp
from tests.openapi.conformance import examine


@pytest.mark.timeout(300)
def test_the_app_keeps_to_its_document(running_app: RunningApp) -> None:
    """Valid and invalid requests, single ones and chains of them, get no answer that is not declared.

    Valid requests are refused for declared reasons only, invalid ones are refused, and every header and body has the
    declared form. `make fuzz` does the same for an hour.
    """
    findings = examine(
        running_app.url,
        is_short=True,
        seed=1,
        generation={"deterministic": True, "max-examples": 12},
        phases={"stateful": {"max-steps": 8}},
        # Their documents are the same as those of PUT.
        operations=[
            {"include-operation-id": name, "phases": {"coverage": {"enabled": False}}}
            for name in ("create_registry", "plan_registry", "receive_webhook")
        ],
    )

    assert not findings.failures, findings.report()
    assert findings.accepted >= {f"{route.method} /{route.template}" for route in ROUTES}
