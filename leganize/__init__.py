"""The entry points that put the house together: settings, URLs, sockets, the server, the worker's heartbeat."""
