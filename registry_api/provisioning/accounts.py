"""Which Azurite account stands for a region; known to those who start Azurite as well."""


def account_of(region: str) -> str:
    """Return the account that stands for a region's storage."""
    return f"local{region}"
