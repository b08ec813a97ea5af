"""Questions, invitations and what clients answered."""
