"""What happened to a departure, a row each."""
