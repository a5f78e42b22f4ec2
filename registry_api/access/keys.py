"""Keys for pipelines without an identity of their own: the settings say whom each stands for.

A key must be random and long, so that its plain SHA-256 tells nothing of it; the settings have no more than that.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence

from registry_api.configured import PipelineKey
from registry_api.domain.caller import Caller
from registry_api.domain.problems import Code, refuse

_HEADER = "x-functions-key"


class PipelineKeys:
    """Lets in who brings one of the keys.

    Args:
        keys: Their hashes, and whom they stand for.
    """

    def __init__(self, keys: Sequence[PipelineKey]) -> None:
        self._keys = keys

    async def caller_of(self, headers: Mapping[str, str]) -> Caller | None:
        """Return whom the key stands for, None if there is none.

        Raises:
            Refusal: If the key is not known.
        """
        given = headers.get(_HEADER)
        if given is None:
            return None
        digest = hashlib.sha256(given.encode("utf-8", "surrogatepass")).hexdigest()
        # All of them are compared, so that the time tells nothing.
        found = [key for key in self._keys if hmac.compare_digest(key.sha256, digest)]
        if not found:
            raise refuse(Code.UNAUTHENTICATED, "The key is not known.", _HEADER)
        return Caller(tenant=found[0].tenant, id=found[0].object_id, name=found[0].name, kind="Key")
