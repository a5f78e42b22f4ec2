"""Who may be a subscriber, by the settings."""

import base64
import json
from typing import Any

import pytest

from registry_api import bootstrap
from registry_api.settings import Settings
from registry_api.startup import SettingsError
from tests.access.issuer import AUDIENCE, OBJECT, TENANT
from tests.notification.receiver import SECRET

BASE = {"AzureWebJobsStorage": "UseDevelopmentStorage=true"}
ONE = {"name": "inventory", "tenant": TENANT, "url": "https://hook.example/a?code=canary", "secrets": [SECRET]}
AZURE = {
    "WEBSITE_SITE_NAME": "x",
    "REGISTRY_TENANTS": TENANT,
    "REGISTRY_AUDIENCES": AUDIENCE,
    "REGISTRY_ROLES": json.dumps(
        {"assignments": [{"tenant": TENANT, "principal": OBJECT, "role": "Owner", "scope": "/"}]}
    ),
}
LOCAL = {"REGISTRY_LOCAL_SUBSCRIBERS": "true"}


def read(*subscribers: Any, **others: str) -> Settings:
    """Return settings with these subscribers."""
    return Settings.read(BASE | {"REGISTRY_SUBSCRIBERS": json.dumps(subscribers)} | others)


def test_a_subscriber_is_told_everything_unless_it_says_of_what() -> None:
    """The types are optional; of the address only the origin may be shown."""
    (everything,) = read(ONE).subscriptions
    (some,) = read(ONE | {"types": ["registry.failed", "registry.drifted"]}).subscriptions

    assert len(everything.types) == 6
    assert some.types == {"registry.failed", "registry.drifted"}
    assert everything.origin == "https://hook.example"
    assert "canary" not in repr(everything)
    assert SECRET not in repr(everything)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "a:b"},
        {"name": "x" * 51},
        {"tenant": "contoso"},
        {"tenant": None},
        {"url": "https://user:canary@hook.example/"},
        {"url": "https:///canary"},
        {"url": "https://hook.example/#canary"},
        {"url": "https://hook.example/\ncanary"},
        {"url": "https://[canary/"},
        {"url": "https://hook.example:0/canary"},
        {"url": "https://hook.example:99999/canary"},
        {"url": "https://hook.example:canary/"},
        {"url": "http://hook.example/canary"},
        {"url": "ftp://hook.example/canary"},
        {"url": "https://127.0.0.1/canary"},
        {"url": "https://2130706433/canary"},
        {"url": "https://[::ffff:127.0.0.1]/canary"},
        {"secrets": []},
        {"secrets": ["canary"]},
        {"secrets": ["whsec_canary!"]},
        {"secrets": [SECRET.removeprefix("whsec_")]},
        {"secrets": ["whsec_" + base64.b64encode(b"canary").decode()]},
        {"secrets": ["whsec_" + base64.b64encode(b"c" * 65).decode()]},
        {"types": []},
        {"types": ["registry.canary"]},
        {"canary": "canary"},
    ],
    ids=str,
)
def test_what_is_wrong_is_told_without_what_was_given(wrong: dict[str, Any]) -> None:
    """The message names the setting and what is allowed, and repeats nothing: there may be a secret in it."""
    with pytest.raises(SettingsError, match="REGISTRY_SUBSCRIBERS") as error:
        read({name: value for name, value in (ONE | wrong).items() if value is not None})

    assert "canary" not in str(error.value)
    assert SECRET not in str(error.value)
    assert error.value.__cause__ is None


@pytest.mark.parametrize("text", ["{}", "canary", '[{"canary": 1}]', "[7]"])
def test_what_is_no_list_of_subscribers_is_refused(text: str) -> None:
    """Nothing of it is repeated either."""
    with pytest.raises(SettingsError, match="JSON list of subscribers") as error:
        Settings.read(BASE | {"REGISTRY_SUBSCRIBERS": text})
    assert "canary" not in str(error.value)


def test_a_name_is_one_subscriber() -> None:
    """How far it was told is kept by its name."""
    with pytest.raises(SettingsError, match="the same name twice"):
        read(ONE, ONE | {"name": "INVENTORY"})


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/", "https://10.0.0.1/", "http://localhost/", ONE["url"]])
def test_for_local_use_addresses_may_be_local(url: str) -> None:
    """But they are addresses of HTTP."""
    assert read(ONE | {"url": url}, **LOCAL).local_subscribers
    with pytest.raises(SettingsError, match="REGISTRY_SUBSCRIBERS"):
        read(ONE | {"url": "file://localhost/etc/passwd"}, **LOCAL)


def test_local_use_does_not_reach_azure() -> None:
    """With it left on, the app does not start there; without it, it does."""
    with pytest.raises(SettingsError, match="REGISTRY_LOCAL_SUBSCRIBERS must not be set on Azure"):
        read(ONE, **AZURE, **LOCAL)
    assert len(read(ONE, **AZURE).subscriptions) == 1


def test_the_app_has_an_audience_only_with_subscribers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any there is nobody to announce anything to; what is built knows no secret but in the courier."""
    for settings, expected in ((read(), None), (read(ONE), ["inventory"])):
        monkeypatch.setattr(bootstrap, "settings", lambda settings=settings: settings)
        bootstrap.app.cache_clear()
        bootstrap.courier.cache_clear()
        audience = bootstrap.app().ports.audience
        assert (audience and [one.name for one in audience.subscribers]) == expected
        assert "canary" not in repr(audience)
        assert SECRET not in repr(vars(bootstrap.courier()))
    bootstrap.app.cache_clear()
    bootstrap.courier.cache_clear()
