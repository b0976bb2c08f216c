"""The sockets, one module per dialect, and v1's HTTP calls."""
