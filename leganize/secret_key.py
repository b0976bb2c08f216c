"""The installation's secret key: made once, kept readable by its owner alone."""

import os
import secrets
import tempfile
from pathlib import Path


def read_or_make_secret_key(path: Path) -> str:
    """Return the key in `path`; when several processes come first at once, all of them return the same one."""
    if not path.exists():
        # written whole, then linked: nobody can read a key that is half there
        descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=".secret_key-")
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(50))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # another process was first: its key is the key
        finally:
            os.unlink(draft)
    return path.read_text().strip()
