"""Import lists: clients with their departures, and addresses that get no mail."""
