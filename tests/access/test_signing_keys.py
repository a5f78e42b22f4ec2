"""How an authority's keys are had: seldom, once at a time, and never from elsewhere."""

import asyncio
import json
from typing import Any

import pytest

from registry_api.access.tokens import AccessTokens
from registry_api.domain.problems import Refusal
from tests.access.issuer import Issuer
from tests.access.test_tokens import refused, sent
from tests.service.world import ManualClock

MINUTE, HOUR = 60, 3600


async def unavailable(tokens: AccessTokens, issuer: Issuer) -> None:
    """Check that nobody is let in, and that it is not the caller's fault."""
    with pytest.raises(Refusal) as refusal:
        await sent(tokens, issuer.token())
    assert refusal.value.problems[0].code == "IdentityUnavailable"


async def test_keys_are_fetched_once(tokens: AccessTokens, issuer: Issuer) -> None:
    """However many tokens come at the same time, the authority is asked once."""
    token = issuer.token()
    await asyncio.gather(*(sent(tokens, token) for _ in range(20)))
    await sent(tokens, token)

    assert issuer.asked == 1


async def test_a_new_key_is_found(tokens: AccessTokens, issuer: Issuer, clock: ManualClock) -> None:
    """When the authority signs with another key, it is asked again, and the old keys are gone."""
    await sent(tokens, issuer.token())
    issuer.keys = {"key-2": "{tenantid}"}
    clock.advance(MINUTE)

    assert await sent(tokens, issuer.token(key="key-2")) is not None
    assert "a key that the authority does not have" in await refused(tokens, issuer.token(key="key-1"))


async def test_unknown_keys_do_not_flood_the_authority(
    tokens: AccessTokens, issuer: Issuer, clock: ManualClock
) -> None:
    """Tokens that name keys of their own make one request a minute, and keep nobody else out."""
    for number in range(5):
        await refused(tokens, issuer.token(key="key-9", headers={"kid": f"unknown {number}"}))
    assert issuer.asked == 1
    clock.advance(MINUTE)
    await asyncio.gather(*(refused(tokens, issuer.token(key="key-9")) for _ in range(5)))
    assert issuer.asked == 2
    assert await sent(tokens, issuer.token()) is not None


async def test_keys_are_had_anew_every_day(tokens: AccessTokens, issuer: Issuer, clock: ManualClock) -> None:
    """A key that the authority has withdrawn is worth nothing a day later."""
    await sent(tokens, issuer.token())
    issuer.keys = {"key-2": "{tenantid}"}
    clock.advance(24 * HOUR - 1)
    assert await sent(tokens, issuer.token()) is not None
    clock.advance(1)
    await refused(tokens, issuer.token())
    assert issuer.asked == 2


async def test_keys_outlive_an_authority_that_is_away(tokens: AccessTokens, issuer: Issuer, clock: ManualClock) -> None:
    """For another day old keys are good enough, and the authority is asked once a minute; then nobody is let in."""
    await sent(tokens, issuer.token())
    issuer.status = 500
    clock.advance(24 * HOUR)
    for _ in range(3):
        assert await sent(tokens, issuer.token()) is not None
    assert issuer.asked == 2
    clock.advance(24 * HOUR)
    await unavailable(tokens, issuer)
    issuer.status = 200
    clock.advance(MINUTE)
    assert await sent(tokens, issuer.token()) is not None


@pytest.mark.parametrize(
    "broken",
    [
        {"status": 404},
        {"status": 302, "headers": {"Location": "http://127.0.0.1:1/"}},
        {"body": b"<html>"},
        {"body": b"[]"},
        {"body": b"[" * 100_000},
        {"body": b'{"keys": {}}'},
        {"body": b'{"keys": [7, {"kty": "oct", "k": "c2VjcmV0", "kid": "key-1"}, {"kty": "RSA", "kid": "key-1"}]}'},
    ],
)
async def test_what_is_no_key_set_lets_nobody_in(
    tokens: AccessTokens, issuer: Issuer, clock: ManualClock, broken: dict[str, Any]
) -> None:
    """An authority that answers anything else is as good as away, until it answers right."""
    vars(issuer).update(broken)
    await unavailable(tokens, issuer)
    issuer.status, issuer.body, issuer.headers = 200, None, {}
    await unavailable(tokens, issuer)
    clock.advance(MINUTE)
    assert await sent(tokens, issuer.token()) is not None


async def test_an_authority_that_was_away_at_the_start_is_asked_again_soon(
    tokens: AccessTokens, issuer: Issuer, clock: ManualClock
) -> None:
    """As long as there is no key at all, nobody is let in: a minute of that would be long."""
    issuer.status = 503
    await unavailable(tokens, issuer)
    issuer.status = 200
    await unavailable(tokens, issuer)
    assert issuer.asked == 1
    clock.advance(2)
    assert await sent(tokens, issuer.token()) is not None


async def test_a_key_set_without_end_lets_nobody_in(tokens: AccessTokens, issuer: Issuer) -> None:
    """However good it is: more than a megabyte is not read."""
    issuer.body = issuer.key_set() + b" " * 1024 * 1024
    await unavailable(tokens, issuer)


async def test_an_authority_that_is_not_there_lets_nobody_in(clock: ManualClock, issuer: Issuer) -> None:
    """Nor does one that nobody answers for."""
    await unavailable(AccessTokens("http://127.0.0.1:1", ["x"], ["y"], clock), issuer)


async def test_keys_for_other_uses_are_left_out(tokens: AccessTokens, issuer: Issuer) -> None:
    """A key for encryption signs nothing, however well it fits."""
    entries = json.loads(issuer.key_set())["keys"]
    issuer.body = json.dumps({"keys": [entry | {"use": "enc"} for entry in entries]}).encode()

    await unavailable(tokens, issuer)
