"""May a mail go, and when."""
