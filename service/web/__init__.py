"""What all pages share. Only this room knows requests."""
