"""Whether a webhook comes from whom it says: verified over the bytes as they came, before anything in them is read.

Sources of the rules: the Standard Webhooks specification (github.com/standard-webhooks/standard-webhooks),
docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries, and
learn.microsoft.com/azure/devops/service-hooks/services/webhooks.
"""

import binascii
import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from secrets import token_bytes, token_urlsafe

from registry_api.domain.problems import Code, Refusal, refuse
from registry_api.domain.sources import MOST_SECRETS, SourceKind, WebhookSource
from registry_api.service.ports import Clock

WINDOW = timedelta(minutes=5)  # that a delivery's time may differ from ours, either way

# Neither may have a full stop, which separates them where they are signed.
_ID = re.compile(r"[\x21-\x2d\x2f-\x7e]{1,255}")
_TIME = re.compile(r"[0-9]{1,12}")
_PADDING = token_bytes(32)
_NOBODY = "00000000-0000-0000-0000-000000000000"


def unknown_sender() -> Refusal:
    """Return the refusal of whatever does not come from a source: the same for every reason."""
    return refuse(Code.UNAUTHENTICATED, "There is no such source, or it did not send this: its proof is not right.")


def is_delivery_id(text: str) -> bool:
    """Tell whether a delivery may be called so."""
    return _ID.fullmatch(text) is not None


class Webhooks:
    """Tells whether sources have sent what came in their names.

    Args:
        sources: Those that there are.
        clock: Tells whether a delivery is of now.
    """

    def __init__(self, sources: Iterable[WebhookSource], clock: Clock) -> None:
        self._sources = {source.name: source for source in sources}
        self._clock = clock

    @cached_property
    def _nobody(self) -> WebhookSource:
        """Return what stands for a source that is not there, so that the time does not tell which ones are."""
        return WebhookSource(
            name="nobody",
            kind=SourceKind.GITHUB,
            tenant=_NOBODY,
            object_id=_NOBODY,
            subscription_id=_NOBODY,
            resource_group="none",
            repository="nobody/nothing",
            secrets=(token_urlsafe(32),),
        )

    def verify(self, name: str, headers: Mapping[str, str], body: bytes) -> WebhookSource:
        """Return the source of this name.

        Raises:
            Refusal: If there is none, it has not sent this, or not now.
        """
        source = self._sources.get(name)
        checked = source or self._nobody
        is_right = _PROOFS[checked.kind](checked, headers, body)
        for _ in range(MOST_SECRETS - len(checked.secrets)):  # so that the time tells neither which sources there are
            hmac.digest(_PADDING, body, "sha256")
        if source is None or not is_right:
            raise unknown_sender()
        if source.kind is SourceKind.STANDARD:
            self._check_time(headers)
        return source

    def _check_time(self, headers: Mapping[str, str]) -> None:
        now = self._clock.now().timestamp()
        if abs(now - int(headers["webhook-timestamp"])) > WINDOW.total_seconds():
            raise refuse(
                Code.UNAUTHENTICATED,
                f"webhook-timestamp must be within {WINDOW // timedelta(minutes=1)} minutes of the service's clock; "
                "sign anew for every attempt.",
                "webhook-timestamp",
            )


def _is_signed_by_standard(source: WebhookSource, headers: Mapping[str, str], body: bytes) -> bool:
    delivery, time = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    signed = _bytes(f"{delivery}.{time}.") + body
    given = [part.removeprefix("v1,") for part in headers.get("webhook-signature", "").split(" ") if part[:3] == "v1,"]
    right = [b64encode(hmac.digest(key, signed, "sha256")) for key in source.keys]
    is_right = _any_equal(right, given)
    return is_right and _ID.fullmatch(delivery) is not None and _TIME.fullmatch(time) is not None


def _is_signed_by_github(source: WebhookSource, headers: Mapping[str, str], body: bytes) -> bool:
    right = [f"sha256={hmac.digest(key, body, 'sha256').hex()}".encode() for key in source.keys]
    is_right = _any_equal(right, [headers.get("x-hub-signature-256", "")])
    return is_right and _ID.fullmatch(headers.get("x-github-delivery", "")) is not None


def _has_secret(source: WebhookSource, headers: Mapping[str, str], body: bytes) -> bool:
    """Tell whether a secret came along; service hooks sign nothing."""
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    given = [headers.get("x-webhook-secret", "")]
    if scheme.lower() == "basic":
        given.append(_password(credentials))
    # Both sides are hashed, so that the time does not tell how long a secret is, and the body, so that it does not tell
    # either that this source signs nothing.
    blind = token_bytes(32)
    for _ in source.keys:
        hmac.digest(blind, body, "sha256")
    right = [hmac.digest(blind, key, "sha256").hex().encode() for key in source.keys]
    return _any_equal(right, [hmac.digest(blind, _bytes(text), "sha256").hex() for text in given])


def _password(credentials: str) -> str:
    """Return the password of basic authentication (RFC 7617); the user may be anybody."""
    try:
        return b64decode(credentials.strip(), validate=True).decode("utf-8").partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def _any_equal(right: Sequence[bytes], given: Sequence[str]) -> bool:
    """Tell whether one of what was given is right. All are compared, so that the time tells nothing."""
    compared = [hmac.compare_digest(one, _bytes(text)) for one in right for text in given]
    return any(compared)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


_PROOFS = {
    SourceKind.STANDARD: _is_signed_by_standard,
    SourceKind.GITHUB: _is_signed_by_github,
    SourceKind.AZURE_DEVOPS: _has_secret,
}
