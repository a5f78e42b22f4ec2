"""Which deliveries of webhooks are believed: those whose proof is right over the bytes as they came.

FORGED_DELIVERIES says how many forgeries are tried.
"""

import base64
import hmac
import logging
import os
import random
from datetime import UTC, datetime, timedelta
from typing import Any, AnyStr

import pytest

from registry_api.access.webhooks import WINDOW, Webhooks
from registry_api.domain.problems import Refusal
from registry_api.domain.sources import MOST_SECRETS, WebhookSource
from tests import senders

FORGED = int(os.environ.get("FORGED_DELIVERIES", "6000"))
NOW = datetime(2021, 2, 25, 15, 2, 10, tzinfo=UTC)  # the time of the published example
BODY = b'{"test": 2432232314}'
EVERYTHING = b"name: Demo1\nlocation: eastus\n"

pytestmark = pytest.mark.timeout(1800 if FORGED > 6000 else 120)

Headers = dict[str, str]


class FixedClock:
    """A clock that stands still."""

    def __init__(self, time: datetime = NOW) -> None:
        self.time = time

    def now(self) -> datetime:
        """Return the time."""
        return self.time


def webhooks(*sources: dict[str, Any], now: datetime = NOW) -> Webhooks:
    """Return what verifies the deliveries of these sources, or of one of each kind."""
    return Webhooks([WebhookSource(**fields) for fields in sources or senders.SOURCES], FixedClock(now))


def refused(verifier: Webhooks, name: str, headers: Headers, body: bytes) -> str:
    """Return why a delivery is refused."""
    with pytest.raises(Refusal) as refusal:
        verifier.verify(name, headers, body)
    (problem,) = refusal.value.problems
    assert problem.code == "Unauthenticated"
    return problem.message


def is_believed(verifier: Webhooks, name: str, headers: Headers, body: bytes) -> bool:
    """Tell whether a delivery is let in."""
    try:
        return verifier.verify(name, headers, body).name == name
    except Refusal:
        return False


def test_the_published_example_of_standard_webhooks() -> None:
    """The example of the reference implementations is believed (standard-webhooks/libraries, their tests)."""
    source = senders.source("standard", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }

    assert is_believed(webhooks(source), "standard", headers, BODY)
    assert not is_believed(webhooks(source), "standard", headers, BODY + b" ")


def test_the_published_example_of_github() -> None:
    """The example of GitHub's documentation is believed (validating-webhook-deliveries)."""
    source = senders.source("github", "It's a Secret to Everybody")
    headers = {
        "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
    }

    assert is_believed(webhooks(source), "github", headers, b"Hello, World!")
    assert not is_believed(webhooks(source), "github", headers, b"Hello, World?")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-webhook-secret": senders.HOOK_SECRET}, True),
        ({"authorization": "Basic " + base64.b64encode(f"any:{senders.HOOK_SECRET}".encode()).decode()}, True),
        ({"authorization": "basic " + base64.b64encode(f":{senders.HOOK_SECRET}".encode()).decode()}, True),
        ({"authorization": "Basic " + base64.b64encode(senders.HOOK_SECRET.encode()).decode()}, False),
        ({"authorization": f"Bearer {senders.HOOK_SECRET}"}, False),
        ({"authorization": "Basic é"}, False),
        ({"authorization": "Basic /w=="}, False),
        ({"x-webhook-secret": senders.HOOK_SECRET[:-1]}, False),
        ({"x-webhook-secret": ""}, False),
        ({"x-webhook-secret": "é\ud800"}, False),
        ({}, False),
    ],
)
def test_a_service_hook_brings_its_secret(headers: Headers, *, expected: bool) -> None:
    """In a header of its own or as a password, whole and nothing else."""
    assert is_believed(webhooks(), "azure-devops", headers, b"{}") == expected


@pytest.mark.parametrize(
    ("seconds", "expected"), [(-301, False), (-300, True), (0, True), (300, True), (301, False), (10**9, False)]
)
def test_a_delivery_is_of_now(seconds: int, *, expected: bool) -> None:
    """A time of more than five minutes ago, or ahead, is told to be that; only to who has signed it."""
    assert timedelta(minutes=5) == WINDOW
    headers = senders.signed(BODY, timestamp=NOW.timestamp() + seconds)

    assert is_believed(webhooks(), "standard", headers, BODY) == expected
    if not expected:
        assert "within 5 minutes" in refused(webhooks(), "standard", headers, BODY)
        assert "within" not in refused(webhooks(), "standard", headers, BODY + b" ")


def test_secrets_are_replaced_one_after_the_other() -> None:
    """While both secrets are in the settings either is taken; afterwards the old one is worth nothing."""
    old, new = (
        senders.signed(BODY, secret=s, timestamp=NOW.timestamp()) for s in (senders.SECRET, senders.OTHER_SECRET)
    )
    before, during, after = (
        webhooks(senders.source("standard", *secrets))
        for secrets in ([senders.SECRET], [senders.SECRET, senders.OTHER_SECRET], [senders.OTHER_SECRET])
    )

    assert [is_believed(verifier, "standard", old, BODY) for verifier in (before, during, after)] == [True, True, False]
    assert [is_believed(verifier, "standard", new, BODY) for verifier in (before, during, after)] == [False, True, True]


def test_a_sender_may_sign_with_several_secrets() -> None:
    """One right signature among others is enough, as the specification has it for rotation."""
    headers = senders.signed(BODY, timestamp=NOW.timestamp())
    right = headers["webhook-signature"]
    for signatures in (f"v1,AAAA {right}", f"{right} v1,AAAA", f"v1a,{right[3:]} {right}"):
        assert is_believed(webhooks(), "standard", headers | {"webhook-signature": signatures}, BODY)
    for signatures in (f"v1a,{right[3:]}", f"v2,{right[3:]}", right[3:], right.lower(), "v1,", "", right.rstrip("=")):
        assert not is_believed(webhooks(), "standard", headers | {"webhook-signature": signatures}, BODY)


def test_what_is_signed_can_be_read_in_one_way() -> None:
    """The parts that are signed together cannot be divided elsewhere: one signature is good for one delivery."""
    at = str(int(NOW.timestamp()))
    headers = senders.signed(b"7.x", delivery=f"msg.{at}", timestamp=NOW.timestamp())

    assert not is_believed(webhooks(), "standard", headers, b"7.x")
    shifted = headers | {"webhook-id": "msg"}
    assert not is_believed(webhooks(), "standard", shifted, b"7.x")
    odd = senders.signed(BODY, delivery="msg", timestamp=NOW.timestamp())
    for name, value in (("webhook-timestamp", f" {at}"), ("webhook-timestamp", f"+{at}"), ("webhook-id", "")):
        assert not is_believed(webhooks(), "standard", odd | {name: value}, BODY)


def test_every_reason_looks_the_same() -> None:
    """A source that is not there, another kind of proof, no proof and a wrong one are told in the same words."""
    good = senders.signed(EVERYTHING, timestamp=NOW.timestamp())
    reasons = {
        refused(webhooks(), name, headers, body)
        for name, headers, body in [
            ("nobody", good, EVERYTHING),
            ("STANDARD", good, EVERYTHING),
            ("", {}, b""),
            ("standard", {}, EVERYTHING),
            ("standard", good, EVERYTHING[:-1]),
            ("standard", senders.signed(EVERYTHING, secret=senders.OTHER_SECRET), EVERYTHING),
            ("github", good, EVERYTHING),
            ("github", senders.by_github(EVERYTHING, secret="x"), EVERYTHING),
            ("github", senders.by_github(EVERYTHING) | {"x-github-delivery": "a b"}, EVERYTHING),
            ("azure-devops", good, EVERYTHING),
        ]
    }

    assert len(reasons) == 1
    assert is_believed(webhooks(), "standard", good, EVERYTHING)


@pytest.mark.parametrize("name", ["nobody", "standard", "github", "azure-devops"])
def test_every_source_costs_as_much(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a source that is not there the body is hashed as for one of any kind, so that the time tells nothing."""
    hashed: list[int] = []

    def digest(key: bytes, message: bytes, algorithm: str) -> bytes:
        hashed.append(EVERYTHING in message)
        return hmac.HMAC(key, message, algorithm).digest()

    monkeypatch.setattr("registry_api.access.webhooks.hmac.digest", digest)
    refused(webhooks(), name, {}, EVERYTHING)

    assert sum(hashed) == MOST_SECRETS


def _mutated(headers: Headers, body: bytes, rand: random.Random) -> tuple[Headers, bytes]:
    """Return a delivery that is changed in one to three places, headers and body."""
    headers = dict(headers)
    for _ in range(rand.randint(1, 3)):
        match rand.randrange(8):
            case 0 if len(headers) > 1:
                del headers[rand.choice([*headers])]
            case 1 | 2 | 3:
                body = _changed(body, bytes([rand.randrange(256)]), rand)
            case _:
                name = rand.choice([*headers])
                headers[name] = _changed(headers[name], rand.choice("ABCabc0189+/=., v\n\x00é"), rand)
    return headers, body


def _changed(content: AnyStr, other: AnyStr, rand: random.Random) -> AnyStr:
    """Return a text, or bytes, with something replaced, removed, added, cut off or cut out."""
    place = rand.randrange(len(content) + 1)
    match rand.randrange(5):
        case 0:
            return content[:place] + other + content[place + 1 :]
        case 1:
            return content[:place] + content[place + 1 :]
        case 2:
            return content[:place] + other + content[place:]
        case 3:
            return content[:place]
        case _:
            return content[:place] + content[rand.randrange(len(content) + 1) :]


def _meaning(name: str, headers: Headers, body: bytes) -> tuple[object, ...]:
    """Return what a proof is about: an unproven id and signatures beside the right one mean nothing."""
    if name == "standard":
        right = senders.signed(
            body, delivery=headers.get("webhook-id", ""), timestamp=int(headers.get("webhook-timestamp", "0"))
        )
        is_right = right["webhook-signature"] in headers.get("webhook-signature", "").split(" ")
        return is_right, headers.get("webhook-id"), headers.get("webhook-timestamp"), body
    if name == "azure-devops":  # nothing is signed: the secret is all that is proven
        secret, password = headers.get("x-webhook-secret"), headers.get("authorization", "").split(" ")[-1]
        return (senders.HOOK_SECRET in {secret, _password(password)},)
    return headers.get("x-hub-signature-256"), body


def _password(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def test_forged_deliveries_are_refused() -> None:
    """No delivery whose proof, or what it proves, differs by anything is believed."""
    rand = random.Random(1)  # noqa: S311 - a seed makes it the same again
    verifier = webhooks()
    good = {
        "standard": senders.signed(EVERYTHING, delivery="msg_1", timestamp=NOW.timestamp()),
        "github": senders.by_github(EVERYTHING, delivery="72d3162e"),
        "azure-devops": {
            "x-webhook-secret": senders.HOOK_SECRET,
            "authorization": "Basic " + base64.b64encode(f"hook:{senders.HOOK_SECRET}".encode()).decode(),
        },
    }
    believed: list[tuple[str, Headers, bytes]] = []
    forged = 0
    while forged < FORGED:
        name = rand.choice([*good])
        headers, body = _mutated(good[name], EVERYTHING, rand)
        is_in = is_believed(verifier, name, headers, body)
        if is_in and _meaning(name, headers, body) == _meaning(name, good[name], EVERYTHING):
            continue  # it was changed in nothing that means anything
        forged += 1
        if is_in:
            believed.append((name, headers, body))
    assert believed == []
    assert all(is_believed(verifier, name, good[name], EVERYTHING) for name in good)


def test_guessed_secrets_are_refused() -> None:
    """No secret that differs from the right one by a character is taken."""
    verifier = webhooks()
    for place in range(len(senders.HOOK_SECRET)):
        wrong = senders.HOOK_SECRET[:place] + "X" + senders.HOOK_SECRET[place + 1 :]
        assert not is_believed(verifier, "azure-devops", {"x-webhook-secret": wrong}, b"{}")


def test_no_refusal_and_no_log_has_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    """What is wrong is told, and logged, without what was sent and without what would have been right."""
    caplog.set_level(logging.DEBUG)
    told = [
        refused(webhooks(), senders.HOOK_SECRET, {}, b""),
        refused(webhooks(), "azure-devops", {"x-webhook-secret": senders.HOOK_SECRET[:-1]}, b""),
        refused(webhooks(), "standard", senders.signed(BODY), BODY),
    ]
    shown = " ".join([*told, caplog.text, repr([WebhookSource(**fields) for fields in senders.SOURCES])])

    assert "canary" not in shown
    assert senders.SECRET not in shown
