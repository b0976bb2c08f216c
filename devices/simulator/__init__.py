"""Microphones that exist only as programs: they speak protocol v1 over real sockets, with the sketch's bytes."""
