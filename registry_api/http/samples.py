"""An error for each status, as the documentation shows them."""

from registry_api.domain.problems import Code, Problem

SAMPLES = (
    Problem(
        Code.UNKNOWN_LOCATION,
        "'eastsu' is not an Azure region. Did you mean 'eastus'?",
        ("replication_locations", 1, "location"),
        line=7,
        column=15,
    ),
    Problem(Code.INVALID_PARAMETER, "'top' must be a whole number from 1 to 100.", ("top",)),
    Problem(Code.UNKNOWN_PARAMETER, "'colour' is not a query parameter here; this request takes none.", ("colour",)),
    Problem(Code.UNAUTHENTICATED, "The access token has expired; get a new one.", ("Authorization",)),
    Problem(
        Code.AUTHORIZATION_FAILED,
        "'ada@contoso.com' may not perform action 'Microsoft.MachineLearningServices/registries/write' over scope "
        "'/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/registries'; a role that has the action "
        "must be assigned there or above, and nothing may deny it.",
    ),
    Problem(Code.RESOURCE_NOT_FOUND, "There is no such file.", ("file",)),
    Problem(Code.REGISTRY_NOT_FOUND, "There is no registry named 'DemoRegistry1'.", ("name",)),
    Problem(Code.OPERATION_NOT_FOUND, "There is no operation 'demoregistry1.59d2a6b7e1c09f3a1b2c'.", ("id",)),
    Problem(Code.REGISTRY_ALREADY_EXISTS, "A registry named 'DemoRegistry1' exists; PUT changes it.", ("name",)),
    Problem(
        Code.PRIMARY_LOCATION_IMMUTABLE,
        "The primary location is 'eastus' and can never change, also not to 'westus'; make another registry for that.",
        ("location",),
    ),
    Problem(
        Code.DELETION_PROTECTED,
        "'DemoRegistry1' is protected; set deletion_protection to false first.",
        ("deletion_protection",),
    ),
    Problem(
        Code.CONCURRENT_CHANGES,
        "'DemoRegistry1' was changed by others 16 times while this request was on its way; try again.",
    ),
    Problem(Code.LENGTH_REQUIRED, "Send the document with a Content-Length header, not in chunks."),
    Problem(Code.PRECONDITION_FAILED, 'The registry is not the one that If-Match names: its entity tag is "8d2f0b7f".'),
    Problem(Code.DOCUMENT_TOO_LARGE, "A document may have at most 262144 bytes; this one has 300000."),
    Problem(
        Code.UNSUPPORTED_MEDIA_TYPE,
        "'text/plain' is not a type that is taken here; send Content-Type: application/yaml.",
    ),
    Problem(
        Code.IDEMPOTENCY_KEY_REUSED,
        "This Idempotency-Key was used for another request; take a new key for every new request.",
        ("Idempotency-Key",),
    ),
    Problem(Code.INTERNAL_ERROR, "An unexpected error; the log has it under the request id."),
    Problem(Code.STORAGE_UNAVAILABLE, "The service's storage does not answer; try again soon."),
)
"""For every status of every operation, the first that it declares is shown."""
