"""Conditional requests: what If-Match and If-None-Match demand of what is there (RFC 9110, section 13).

The answers are those of the Resource Manager contract (resource-api-reference, "ETags for resources"): a
mismatch is a refusal, a registry that is not there matches nothing, and DELETE of nothing succeeds whatever the
header, as PATCH of nothing is not found whatever the header.
"""

import re
from typing import NamedTuple

from registry_api.domain.problems import Code, refuse

_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
_TAGS = re.compile(rf"[\s,]*{_TAG.pattern}(\s*,[\s,]*{_TAG.pattern})*[\s,]*")
_ANY = "*"


class Conditions(NamedTuple):
    """The entity tags that a caller expects, and those that it does not; None where it does not care."""

    if_match: frozenset[str] | None = None
    if_none_match: frozenset[str] | None = None

    @classmethod
    def parse(cls, if_match: str | None, if_none_match: str | None) -> "Conditions":
        """Return the conditions in two headers.

        Raises:
            Refusal: If a header is neither `*` nor a list of entity tags in quotes.
        """
        return cls(_tags("If-Match", if_match), _tags("If-None-Match", if_none_match))

    def check(self, etag: str | None) -> None:
        """Compare with what is there; None is nothing.

        Raises:
            Refusal: If it is not what the caller expects.
        """
        self.check_match(etag)
        if etag is not None and self.excludes(etag):
            raise refuse(
                Code.PRECONDITION_FAILED, f"The registry is one that If-None-Match excludes: its entity tag is {etag}."
            )

    def check_match(self, etag: str | None) -> None:
        """Compare with If-Match alone, which is looked at first; None is nothing.

        Raises:
            Refusal: If it is not what the caller expects.
        """
        if self.if_match is not None and (etag is None or not self.if_match & {etag, _ANY}):
            there = f"its entity tag is {etag}" if etag else "there is none"
            raise refuse(Code.PRECONDITION_FAILED, f"The registry is not the one that If-Match names: {there}.")

    def excludes(self, etag: str) -> bool:
        """Tell whether If-None-Match names this tag; weakly, so `W/"a"` and `"a"` are the same."""
        if self.if_none_match is None:
            return False
        return bool({tag.removeprefix("W/") for tag in self.if_none_match} & {etag, _ANY})


UNCONDITIONAL = Conditions()


def _tags(header: str, text: str | None) -> frozenset[str] | None:
    if text is None:
        return None
    if text.strip() == _ANY:
        return frozenset({_ANY})
    if not _TAGS.fullmatch(text):
        raise refuse(
            Code.INVALID_HEADER,
            f'{header} must be * or entity tags in quotes, as in {header}: "0123"; separate several by commas.',
            header,
        )
    return frozenset(_TAG.findall(text))
