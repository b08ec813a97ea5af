"""Pages that clients reach by a token, and what any visitor may read."""
