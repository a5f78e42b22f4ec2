"""Which addresses are of the public internet, and which ones lead back to the service, its machine or its network."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

# What the standard library calls global, or used to in some of its versions, but nobody outside answers for.
_NOT_PUBLIC = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # "this" network
            "10.0.0.0/8",
            "100.64.0.0/10",  # carrier-grade NAT
            "127.0.0.0/8",
            "168.63.129.16/32",  # Azure's own, in every virtual network: DNS, health probes, the guest agent
            "169.254.0.0/16",  # link-local, and the metadata of every cloud
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",  # relays of 6to4
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/3",  # multicast, reserved, broadcast
        ),
    )
)
_PUBLIC_SIX = IPv6Network("2000::/3")  # all that is assigned for unicast
_NOT_PUBLIC_SIX = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # for protocols; 2001::/32 is Teredo, which carries an IPv4 address
            "2001:db8::/32",
            "2002::/16",  # 6to4: the same
            "3fff::/20",
        ),
    )
)


def is_public(text: str) -> bool:
    """Tell whether a text is an IP address of the public internet, in the usual notation.

    IPv6 addresses that carry an IPv4 address are not, whatever they carry: mapped, compatible, 6to4, Teredo and NAT64.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC)
    return _is_public_six(address)


def is_numeric(host: str) -> bool:
    """Tell whether a host is, or might be taken for, an IP address: by the rule of browsers, `127.1` and `0x7f` are."""
    last = host.rstrip(".").rpartition(".")[2].lower()
    return ":" in host or last.isdigit() or last.startswith("0x")


def _is_public_six(address: IPv6Address) -> bool:
    if address.scope_id is not None or address not in _PUBLIC_SIX:
        return False
    return not any(address in network for network in _NOT_PUBLIC_SIX)
