"""The flask commands, a module a noun."""
