"""What a person can put right: refusals with a sentence for the reader."""


class Refused(Exception):
    """An action that was not taken. The message is translated and says what to do instead."""


class Gone(Refused):
    """What was asked for existed and does no longer (closed, withdrawn, used)."""


class Conflict(Refused):
    """Somebody else was first; nothing was changed."""
