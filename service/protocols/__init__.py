"""Protocols: the steps, when each is due, why a mail went or not."""
