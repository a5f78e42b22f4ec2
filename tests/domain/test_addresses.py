"""Which addresses are of the public internet."""

import pytest

from registry_api.domain.addresses import is_numeric, is_public

INSIDE = [
    *("0.0.0.1", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.0.1"),
    *("168.63.129.16", "169.254.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1"),
    *("192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1"),
    *("239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::ffff:8.8.8.8", "::ffff:127.0.0.1", "::8.8.8.8", "64:ff9b::808:808", "64:ff9b:1::1", "100::1"),
    *("2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:20::1", "2001:db8::1", "2002:808:808::1", "3fff::1"),
    *("5f00::1", "fc00::1", "fd12::1", "fe80::1", "fe80::1%eth0", "2606:4700::1%eth0", "fec0::1", "ff02::1", "ff0e::1"),
]
OUTSIDE = [
    *("1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255"),
    *("168.63.129.15", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0", "223.255.255.255"),
    *("2606:4700::1111", "2a00:1450:4001::1", "2603:1030::1", "2001:4860:4860::8888"),
]
NONE = [
    "",
    "localhost",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "1.2.3.4.5",
    "1.2.3",
    "[::1]",
    "\uff18.8.8.8",
]


@pytest.mark.parametrize("address", INSIDE)
def test_what_leads_inside_is_not_public(address: str) -> None:
    """Private, loopback, link-local, shared, reserved and multicast addresses, and IPv6 ones that carry an IPv4 one."""
    assert not is_public(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_the_internet_is_public(address: str) -> None:
    """The neighbours of what is not public are."""
    assert is_public(address)


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_plain_address_is_not_public(text: str) -> None:
    """Other spellings, which some programs take for addresses, are none here."""
    assert not is_public(text)


@pytest.mark.parametrize(
    ("host", "numeric"),
    [
        *((host, True) for host in ("127.0.0.1", "127.1", "2130706433", "0x7f", "a.0x1", "017.1", "1.", "::1")),
        *((host, False) for host in ("example.com", "1.example", "x0", "example.com.", "cafe")),
    ],
)
def test_numbers_are_told_from_names(host: str, *, numeric: bool) -> None:
    """Whatever might be taken for an address is no name."""
    assert is_numeric(host) == numeric
