"""An app on twins of everything behind it."""

import pytest

from registry_api import bootstrap
from registry_api.bootstrap import App
from tests.http.resource_manager import Door, open_door
from tests.http.twins import SETTINGS, app_for


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> App:
    """Put an app on twins in the place of the real one."""
    app = app_for(SETTINGS)
    monkeypatch.setattr(bootstrap, "app", lambda: app)
    return app


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Door:
    """Put an app on twins in the place of the real one, and ask it by address."""
    return open_door(monkeypatch)
