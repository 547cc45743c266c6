"""What a user can do in this room: register models, make prompt conditions, run generations."""

from inference.services.conditions import ensure_condition
from inference.services.generation import create_generation_run, start_generation
from inference.services.registry import (
    check_remote,
    register_embedded,
    register_folder,
    register_hub,
    register_remote,
    register_trained,
)

__all__ = [
    "check_remote",
    "create_generation_run",
    "ensure_condition",
    "register_embedded",
    "register_folder",
    "register_hub",
    "register_remote",
    "register_trained",
    "start_generation",
]
