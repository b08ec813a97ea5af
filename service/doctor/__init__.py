"""The mail doctor: why mails might not arrive, and what to change where.

Each check is a function of a Case and of what earlier checks found; it asks servers only.
"""
