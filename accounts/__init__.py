"""Who may see what: people, organizations (the tenants), roles and API keys."""
