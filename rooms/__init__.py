"""Where publishers and viewers meet: rooms, grants, the relay."""
