"""What the contract of Microsoft.MachineLearningServices/registries calls its versions and parameters."""

from registry_api.http.parameters import TEXT, Parameter

PROVIDER = "providers/Microsoft.MachineLearningServices"

# Azure/bicep-types-az, generated/machinelearningservices: every version that has registries.
VERSIONS = (
    "2022-10-01-preview",
    "2022-12-01-preview",
    "2023-02-01-preview",
    "2023-04-01-preview",
    "2023-04-01",
    "2023-06-01-preview",
    "2023-08-01-preview",
    "2023-10-01",
    "2024-01-01-preview",
    "2024-04-01-preview",
    "2024-04-01",
    "2024-07-01-preview",
    "2024-10-01-preview",
    "2024-10-01",
    "2025-01-01-preview",
    "2025-04-01-preview",
    "2025-04-01",
    "2025-06-01",
    "2025-07-01-preview",
    "2025-09-01",
    "2025-10-01-preview",
    "2025-12-01",
    "2026-01-15-preview",
    "2026-03-01",
    "2026-03-15-preview",
    "2026-05-01",
    "2026-05-15-preview",
)
API_VERSION = Parameter("api-version", "Which version of the contract.", {"type": "string", "enum": [*VERSIONS]})
ANY_VERSION = Parameter(API_VERSION.name, "Of another contract, which has no versions here.", TEXT)
SKIP = Parameter("$skip", "From the `nextLink` of an earlier page.", TEXT)

ASYNC, LOCATION = "async", "location"
STATUS_TYPE = Parameter(
    "type", "The status of the operation, or what it leads to.", {"type": "string", "enum": [ASYNC, LOCATION]}
)
