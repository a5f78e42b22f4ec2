"""Who is let in by which settings: the platform's principals, keys, tokens, and the developer."""

import base64
import hashlib
import json
import logging
from typing import Any

import pytest

from registry_api import startup
from registry_api.access.app_service import PlatformPrincipal
from registry_api.access.identity import identity_for
from registry_api.access.keys import PipelineKeys
from registry_api.access.tokens import issuer_of
from registry_api.configured import PipelineKey
from registry_api.domain.caller import Caller
from registry_api.domain.problems import Refusal
from registry_api.settings import Settings
from registry_api.startup import SettingsError
from tests.access.issuer import AUDIENCE, CLIENT, OBJECT, OTHER_TENANT, TENANT, Issuer
from tests.service.world import ManualClock

KEY = "k" * 40
SHA256 = hashlib.sha256(KEY.encode()).hexdigest()
PIPELINE = {"name": "ci", "tenant": TENANT, "object_id": OBJECT, "sha256": SHA256}
ROLES = {"assignments": [{"tenant": TENANT, "principal": OBJECT, "role": "Owner", "scope": "/"}]}
STORAGE = {"AzureWebJobsStorage": "UseDevelopmentStorage=true"}
SCHEMA = "http://schemas.microsoft.com/identity/claims"
SOAP = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
USER = {
    f"{SCHEMA}/tenantid": TENANT,
    f"{SCHEMA}/objectidentifier": OBJECT,
    f"{SOAP}/upn": "ada@contoso.com",
    "scp": "Registries.ReadWrite",
}
APPLICATION = {"tid": TENANT, "oid": OBJECT, "appid": CLIENT}


def principal(claims: dict[str, Any], auth_typ: str = "aad") -> dict[str, str]:
    """Return the header that App Service adds."""
    told = {"auth_typ": auth_typ, "claims": [{"typ": name, "val": value} for name, value in claims.items()]}
    return {"x-ms-client-principal": base64.b64encode(json.dumps(told).encode()).decode()}


@pytest.mark.parametrize(
    ("claims", "name", "kind"),
    [
        (USER, "ada@contoso.com", "User"),
        (USER | {"idtyp": "app", "azp": CLIENT}, CLIENT, "Application"),
        (APPLICATION, CLIENT, "Application"),
        ({"tid": TENANT.upper(), "oid": OBJECT}, OBJECT, "Application"),
    ],
)
async def test_whom_the_platform_signed_in_is_let_in(claims: dict[str, str], name: str, kind: str) -> None:
    """Users and applications are told apart, by the long names of claims as by the short ones."""
    caller = await PlatformPrincipal([TENANT]).caller_of(principal(claims))

    assert caller == Caller(tenant=TENANT, id=OBJECT, name=name, kind=kind)


async def test_the_first_claim_of_a_type_counts() -> None:
    """What a caller could add at the end takes nothing's place."""
    told = {"auth_typ": "aad", "claims": [{"typ": "tid", "val": TENANT}, {"typ": "oid", "val": OBJECT}]}
    told["claims"] = [*told["claims"], {"typ": "tid", "val": OTHER_TENANT}]
    header = {"x-ms-client-principal": base64.b64encode(json.dumps(told).encode()).decode()}
    caller = await PlatformPrincipal([TENANT, OTHER_TENANT]).caller_of(header)

    assert caller is not None
    assert caller.tenant == TENANT


@pytest.mark.parametrize(
    "headers",
    [
        principal(USER | {f"{SCHEMA}/tenantid": OTHER_TENANT}),
        principal({"oid": OBJECT}),
        principal({"tid": TENANT}),
        principal(USER, auth_typ="github"),
        principal({"tid": [TENANT], "oid": OBJECT}),
        {"x-ms-client-principal": ""},
        {"x-ms-client-principal": "not base64!"},
        {"x-ms-client-principal": base64.b64encode(b"[]").decode()},
        {"x-ms-client-principal": base64.b64encode(b'{"auth_typ": "aad", "claims": [7]}').decode()},
        {"x-ms-client-principal": base64.b64encode(b"\xff").decode()},
    ],
)
async def test_whom_the_platform_does_not_vouch_for_is_refused(headers: dict[str, str]) -> None:
    """Another tenant, another provider, or what cannot be read."""
    with pytest.raises(Refusal) as refusal:
        await PlatformPrincipal([TENANT]).caller_of(headers)
    assert refusal.value.problems[0].code == "Unauthenticated"


async def test_a_key_stands_for_its_principal() -> None:
    """The key's principal is let in, by the key and nothing else; no header is left to other ways."""
    keys = PipelineKeys([PipelineKey(**PIPELINE), PipelineKey(**PIPELINE | {"name": "other", "sha256": "0" * 64})])

    assert await keys.caller_of({"x-functions-key": KEY}) == Caller(tenant=TENANT, id=OBJECT, name="ci", kind="Key")
    assert await keys.caller_of({}) is None
    for wrong in ("", KEY[:-1], KEY + "k", SHA256, "0" * 64, "\ud800", "ü"):
        with pytest.raises(Refusal, match="The key is not known"):
            await keys.caller_of({"x-functions-key": wrong})


async def test_the_header_of_the_platform_is_ignored_where_it_is_not_in_charge() -> None:
    """Anybody could send it there."""
    environment = STORAGE | {"REGISTRY_TENANTS": TENANT, "REGISTRY_KEYS": json.dumps([PIPELINE])}
    ignoring = identity_for(Settings.read(environment), ManualClock())
    trusting = identity_for(Settings.read(environment | {"WEBSITE_AUTH_ENABLED": "True"}), ManualClock())

    with pytest.raises(Refusal, match="send an access token"):
        await ignoring.caller_of(principal(USER))
    assert (await trusting.caller_of(principal(USER))).name == "ada@contoso.com"
    assert (await trusting.caller_of({"x-functions-key": KEY})).name == "ci"


async def test_tokens_and_keys_go_together(issuer: Issuer) -> None:
    """Whoever sends both is who the token says; a bad token is not made good by a key."""
    environment = STORAGE | {
        "REGISTRY_AUTHORITY": issuer.url,
        "REGISTRY_AUDIENCES": f"{AUDIENCE}, other",
        "REGISTRY_TENANTS": TENANT.upper(),
        "REGISTRY_KEYS": json.dumps([PIPELINE]),
    }
    identity = identity_for(Settings.read(environment), ManualClock())
    token = {"authorization": f"Bearer {issuer.token()}"}

    assert (await identity.caller_of(token | {"x-functions-key": KEY})).kind == "User"
    assert (await identity.caller_of({"x-functions-key": KEY})).kind == "Key"
    with pytest.raises(Refusal):
        await identity.caller_of({"authorization": "Bearer x", "x-functions-key": KEY})


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({"AZURE_FUNCTIONS_ENVIRONMENT": "Development"}, "developer"),
        ({}, None),
        ({"AZURE_FUNCTIONS_ENVIRONMENT": "Development", "REGISTRY_KEYS": json.dumps([PIPELINE])}, None),
    ],
)
async def test_the_developer_is_there_in_development_only(environment: dict[str, str], name: str | None) -> None:
    """Everybody is the developer only on a developer's machine, and only while nobody else is let in."""
    identity = identity_for(Settings.read(STORAGE | environment), ManualClock())
    if name is None:
        with pytest.raises(Refusal):
            await identity.caller_of({})
    else:
        assert (await identity.caller_of({"authorization": "whatever"})).name == name


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"REGISTRY_AUDIENCES": "a"}, "REGISTRY_TENANTS must say whose callers are let in"),
        ({"WEBSITE_AUTH_ENABLED": "True"}, "REGISTRY_TENANTS must say whose callers are let in"),
        ({"REGISTRY_TENANTS": "contoso"}, "REGISTRY_TENANTS: String should match pattern"),
        ({"REGISTRY_AUTHORITY": "http://login.microsoftonline.com"}, "REGISTRY_AUTHORITY: must be an https address"),
        ({"REGISTRY_AUTHORITY": "https://login.microsoftonline.com/tenant"}, "REGISTRY_AUTHORITY: must be an https"),
        ({"REGISTRY_AUTHORITY": "https://"}, "REGISTRY_AUTHORITY: must be an https"),
        (
            {"REGISTRY_KEYS": "secret"},
            "REGISTRY_KEYS: must be a JSON list of keys with name, tenant, object_id, roles, sha256",
        ),
        ({"REGISTRY_KEYS": json.dumps([PIPELINE | {"sha256": "secret"}])}, "REGISTRY_KEYS: must be a JSON list"),
        ({"REGISTRY_KEYS": json.dumps([PIPELINE | {"secret": 1}])}, "REGISTRY_KEYS: must be a JSON list"),
        (
            {"REGISTRY_KEYS": json.dumps([PIPELINE | {"roles": [{"role": "Ruler", "scope": "/"}]}])},
            "'Ruler' is no role; there are Owner, Contributor, Reader",
        ),
        (
            {"REGISTRY_KEYS": json.dumps([PIPELINE | {"roles": [{"role": "Owner", "scope": "/secret"}]}])},
            "in hex; 0.roles.0.scope: must be '/', or the Azure id of a subscription",
        ),
        ({"REGISTRY_KEYS": '[{"secret": 1, "secret": 2}]'}, "in hex; a name stands twice in it"),
        (
            {"REGISTRY_ROLES": '{"assignments": [{"secret": 1}], "assignments": []}'},
            "perhaps denies); a name stands twice in it",
        ),
        ({"REGISTRY_ROLES": '{"assignments": secret}'}, "Expecting value: line 1 column 17"),
        ({"REGISTRY_ROLES": '{"assignments":' + "[" * 100_000}, "it is too deep"),
        ({"REGISTRY_ROLES": "/no/such/secret"}, "REGISTRY_ROLES: must be JSON, or the path of a file of it"),
        ({"REGISTRY_ROLES": '{"assignment": ["secret"]}'}, "REGISTRY_ROLES: must be JSON with 'roles'"),
        (
            {"REGISTRY_ROLES": json.dumps({"assignments": [ROLES["assignments"][0] | {"role": "Ruler"}]})},
            "'Ruler' is no role; there are Owner, Contributor, Reader",
        ),
        (
            {"REGISTRY_KEYS": json.dumps([PIPELINE | {"sha256": hashlib.sha256(b"").hexdigest()}])},
            "REGISTRY_KEYS: has the hash of an empty key",
        ),
        (
            {"REGISTRY_KEYS": json.dumps([PIPELINE, PIPELINE | {"name": "other", "tenant": OTHER_TENANT}])},
            "REGISTRY_KEYS: has a key twice",
        ),
        *(
            (
                {"REGISTRY_ROLES": json.dumps({"assignments": [ROLES["assignments"][0] | {name: "secret"}]})},
                "REGISTRY_ROLES: must have a GUID as tenant and as principal",
            )
            for name in ("tenant", "principal")
        ),
        (
            {
                "REGISTRY_ROLES": json.dumps(
                    {"assignments": [ROLES["assignments"][0] | {"scope": "/subscriptions/s\n"}]}
                )
            },
            "assignments.0.scope: must be '/', or the Azure id of a subscription",
        ),
    ],
)
def test_wrong_settings_are_told_without_their_values(environment: dict[str, str], message: str) -> None:
    """What is wrong is said of the variable; no key is repeated."""
    with pytest.raises(SettingsError) as error:
        Settings.read(STORAGE | environment)
    assert message in str(error.value)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    "environment",
    [
        {"REGISTRY_AUDIENCES": AUDIENCE, "REGISTRY_TENANTS": TENANT},
        {"REGISTRY_KEYS": json.dumps([PIPELINE])},
        {"WEBSITE_AUTH_ENABLED": "True", "REGISTRY_TENANTS": TENANT},
    ],
)
def test_azure_takes_any_real_identity(environment: dict[str, str]) -> None:
    """Each of the ways is enough for the app to start on Azure with roles, and none of them in development mode."""
    azure = STORAGE | {"WEBSITE_INSTANCE_ID": "x"} | environment
    with pytest.raises(SettingsError, match="Nobody could do anything"):
        Settings.read(azure)
    assert Settings.read(azure | {"REGISTRY_ROLES_FROM_AZURE": "true"}).roles_from_azure
    azure["REGISTRY_ROLES"] = json.dumps(ROLES)

    assert Settings.read(azure).lets_somebody_in
    startup.check(azure)
    with pytest.raises(SettingsError, match="must not be Development"):
        startup.check(azure | {"AZURE_FUNCTIONS_ENVIRONMENT": "Development"})


@pytest.mark.parametrize("off", ["", "False", "false", "0", "no", "off"])
def test_azure_says_so_where_authentication_is_not_in_charge(off: str) -> None:
    """The platform's setting is there on every app; that it is off does not let anybody in."""
    with pytest.raises(SettingsError, match="Nobody could sign in"):
        startup.check(STORAGE | {"WEBSITE_SITE_NAME": "x", "WEBSITE_AUTH_ENABLED": off})


@pytest.mark.parametrize(
    "nothing",
    [
        {"REGISTRY_KEYS": "[]"},
        {"REGISTRY_AUDIENCES": " , ", "REGISTRY_TENANTS": TENANT},
        {"WEBSITE_AUTH_ENABLED": "off", "REGISTRY_TENANTS": TENANT},
    ],
)
def test_azure_takes_no_identity_that_is_none(nothing: dict[str, str]) -> None:
    """A setting that is there and lets nobody in is not a way to sign in: neither at the start nor at the first use."""
    azure = STORAGE | {"WEBSITE_SITE_NAME": "x", "REGISTRY_ROLES": json.dumps(ROLES)} | nothing
    for check in (startup.check, Settings.read):
        with pytest.raises(SettingsError, match="Nobody could sign in"):
            check(azure)


async def test_no_key_is_ever_logged_or_shown(caplog: pytest.LogCaptureFixture) -> None:
    """Neither the key nor its hash stands in a log, an error or what settings look like."""
    caplog.set_level(logging.DEBUG)
    settings = Settings.read(STORAGE | {"REGISTRY_KEYS": json.dumps([PIPELINE])})
    identity = identity_for(settings, ManualClock())
    await identity.caller_of({"x-functions-key": KEY})
    with pytest.raises(Refusal) as refusal:
        await identity.caller_of({"x-functions-key": KEY + "wrong"})

    for text in (caplog.text, repr(settings), repr(settings.keys), str(refusal.value)):
        assert KEY not in text
        assert SHA256 not in text


@pytest.mark.parametrize(
    ("authority", "issuer"),
    [
        ("https://login.microsoftonline.com", "https://sts.windows.net/t/"),
        ("https://login.microsoftonline.us", "https://sts.windows.net/t/"),
        ("https://login.partner.microsoftonline.cn", "https://sts.chinacloudapi.cn/t/"),
    ],
)
def test_sovereign_clouds_have_issuers_of_their_own(authority: str, issuer: str) -> None:
    """Version 1 tokens name the issuer of their cloud."""
    assert issuer_of(authority, "t", "1.0") == issuer
    assert issuer_of(authority, "t", "2.0") == f"{authority}/t/v2.0"
