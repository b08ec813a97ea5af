"""Clients and their contacts, the basis on which they are written to, sample data."""
