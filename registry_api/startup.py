"""What is made sure of before the app starts, without anything that would make starts slow."""

from collections.abc import Mapping

DEVELOPMENT = "Development"
NOBODY_COULD_SIGN_IN = (
    "Nobody could sign in: set REGISTRY_TENANTS with REGISTRY_AUDIENCES or App Service authentication, "
    "or REGISTRY_KEYS."
)
_ENVIRONMENT = "AZURE_FUNCTIONS_ENVIRONMENT"
# Each is a way to prove who one is.
_IDENTITIES = ("REGISTRY_AUDIENCES", "REGISTRY_KEYS", "WEBSITE_AUTH_ENABLED")
# What an app's settings take for no, with lists that have nothing in them.
_OFF = ("", "0", "f", "false", "n", "no", "off", "[]")
# One of the first three is there on every plan, the last one in Container Apps; learn.microsoft.com has them
# (azure/app-service/reference-app-settings, azure/container-apps/environment-variables), and the host's own test
# (azure-functions-host, EnvironmentExtensions).
_SET_BY_AZURE = ("WEBSITE_INSTANCE_ID", "WEBSITE_SITE_NAME", "WEBSITE_POD_NAME", "CONTAINER_APP_NAME")


class SettingsError(Exception):
    """The environment does not describe a working app."""


def is_on_azure(environment: Mapping[str, str]) -> bool:
    """Tell whether the platform says that the app runs on Azure."""
    return any(environment.get(name) for name in _SET_BY_AZURE)


def is_development(environment: Mapping[str, str]) -> bool:
    """Tell whether the app runs on a developer's machine."""
    return environment.get(_ENVIRONMENT) == DEVELOPMENT


def check(environment: Mapping[str, str]) -> None:
    """See that on Azure nobody is let in whom no identity vouches for.

    Raises:
        SettingsError: If it is not so; the message names the variables, never their values.
    """
    if is_on_azure(environment):
        if is_development(environment):
            raise SettingsError(f"{_ENVIRONMENT} must not be {DEVELOPMENT} on Azure: it lets everybody in.")
        if not any(environment.get(name, "").lower().strip(" ,") not in _OFF for name in _IDENTITIES):
            raise SettingsError(NOBODY_COULD_SIGN_IN)
