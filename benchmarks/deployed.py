"""From a fresh process to its first answer, with all that an app on Azure has: `cold.py` has none of it.

The app has an identity, by which it reaches its storage over https and asks Azure which roles its callers have; they
show access tokens of an authority; and Application Insights takes spans. All of them are stand-ins on this machine,
which answer at once.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import count

from benchmarks.cold import PATH, First
from benchmarks.emulator import memory_folder
from benchmarks.sampling import in_turn
from benchmarks.table import Line, milliseconds
from devstack import azurite
from devstack.certificate import Certificate
from devstack.resource_manager.running import SUBSCRIPTION, RunningResourceManager
from tests.access.issuer import AUDIENCE, OBJECT, TENANT, Issuer
from tests.azure.assigned import assignment

_KNOWN = "known-registry"


def measure(rounds: int) -> list[Line]:
    """Measure with stand-ins of its own: by time, which is theirs too, and by CPU of the process alone."""
    with _environment() as settings:
        process = First(sys.executable, PATH, settings)
        process.modules("put", _KNOWN)
        names = (f"new-{number}" for number in count())
        time_floor, time_get, floor, get, put = in_turn(
            [
                partial(process.seconds, "nothing"),
                partial(process.seconds, "get", name=_KNOWN),
                partial(process.cpu, "nothing"),
                partial(process.cpu, "get", _KNOWN),
                lambda: process.cpu("put", next(names)),
            ],
            rounds,
        )
    return [
        _line("fresh process to first GET", time_floor, time_get),
        _line("CPU to first GET", floor, get),
        _line("CPU to first PUT", floor, put),
    ]


def _line(what: str, floor: float, took: float) -> Line:
    what = f"{what}, set up as on Azure"
    return Line(what, f"import azure.functions {milliseconds(floor)}", milliseconds(took), took / floor)


@contextmanager
def _environment() -> Iterator[Mapping[str, str]]:
    with memory_folder() as folder:
        certificate = Certificate(folder / "certificate")
        certificate.make_unless_valid()
        with (
            RunningResourceManager.start(certificate.folder) as manager,
            azurite.start(folder / "data", certificate=certificate) as storage,
            Issuer() as issuer,
        ):
            manager.control(
                "PUT",
                "authorization",
                {"tenants": {SUBSCRIPTION: TENANT}, "role_assignments": [assignment(OBJECT, "/")]},
            )
            yield {
                **manager.environment,
                "REGISTRY_SUBSCRIPTION_ID": SUBSCRIPTION,
                "WEBSITE_SITE_NAME": "bench",
                "SSL_CERT_FILE": str(certificate.file),
                "AzureWebJobsStorage__tableServiceUri": f"{storage.table_endpoint}/{azurite.ACCOUNT}",
                "AzureWebJobsStorage__queueServiceUri": f"{storage.queue_endpoint}/{azurite.ACCOUNT}",
                "REGISTRY_SIGNING_KEY": "a key to seal continuations with",
                "REGISTRY_AUTHORITY": issuer.url,
                "REGISTRY_AUDIENCES": AUDIENCE,
                "REGISTRY_TENANTS": TENANT,
                "REGISTRY_ROLES_FROM_AZURE": "true",
                "APPLICATIONINSIGHTS_CONNECTION_STRING": "InstrumentationKey=00000000-0000-0000-0000-000000000001;"
                "IngestionEndpoint=http://127.0.0.1:1/",
                "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",
                "PYTHONHASHSEED": "0",
                "ACCESS_TOKEN": issuer.token(),
            }
