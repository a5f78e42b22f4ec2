"""The shapes of everything that the API answers, as models: they render the answers and describe them."""

from typing import Annotated, Any

from pydantic import AwareDatetime, ConfigDict, Field

from registry_api.domain.events import EventType
from registry_api.domain.operation import OperationKind, OperationStatus, Step
from registry_api.domain.plan import Verb
from registry_api.domain.problems import Code
from registry_api.domain.provisioning_state import ProvisioningState
from registry_api.domain.record import Record
from registry_api.domain.registry import Condition, SystemData
from registry_api.domain.resources import Kind, ResourceState
from registry_api.domain.subscribers import NotificationType
from registry_api.service.deliveries import Verdict


class Body(Record):
    """A part of an answer."""


class ErrorDetail(Body):
    """One problem."""

    code: Code
    message: str
    target: Annotated[
        str | None, Field(description="The value's path, as the caller wrote it; null for the whole document.")
    ]
    line: Annotated[int | None, Field(ge=1, description="Line in the document, from 1.")] = None
    column: Annotated[int | None, Field(ge=1, description="Column in the line, from 1.")] = None


class Error(ErrorDetail):
    """A problem, or several in `details`."""

    details: Annotated[list[ErrorDetail] | None, Field(description="Each problem, when there are several.")] = None


class ErrorBody(Body):
    """What every refused or failed request is answered."""

    error: Error


class StorageAccountBody(Body):
    """One storage account. A backend may tell more of it."""

    model_config = ConfigDict(extra="allow")

    name: str
    id: str | None = None
    account: Annotated[str | None, Field(description="Local backend: the Azurite account that stands for it.")] = None
    container: str | None = None
    blob_endpoint: str | None = None


class ReplicaBody(Body):
    """What a region has of the container registry. A backend may tell more of it."""

    model_config = ConfigDict(extra="allow")

    state: ResourceState


class ContainerRegistryBody(Body):
    """The container registry. A backend may tell more of it."""

    model_config = ConfigDict(extra="allow")

    name: str
    id: str | None = None
    login_server: str | None = None


class RegionStatusBody(Body):
    """What is true of a registry in one region."""

    location: str
    primary: bool
    state: ResourceState
    storage_accounts: list[StorageAccountBody]
    container_registry_replica: ReplicaBody | None
    message: Annotated[str | None, Field(description="What is wrong, for a person.")]


class StatusBody(Body):
    """What is true of a registry."""

    provisioning_state: ProvisioningState
    generation: Annotated[int, Field(description="How often the spec was changed, from 1.")]
    observed_generation: Annotated[int, Field(description="The last generation that became true; 0 before the first.")]
    operation: Annotated[str | None, Field(description="Path of the newest operation.")]
    regions: list[RegionStatusBody]
    container_registry: ContainerRegistryBody | None
    managed_resource_group: Annotated[str | None, Field(description="Azure backend: where all of it is.")]
    conditions: list[Condition]


class StorageConfigBody(Body):
    """How the storage accounts of one region are made."""

    storage_account_hns: bool
    storage_account_type: str
    replication_count: int


class ReplicationLocationBody(Body):
    """One region that a registry is to be available in."""

    location: str
    storage_config: StorageConfigBody


class IntellectualPropertyBody(Body):
    """Whose intellectual property a registry's assets are."""

    publisher: str


class SpecBody(Body):
    """What is wanted of a registry, with every default written out."""

    name: str
    description: str | None = None
    tags: dict[str, str]
    location: str
    replication_locations: list[ReplicationLocationBody]
    public_network_access: str
    intellectual_property: IntellectualPropertyBody | None = None
    deletion_protection: bool
    paused: bool


class _Identified(Body):
    id: str


class RegistryBody(SpecBody, _Identified):  # fields are told in the order of the bases, the last base first
    """A registry: what is wanted, and under `status` what is true."""

    subscription_id: str
    resource_group: str
    status: StatusBody
    system_data: SystemData
    etag: str


class RegistryPage(Body):
    """Some registries, in the order of their names."""

    value: list[RegistryBody]
    next_link: Annotated[str | None, Field(description="Address of the next page; not there on the last one.")] = None


class OperationError(Body):
    """Why an operation has failed or was canceled."""

    code: str
    message: str


class OperationBody(Body):
    """How far a change is."""

    id: str
    kind: OperationKind
    registry: str
    generation: int
    status: OperationStatus
    percent_complete: Annotated[int, Field(ge=0, le=100)]
    steps: list[Step]
    start_time: AwareDatetime
    end_time: AwareDatetime | None
    error: OperationError | None
    requested_by: str


class OperationPage(Body):
    """Some operations, the newest first."""

    value: list[OperationBody]
    next_link: str | None = None


class ChangeBody(Body):
    """One difference between two specs."""

    path: str
    before: Annotated[Any, Field(description="Null when it was not there.")]
    after: Annotated[Any, Field(description="Null when it is not there any more.")]


class RevisionBody(Body):
    """A spec that was accepted, and how it differs from the one before."""

    generation: int
    accepted_at: AwareDatetime
    accepted_by: str
    operation: str
    spec: SpecBody
    changes: Annotated[
        list[ChangeBody] | None, Field(description="Null where the revision before is not there any more.")
    ]


class RevisionPage(Body):
    """Some revisions, the newest first."""

    value: list[RevisionBody]
    next_link: str | None = None


class EventBody(Body):
    """One thing that happened to a registry."""

    sequence: Annotated[int, Field(ge=1, description="Counts what happened to one registry, without gaps.")]
    time: AwareDatetime
    type: EventType
    operation: str
    operation_kind: OperationKind
    generation: int
    actor: str
    actor_type: str
    request_id: Annotated[str | None, Field(description="The request that did it; null when the service itself did.")]
    address: Annotated[str | None, Field(description="Where the request came from, if the platform tells.")]
    message: str | None


class EventPage(Body):
    """Some events, the newest first."""

    value: list[EventBody]
    next_link: str | None = None


class UndeliveredBody(Body):
    """An event that a subscriber was not told of, and will not be."""

    subscriber: str
    address: Annotated[str, Field(description="Scheme and host: the rest may be a secret.")]
    id: Annotated[str, Field(description="The id of the CloudEvent, and of the webhook.")]
    type: NotificationType
    sequence: Annotated[int, Field(ge=1, description="Of the event, as `events` tells it.")]
    time: Annotated[AwareDatetime, Field(description="When it happened.")]
    attempts: Annotated[int, Field(ge=1)]
    cause: Annotated[str, Field(description="Why the last attempt failed.")]
    first_attempt_at: AwareDatetime
    given_up_at: AwareDatetime


class UndeliveredPage(Body):
    """Some events that subscribers were not told of, the newest first."""

    value: list[UndeliveredBody]
    next_link: str | None = None


class ActionBody(Body):
    """One thing that the worker would do."""

    action: Verb
    kind: Kind
    location: str
    name: Annotated[str | None, Field(description="Null while it has no name.")]
    after: Annotated[str | None, Field(description="What has to be done first: kind and region.")]


class PlanBody(Body):
    """What a PUT of a document would do."""

    changes: list[ChangeBody]
    actions: list[ActionBody]
    problems: list[ErrorDetail]


class DocumentResultBody(Body):
    """What became of one document of a delivery."""

    name: Annotated[str | None, Field(description="The registry; null if the document names none that can be.")]
    result: Verdict
    operation_location: Annotated[
        str | None,
        Field(description="Address of the registry's newest operation, to be followed; null if it was refused."),
    ]
    etag: str | None
    problems: list[ErrorDetail]


class DeliveryBody(Body):
    """What became of a delivery, document by document in their order."""

    delivery: Annotated[str, Field(description="The sender's name for it.")]
    documents: list[DocumentResultBody]


class RegionBody(Body):
    """A region of the catalogue."""

    name: str
    display_name: str
    geography: str
    geography_group: str
    paired_region: str | None
    availability_zones: list[int]
    latitude: float
    longitude: float
    supported: Annotated[bool, Field(description="Whether a registry may be there.")]


class RegionList(Body):
    """All regions."""

    value: list[RegionBody]


class HealthBody(Body):
    """Whether the app is there."""

    status: str


class ReadinessBody(HealthBody):
    """Whether what the app depends on answers."""

    table: str
    queue: str
