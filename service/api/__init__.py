"""What other programs are told and may do: JSON by bearer token. No cookie opens anything here."""
