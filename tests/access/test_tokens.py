"""Which access tokens are let in, and whom they name."""

import base64
import json
import logging
import os
import random
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from registry_api.access.tokens import AccessTokens
from registry_api.domain.caller import Caller
from registry_api.domain.problems import Refusal
from tests.access.issuer import CLIENT, OBJECT, OTHER_TENANT, TENANT, Issuer, private_key

FORGED = int(os.environ.get("FORGED_TOKENS", "20000"))
CANARY = "canary-7f3a"


async def sent(tokens: AccessTokens, token: str) -> Caller | None:
    """Return who is let in with a token."""
    return await tokens.caller_of({"authorization": f"Bearer {token}"})


async def refused(tokens: AccessTokens, token: str) -> str:
    """Return why a token is refused."""
    with pytest.raises(Refusal) as refusal:
        await sent(tokens, token)
    (problem,) = refusal.value.problems
    assert problem.code == "Unauthenticated"
    return problem.message


@pytest.mark.parametrize("version", ["1.0", "2.0"])
async def test_a_user_is_let_in(tokens: AccessTokens, issuer: Issuer, version: str) -> None:
    """A token of either version names its user, the object and the tenant."""
    caller = await sent(tokens, issuer.token(version=version))

    assert caller == Caller(tenant=TENANT, id=OBJECT, name="ada@contoso.com", kind="User")


@pytest.mark.parametrize(
    ("claims", "name", "kind"),
    [
        ({}, CLIENT, "Application"),
        ({"idtyp": None}, CLIENT, "Application"),
        ({"version": "1.0", "azp": None, "appid": "app-1"}, "app-1", "Application"),
        ({"xms_mirid": "/subscriptions/s/…"}, CLIENT, "ManagedIdentity"),
        ({"azp": None}, OBJECT, "Application"),
    ],
)
async def test_an_application_is_let_in(
    tokens: AccessTokens, issuer: Issuer, claims: dict[str, Any], name: str, kind: str
) -> None:
    """An application is called by its client id; a managed identity is told as one."""
    caller = await sent(tokens, issuer.application_token(**claims))

    assert caller == Caller(tenant=TENANT, id=OBJECT, name=name, kind=kind)


async def test_every_audience_is_taken(tokens: AccessTokens, issuer: Issuer) -> None:
    """The client id is as good as the id URI."""
    assert await sent(tokens, issuer.token(aud=CLIENT)) is not None


async def test_clocks_may_differ_a_little(tokens: AccessTokens, issuer: Issuer) -> None:
    """A token of half a minute ahead, or that ended half a minute ago, is let in."""
    now = int(time.time())

    assert await sent(tokens, issuer.token(exp=now - 30)) is not None
    assert await sent(tokens, issuer.token(nbf=now + 30, iat=now + 30)) is not None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"exp": 90}, "The access token has expired; get a new one."),
        ({"nbf": -90}, "The access token is not valid yet."),
        ({"iat": -90}, "The access token is not valid yet."),
        (
            {"aud": "api://another"},
            f"The access token is for another service; ask for one for: api://registry, {CLIENT}.",
        ),
        ({"aud": ["api://another"]}, None),
        ({"iss": "https://sts.windows.net/evil/"}, "The access token is from an issuer that is not its tenant's."),
        ({"ver": "1.0"}, "The access token is from an issuer that is not its tenant's."),
        ({"tenant": OTHER_TENANT}, "The access token is from a tenant that is not let in."),
        ({"tid": OTHER_TENANT}, "The access token is from a tenant that is not let in."),
        ({"tid": [TENANT]}, "The access token is from a tenant that is not let in."),
        ({"oid": ""}, "The access token names nobody."),
        ({"oid": 7}, "The access token names nobody."),
        *(({name: None}, f"lacks the claim '{name}'") for name in ("exp", "nbf", "iat", "iss", "aud", "tid", "oid")),
    ],
)
async def test_wrong_claims_are_refused(
    tokens: AccessTokens, issuer: Issuer, wrong: dict[str, Any], message: str | None
) -> None:
    """One wrong claim is enough, and the message says which."""
    now = int(time.time())
    claims = {name: now - value if name in {"exp", "nbf", "iat"} and value else value for name, value in wrong.items()}
    told = await refused(tokens, issuer.token(**claims))

    assert message is None or message in told


def _unsigned(issuer: Issuer) -> str:
    return jwt.encode(issuer.claims(), "", "none", headers={"kid": "key-1"})


def _public(key: str) -> dict[str, Any]:
    return jwt.algorithms.RSAAlgorithm.to_jwk(private_key(key).public_key(), as_dict=True)


def _signed_with_what_is_public(issuer: Issuer) -> str:
    def part(content: object) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=")

    signed = part({"alg": "HS256", "kid": "key-1", "typ": "JWT"}) + b"." + part(issuer.claims())
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(signed, issuer.key_set())
    return (signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


FORGERIES: dict[str, Callable[[Issuer], str]] = {
    "unsigned": _unsigned,
    "signed with what is public": _signed_with_what_is_public,
    "another algorithm": lambda issuer: issuer.token(algorithm="RS512"),
    "another key": lambda issuer: issuer.token(key="key-9", headers={"kid": "key-1"}),
    "a key that is not known": lambda issuer: issuer.token(key="key-9"),
    "no key": lambda issuer: issuer.token(headers={"kid": None}),
    "a key of its own": lambda issuer: issuer.token(key="key-9", headers={"jwk": _public("key-9")}),
    "an address of its own": lambda issuer: issuer.token(key="key-9", headers={"jku": f"{issuer.url}/keys"}),
    "what must be understood": lambda issuer: issuer.token(headers={"crit": ["exp"], "exp": 1}),
    "without a signature": lambda issuer: issuer.token().rpartition(".")[0] + ".",
    "cut off": lambda issuer: issuer.token()[:-2],
    "one part": lambda issuer: issuer.token().partition(".")[0],
    "four parts": lambda issuer: issuer.token() + ".x",
    "too long": lambda issuer: issuer.token(big="x" * 20_000),
    "no token": lambda _: "secret",
    "not ASCII": lambda _: "ünsigned.ö.ä",
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_forgeries_are_refused(tokens: AccessTokens, issuer: Issuer, forgery: str) -> None:
    """Whatever is not signed by the authority, in the one way that is taken, is nobody's."""
    await refused(tokens, FORGERIES[forgery](issuer))


async def test_a_key_signs_for_its_own_tenant_only(tokens: AccessTokens, issuer: Issuer) -> None:
    """A key that the authority publishes for one tenant is worth nothing for another."""
    issuer.keys = {"key-1": OTHER_TENANT, "key-2": TENANT}

    assert "an issuer that is not its tenant's" in await refused(tokens, issuer.token(key="key-1"))
    assert await sent(tokens, issuer.token(key="key-2")) is not None


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dTpw", "Token x", "x"])
async def test_other_schemes_are_refused(tokens: AccessTokens, header: str) -> None:
    """Only bearer tokens are taken, and that is said."""
    with pytest.raises(Refusal, match="Authorization must be 'Bearer' and an access token"):
        await tokens.caller_of({"authorization": header})


async def test_the_scheme_is_in_any_case(tokens: AccessTokens, issuer: Issuer) -> None:
    """As RFC 9110 says of schemes; no header at all is left to other ways."""
    assert await tokens.caller_of({"authorization": f"bearer  {issuer.token()}"}) is not None
    assert await tokens.caller_of({}) is None


async def test_mutated_tokens_are_refused(tokens: AccessTokens, issuer: Issuer) -> None:
    """No token that differs in its meaning by anything is let in."""
    rand = random.Random(1)  # noqa: S311 - a seed makes it the same again
    good = issuer.token()
    accepted: list[str] = []
    codes: set[str] = set()
    for _ in range(FORGED):
        token = _mutated(good, rand)
        try:
            await sent(tokens, token)
            accepted.append(token)
        except Refusal as refusal:
            codes.update(problem.code for problem in refusal.problems)
    assert [token for token in accepted if _meaning(token) != _meaning(good)] == []
    assert codes == {"Unauthenticated"}
    assert await sent(tokens, good) is not None


_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n\x00é"


def _mutated(token: str, rand: random.Random) -> str:
    """Return a token that is changed in one to three places."""
    for _ in range(rand.randint(1, 3)):
        place, other = rand.randrange(len(token)), rand.randrange(len(token))
        match rand.randrange(5):
            case 0:
                token = token[:place] + rand.choice(_ALPHABET) + token[place + 1 :]
            case 1:
                token = token[:place] + token[place + 1 :]
            case 2:
                token = token[:place] + rand.choice(_ALPHABET) + token[place:]
            case 3:
                token = token[: max(place, 1)]
            case 4:
                token = token[:place] + token[other:]
    return token


def _meaning(token: str) -> list[bytes] | None:
    """Return what a token's parts decode to: the last bits of base64 may differ without any meaning."""
    try:
        return [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in token.strip().split(".")]
    except ValueError:
        return None


async def test_no_answer_and_no_log_has_the_token(
    tokens: AccessTokens, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the token nor a claim of it is repeated, whatever is wrong with it."""
    caplog.set_level(logging.DEBUG)
    bad = [
        issuer.token(key="key-9", headers={"kid": CANARY}, jti=CANARY),
        issuer.token(tid=CANARY),
        issuer.token(aud=CANARY),
        issuer.token(iss=CANARY),
        issuer.token(oid="", jti=CANARY),
        issuer.token(jti=CANARY)[:-5],
        CANARY,
    ]
    for token in bad:
        assert CANARY not in await refused(tokens, token)
        assert token not in caplog.text
    assert CANARY not in caplog.text
