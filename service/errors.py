"""Errors that a person can put right, each with a translated sentence for them."""


class Refused(Exception):
    """An action was refused. The message is translated and says what to do instead."""


class Gone(Refused):
    """What was asked for no longer exists (closed, withdrawn, used)."""


class Conflict(Refused):
    """Somebody else changed it first; nothing was changed."""
