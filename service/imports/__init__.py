"""Lists that are brought in: clients with their departures, and addresses that get no mail."""
