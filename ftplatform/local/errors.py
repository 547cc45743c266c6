"""What can go wrong on this machine. Each message says what is wrong, where, and what to do."""


class LocalError(Exception):
    """Something of this machine (folder, server, port) cannot be used; the message is meant for the person at the terminal."""


class HomeError(LocalError):
    """``FT_HOME`` cannot be used."""


class ServersError(LocalError):
    """PostgreSQL or Valkey could not be prepared, started or reached."""


class PortTakenError(LocalError):
    """The port that was asked for is in use."""
