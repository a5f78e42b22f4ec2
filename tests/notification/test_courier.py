"""What goes over the wire to a real receiver on loopback: signed, never redirected, never to where nobody may look."""

import base64
import logging
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from registry_api.domain.delivery import DeliveryFailure
from registry_api.notification.courier import HttpCourier, Mailbox, signatures
from registry_api.notification.destinations import DestinationRefusedError, checked_socket
from registry_api.service.audience import DeliveryError, Letter
from tests.courier import subscriber
from tests.notification.receiver import SECRET, HttpReceiver, Received
from tests.recorded import CALLER

LETTER = Letter("demo1-1f-1", datetime(2026, 1, 1, tzinfo=UTC), "application/cloudevents+json", b'{"a":"\xc3\xa4"}')
OTHER_SECRET = "whsec_" + base64.b64encode(b"o" * 24).decode()
PUBLIC, PRIVATE = "93.184.215.14", "10.0.0.5"


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    """Serve on loopback."""
    with HttpReceiver() as receiver:
        yield receiver


@dataclass
class TableResolver(AbstractResolver):
    """Knows the names that a test says."""

    names: dict[str, list[str]]
    asked: list[str] = field(default_factory=list)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a name."""
        del family
        self.asked.append(host)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=0,
            )
            for address in self.names[host]
        ]

    async def close(self) -> None:
        """Do nothing."""


def courier(url: str, *secrets: str, anywhere: bool = True, resolver: AbstractResolver | None = None) -> HttpCourier:
    """Return who takes letters to one address."""
    made = {} if resolver is None else {"resolver": lambda: resolver}
    return HttpCourier({"inventory": Mailbox(url, secrets or (SECRET,))}, anywhere=anywhere, **made)


async def failure_of(courier: HttpCourier) -> DeliveryFailure:
    """Return why a letter was not taken."""
    with pytest.raises(DeliveryError) as error:
        await courier.deliver(subscriber(), LETTER)
    return error.value.failure


async def test_a_letter_arrives_signed(receiver: HttpReceiver) -> None:
    """What the receiver gets is the body as it was, the headers of Standard Webhooks, and a signature that is right."""
    await courier(receiver.url).deliver(subscriber(), LETTER)

    (received,) = receiver.received
    assert (received.path, received.body) == ("/hook?code=canary-in-the-query", LETTER.body)
    assert received.headers["content-type"] == LETTER.content_type
    assert (received.headers["webhook-id"], received.headers["webhook-timestamp"]) == (LETTER.id, "1767225600")
    assert received.is_signed_with(SECRET)
    assert not received.is_signed_with(OTHER_SECRET)


async def test_a_letter_carries_its_trace(receiver: HttpReceiver) -> None:
    """A receiver can go on with the trace of the attempt; where nobody records one, it is told none."""
    await courier(receiver.url).deliver(subscriber(), LETTER._replace(traceparent=CALLER))
    await courier(receiver.url).deliver(subscriber(), LETTER)

    assert [received.headers.get("traceparent") for received in receiver.received] == [CALLER, None]


async def test_while_secrets_change_both_sign(receiver: HttpReceiver) -> None:
    """A receiver that knows the old secret, or only the new one, is content."""
    await courier(receiver.url, SECRET, OTHER_SECRET).deliver(subscriber(), LETTER)

    assert receiver.received[0].is_signed_with(SECRET)
    assert receiver.received[0].is_signed_with(OTHER_SECRET)


def test_the_signature_is_that_of_the_standard() -> None:
    """The value that the libraries of Standard Webhooks are tested with comes out."""
    body = b'{"test": 2432232314}'
    letter = Letter("msg_p5jXN8AQM9LWM0D4loKWxJek", datetime.fromtimestamp(1614265330, UTC), "application/json", body)

    assert (
        signatures(letter, ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


@pytest.mark.parametrize("status", [200, 202, 204, 299])
async def test_every_success_counts(receiver: HttpReceiver, status: int) -> None:
    """Whatever else the answer says."""
    receiver.answer = lambda _: (status, {})
    await courier(receiver.url).deliver(subscriber(), LETTER)


@pytest.mark.parametrize(
    ("status", "headers", "failure"),
    [
        (400, {}, {"cause": "It answered 400."}),
        (500, {}, {"cause": "It answered 500."}),
        (410, {}, {"cause": "It answered 410.", "final": True}),
        (503, {"Retry-After": "120"}, {"cause": "It answered 503.", "retry_after": timedelta(minutes=2)}),
        (
            429,
            {"Retry-After": "Thu, 01 Jan 2026 00:05:00 GMT"},
            {"cause": "It answered 429.", "retry_after": timedelta(minutes=5)},
        ),
        (429, {"Retry-After": "soon"}, {"cause": "It answered 429."}),
        (429, {"Retry-After": "-5"}, {"cause": "It answered 429."}),
        (429, {"Retry-After": "9" * 400}, {"cause": "It answered 429.", "retry_after": timedelta(seconds=999_999_999)}),
        (
            429,
            {"Retry-After": "Thu, 01 Jan 2026 00:05:00"},
            {"cause": "It answered 429.", "retry_after": timedelta(minutes=5)},
        ),
    ],
)
async def test_a_refusal_says_what_it_means(
    receiver: HttpReceiver, status: int, headers: dict[str, str], failure: dict[str, Any]
) -> None:
    """The status is told, and what the receiver asks for is understood."""
    receiver.answer = lambda _: (status, headers)

    assert await failure_of(courier(receiver.url)) == DeliveryFailure(**failure)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(receiver: HttpReceiver, status: int) -> None:
    """A receiver cannot send the letter to somewhere else."""
    with HttpReceiver() as inside:
        receiver.answer = lambda _: (status, {"Location": inside.url})
        failure = await failure_of(courier(receiver.url))

        assert failure.cause == f"It answered {status}, and redirects are not followed."
        assert (len(receiver.received), inside.received) == (1, [])


async def test_an_answer_is_not_read(receiver: HttpReceiver) -> None:
    """However much it says that it has: only its status counts."""
    receiver.answer = lambda _: (200, {"content-length": str(10**12)})
    await courier(receiver.url).deliver(subscriber(), LETTER)


async def test_nobody_there_is_told_without_the_address() -> None:
    """A connection that is refused is a cause, and the cause repeats nothing of the address."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        failure = await failure_of(courier(f"http://127.0.0.1:{unused.getsockname()[1]}/canary?code=canary"))

    assert failure.cause == "It cannot be reached: ClientConnectorError."


LOOPBACK_IN_DISGUISE = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "2130706433",
    "0177.0.0.1",
    "0x7f.0.0.1",
    "0x7f000001",
    "017700000001",
    "0.0.0.0",  # noqa: S104 - nobody binds it
    "0",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[fe80::1]",
    "169.254.169.254",
    "168.63.129.16",
    "100.64.0.1",
    "localhost",
    "LOCALHOST.",
]


@pytest.mark.parametrize("host", LOOPBACK_IN_DISGUISE)
async def test_no_spelling_of_an_inner_address_gets_through(receiver: HttpReceiver, host: str) -> None:
    """Decimal, octal, hexadecimal, short, mapped, as a name of the real resolver: nothing arrives."""
    failure = await failure_of(courier(f"http://{host}:{receiver.port}/", anywhere=False))

    assert failure.cause in {
        "Its address is not one of the public internet.",
        "It cannot be reached: InvalidUrlClientError.",
        "It cannot be reached: ClientConnectorDNSError.",
    }
    assert receiver.received == []


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], [PRIVATE], [PUBLIC, PRIVATE], [PRIVATE, PUBLIC], ["::1"], ["::ffff:127.0.0.1"], ["fd00::1"]],
    ids=str,
)
async def test_a_name_is_as_good_as_its_worst_address(
    receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    """A name that leads inside is refused before anything is connected, also if it leads outside as well."""
    connected: list[Any] = []
    monkeypatch.setattr("registry_api.notification.destinations.checked_socket", connected.append)
    resolver = TableResolver({"hook.example": addresses})
    failure = await failure_of(courier(f"http://hook.example:{receiver.port}/", anywhere=False, resolver=resolver))

    assert failure.cause == "Its address is not one of the public internet."
    assert (resolver.asked, connected, receiver.received) == (["hook.example"], [], [])


async def test_the_address_that_was_checked_is_the_one_connected_to(
    receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name is asked for once, so that it cannot lead elsewhere after it was checked; each letter asks anew."""
    destinations: list[str] = []

    def refuse(address: Any) -> socket.socket:
        destinations.append(address[4][0])
        raise OSError("no internet in tests")

    monkeypatch.setattr("registry_api.notification.destinations.checked_socket", refuse)
    resolver = TableResolver({"hook.example": [PUBLIC]})
    rebinding = courier(f"http://hook.example:{receiver.port}/", anywhere=False, resolver=resolver)
    await failure_of(rebinding)
    assert (resolver.asked, destinations) == (["hook.example"], [PUBLIC])
    resolver.names["hook.example"] = ["127.0.0.1"]

    assert (await failure_of(rebinding)).cause == "Its address is not one of the public internet."
    assert (len(resolver.asked), destinations, receiver.received) == (2, [PUBLIC], [])


def test_the_last_place_refuses_too() -> None:
    """Whatever led to an address, no socket is made for one inside."""
    with pytest.raises(DestinationRefusedError):
        checked_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 80)))
    with checked_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", (PUBLIC, 80))) as made:
        assert made.family is socket.AF_INET


async def test_proxies_of_the_environment_are_not_asked(
    receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy would connect to what nobody has checked."""
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{receiver.port}")
    resolver = TableResolver({"hook.example": [PRIVATE]})
    failure = await failure_of(courier("http://hook.example/", anywhere=False, resolver=resolver))

    assert (failure.cause, receiver.received) == ("Its address is not one of the public internet.", [])


async def test_no_secret_is_told(receiver: HttpReceiver, caplog: pytest.LogCaptureFixture) -> None:
    """Neither a cause, nor a log, nor the look of the courier's own records has a secret or more of the address."""
    caplog.set_level(logging.DEBUG)
    receiver.answer = lambda _: (500, {"set-cookie": "canary=canary"})
    urls = (receiver.url, "http://127.0.0.1:1/canary?canary", "http://[canary", "http://canary.invalid:99999/")
    causes = [(await failure_of(courier(url))).cause for url in urls]

    everything = " ".join([repr(Mailbox(receiver.url, [SECRET])), *causes, caplog.text])
    assert "canary" not in everything
    assert SECRET not in everything
    assert SECRET.removeprefix("whsec_") not in everything


def test_a_forged_letter_is_noticed() -> None:
    """The receiver of these tests would refuse what was changed on its way."""
    headers = {
        "webhook-id": LETTER.id,
        "webhook-timestamp": "1767225600",
        "webhook-signature": signatures(LETTER, [SECRET]),
    }
    assert Received("/", headers, LETTER.body).is_signed_with(SECRET)
    assert not Received("/", headers, LETTER.body + b" ").is_signed_with(SECRET)
    assert not Received("/", headers | {"webhook-timestamp": "1767225601"}, LETTER.body).is_signed_with(SECRET)
    assert not Received("/", headers | {"webhook-id": "another"}, LETTER.body).is_signed_with(SECRET)
