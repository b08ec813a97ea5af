"""The people who log in: members, sessions, passwords, roles, API tokens."""
