"""What went out, what is to go out, and what came in."""
