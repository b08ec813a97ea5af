"""A client's leaving: the record, its stages, talk requests, recoveries, returns, its timeline."""
