"""What this room's resources share."""

from __future__ import annotations

from typing import Any

from ftplatform.errors import Refused


def named(rows: Any, values: dict[str, Any], name: str, *, required: bool = True) -> Any:
    """The project's own row that a field of the body names. Raises Refused, with that field, for a missing or foreign one."""
    if name not in values:
        if required:
            raise Refused("missing-field", f"Say which {name.replace('_', ' ')}, by its id.", field=name)
        return None
    found = rows.filter(pk=values[name]).first()
    if found is None:
        raise Refused("unknown-id", f"The project has no {name.replace('_', ' ')} {values[name]}.", field=name)
    return found
