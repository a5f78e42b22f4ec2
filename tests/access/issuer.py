"""An authority on loopback, with keys of its own, that gives tokens as Microsoft Entra ID does."""

import json
import threading
import time
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

TENANT = "11111111-1111-1111-1111-111111111111"
OTHER_TENANT = "22222222-2222-2222-2222-222222222222"
OBJECT = "aaaaaaaa-0000-0000-0000-000000000001"
CLIENT = "cccccccc-0000-0000-0000-000000000001"
AUDIENCE = "api://registry"
ANY_TENANT = "{tenantid}"


@cache
def private_key(name: str) -> rsa.RSAPrivateKey:
    """Return the key of a name; making one takes a while."""
    del name
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Issuer:
    """What an authority publishes, and how it answers. As a context manager it serves its keys."""

    keys: dict[str, str] = field(default_factory=lambda: {"key-1": ANY_TENANT})  # ids, and the tenant each is for
    status: int = 200
    body: bytes | None = None  # instead of the keys
    headers: dict[str, str] = field(default_factory=dict)
    asked: int = 0
    url: str = ""

    def __enter__(self) -> Self:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                issuer.asked += 1
                found = self.path == "/common/discovery/v2.0/keys"
                body = issuer.body if issuer.body is not None else issuer.key_set()
                self.send_response(issuer.status if found else 404)
                for name, value in {"Content-Length": str(len(body)), **issuer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the method's own
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def key_set(self) -> bytes:
        """Return the public keys, as RFC 7517 writes them."""
        entries = [
            json.loads(RSAAlgorithm.to_jwk(private_key(key_id).public_key()))
            | {"kid": key_id, "use": "sig", "issuer": f"{self.url}/{tenant}/v2.0"}
            for key_id, tenant in self.keys.items()
        ]
        return json.dumps({"keys": entries}).encode()

    def claims(self, version: str = "2.0", tenant: str = TENANT, **others: Any) -> dict[str, Any]:
        """Return the claims of a user's token. Claims that are None are left out."""
        now = int(time.time())
        issuer = f"{self.url}/{tenant}/v2.0" if version == "2.0" else f"{self.url}/{tenant}/"
        claims = {
            "aud": AUDIENCE,
            "iss": issuer,
            "iat": now,
            "nbf": now,
            "exp": now + 3600,
            "tid": tenant,
            "oid": OBJECT,
            "sub": "subject",
            "ver": version,
            "scp": "Registries.ReadWrite",
            "preferred_username" if version == "2.0" else "upn": "ada@contoso.com",
        }
        return {name: value for name, value in (claims | others).items() if value is not None}

    def token(
        self, *, key: str = "key-1", headers: dict[str, Any] | None = None, algorithm: str = "RS256", **claims: Any
    ) -> str:
        """Return a token that is signed with a key, whichever one its header names."""
        named = {name: value for name, value in ({"kid": key} | (headers or {})).items() if value is not None}
        return jwt.encode(self.claims(**claims), private_key(key), algorithm, headers=named)

    def application_token(self, **claims: Any) -> str:
        """Return a token of an application."""
        own = {"scp": None, "preferred_username": None, "azp": CLIENT, "idtyp": "app"}
        return self.token(**(own | claims))
