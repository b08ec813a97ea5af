"""A client's leaving: the record, its stages, conversations, recoveries, returns, its timeline."""
