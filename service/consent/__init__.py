"""Consents, mail preferences and suppressed addresses."""
