"""What a user can do in this room: register models, make prompt conditions, run generations."""

from inference.services.conditions import Asking, ensure_condition, shots_to_be_had
from inference.services.generation import (
    create_generation_run,
    request_generation,
    resume_generation,
    start_generation,
)
from inference.services.registry import (
    REQUESTS,
    check_remote,
    register_embedded,
    register_folder,
    register_hub,
    register_remote,
    register_trained,
    request_embedded,
    request_folder,
    request_hub,
)

__all__ = [
    "REQUESTS",
    "Asking",
    "check_remote",
    "create_generation_run",
    "ensure_condition",
    "register_embedded",
    "register_folder",
    "register_hub",
    "register_remote",
    "register_trained",
    "request_embedded",
    "request_folder",
    "request_generation",
    "request_hub",
    "resume_generation",
    "shots_to_be_had",
    "start_generation",
]
