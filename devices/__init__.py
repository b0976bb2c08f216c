"""What sends: identity, binding, presence and command of microphones and cameras."""
