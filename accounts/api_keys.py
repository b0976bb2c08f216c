"""API keys: who holds one acts as its user, by `Authorization: Bearer KEY` alone."""
