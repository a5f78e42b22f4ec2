"""A certificate of our own, so that a stack on this machine can serve HTTPS to clients that insist on it."""

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

_VALID_FOR = timedelta(days=365)
_AT_LEAST = timedelta(days=1)
_OWNER_ONLY = 0o600
_NAMES = ("localhost",)
_ADDRESSES = ("127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that vouches for this machine's loopback addresses and for itself.

    `file` is what clients have to trust.
    """

    folder: Path

    @property
    def file(self) -> Path:
        """Return the certificate's file."""
        return self.folder / "cert.pem"

    @property
    def key(self) -> Path:
        """Return the private key's file."""
        return self.folder / "key.pem"

    def trust(self) -> ssl.SSLContext:
        """Return what a client needs to trust it, and nobody else."""
        return ssl.create_default_context(cafile=str(self.file))

    def make_unless_valid(self) -> None:
        """Make certificate and key, unless they are there and good for another day."""
        if not self._is_valid():
            self._make()

    def _is_valid(self) -> bool:
        from cryptography import x509  # noqa: PLC0415 - needed with TLS only

        try:
            certificate = x509.load_pem_x509_certificate(self.file.read_bytes())
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.file, self.key)
        except (OSError, ValueError):
            return False
        return certificate.not_valid_after_utc - datetime.now(UTC) > _AT_LEAST

    def _make(self) -> None:
        from cryptography import x509  # noqa: PLC0415 - needed with TLS only
        from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 - the same
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - the same

        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, _NAMES[0])])
        names: list[x509.GeneralName] = [x509.DNSName(each) for each in _NAMES]
        names += [x509.IPAddress(ipaddress.ip_address(address)) for address in _ADDRESSES]
        now = datetime.now(UTC)
        public = key.public_key()
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))  # for clocks that are behind
            .not_valid_after(now + _VALID_FOR)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .sign(key, hashes.SHA256())
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        self.key.touch(_OWNER_ONLY)
        self.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
