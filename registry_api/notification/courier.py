"""Sends letters by HTTP POST, signed as Standard Webhooks says. Importing this imports aiohttp."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus

import aiohttp
from aiohttp.abc import AbstractResolver

from registry_api.domain.delivery import DeliveryFailure
from registry_api.domain.signing import key_in
from registry_api.domain.subscribers import Subscriber
from registry_api.notification.destinations import DestinationRefusedError, connector
from registry_api.retry_after import rest_of
from registry_api.service.audience import DeliveryError, Letter

_LONGEST_TEXT = 8190  # of a line and of a header of the answer


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Where a subscriber gets its letters, and what they are signed with: several secrets while they are changed."""

    url: str = field(repr=False)
    secrets: Sequence[str] = field(repr=False)


class HttpCourier:
    """Takes letters to the subscribers' addresses.

    Args:
        mailboxes: By the subscribers' names.
        anywhere: Whether letters may go to any address; for local use.
        resolver: Makes who knows the addresses of names.
    """

    def __init__(
        self,
        mailboxes: Mapping[str, Mailbox],
        *,
        anywhere: bool = False,
        resolver: Callable[[], AbstractResolver] = aiohttp.ThreadedResolver,
    ) -> None:
        self._mailboxes = mailboxes
        self._anywhere = anywhere
        self._resolver = resolver

    async def deliver(self, subscriber: Subscriber, letter: Letter) -> None:
        """Deliver a letter. Only the status of the answer counts: nothing else of it is read, no redirect followed."""
        mailbox = self._mailboxes[subscriber.name]
        try:
            async with (
                aiohttp.ClientSession(
                    connector=connector(anywhere=self._anywhere, resolver=self._resolver()),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    auto_decompress=False,
                    trust_env=False,  # a proxy would connect to what nobody has checked
                    max_line_size=_LONGEST_TEXT,
                    max_field_size=_LONGEST_TEXT,
                ) as session,
                session.post(
                    mailbox.url, data=letter.body, headers=_headers(letter, mailbox.secrets), allow_redirects=False
                ) as response,
            ):
                status, retry_after = response.status, response.headers.get("Retry-After", "")
        except DestinationRefusedError:
            raise _error("Its address is not one of the public internet.") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # What the error says may repeat the address, and with it a secret.
            raise _error(f"It cannot be reached: {type(error).__name__}.") from None
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise _error(_cause(status), status=status, retry_after=rest_of(retry_after, letter.time))


def signatures(letter: Letter, secrets: Iterable[str]) -> str:
    """Return the signatures of a letter, one by each secret."""
    signed = b".".join((letter.id.encode(), str(_seconds(letter)).encode(), letter.body))
    return " ".join(
        f"v1,{base64.b64encode(hmac.digest(key_in(secret), signed, hashlib.sha256)).decode()}" for secret in secrets
    )


def _seconds(letter: Letter) -> int:
    return int(letter.time.timestamp())


def _headers(letter: Letter, secrets: Iterable[str]) -> dict[str, str]:
    trace = {} if letter.traceparent is None else {"traceparent": letter.traceparent}
    return trace | {
        "content-type": letter.content_type,
        "user-agent": "registry-api",
        "webhook-id": letter.id,
        "webhook-timestamp": str(_seconds(letter)),
        "webhook-signature": signatures(letter, secrets),
    }


def _cause(status: int) -> str:
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return f"It answered {status}, and redirects are not followed."
    return f"It answered {status}."


def _error(cause: str, *, status: int = 0, retry_after: timedelta | None = None) -> DeliveryError:
    return DeliveryError(DeliveryFailure(cause=cause, retry_after=retry_after, final=status == HTTPStatus.GONE))
