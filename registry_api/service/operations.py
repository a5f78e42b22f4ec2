"""Read operations."""

from registry_api.domain.operation import Operation, is_operation_id, registry_key_in
from registry_api.domain.problems import Code, refuse
from registry_api.domain.registry import Caller, RegistryKey
from registry_api.service.ports import Store


async def read(operation_id: str, *, caller: Caller, store: Store) -> Operation:
    """Return an operation, also of a registry that is gone.

    Raises:
        Refusal: If the caller's tenant has no such operation.
    """
    operation = None
    if is_operation_id(operation_id):
        key = RegistryKey.of(caller.tenant, registry_key_in(operation_id))
        operation = await store.read_operation(key, operation_id)
    if operation is None:
        raise refuse(Code.OPERATION_NOT_FOUND, f"There is no operation '{operation_id}'.", "id")
    return operation
