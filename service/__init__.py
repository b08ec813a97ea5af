"""Hasta Luego: the farewell of a client, carried by email."""
