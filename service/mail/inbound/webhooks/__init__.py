"""What mail providers report by HTTP: each checked by its own scheme, all told alike.

A module a provider. Each proves the request and turns it into events; none asks the database.
"""
