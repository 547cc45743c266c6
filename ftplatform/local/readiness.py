"""What a server says when it is asked."""

import enum


class Readiness(enum.Enum):
    """Found by connecting, never by looking for a process: a zombie looks alive, and a pid is soon another's."""

    ABSENT = "stopped"
    STARTING = "starting"
    READY = "running"
