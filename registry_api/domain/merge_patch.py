"""JSON merge patch, RFC 7396."""


def merge_patch(target: object, patch: object) -> object:
    """Return what a patch makes of a value: mappings are merged, null removes, anything else replaces."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result
