"""The one exception of the wire: what came cannot be read, and the sentence says why to whoever sent it."""


class WireError(ValueError):
    """Raised by every parser in `leganize.wire`; its text is fit to be sent back."""
