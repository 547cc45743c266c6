"""What can be wrong with a call."""


class CleaningInputError(ValueError):
    """An option that no rule takes, or a value that its rule cannot use."""


class UnknownRuleError(CleaningInputError):
    """A rule that nobody has."""
