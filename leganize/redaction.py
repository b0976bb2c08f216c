"""Keeps credentials out of every log line, whoever wrote it: v1 devices carry their token in the URL."""

import logging
import re

_SECRET = re.compile(
    r"((?:accessToken|token|sessionid|csrftoken|password)(?:=|%3D|\"\s*:\s*\"|'\s*:\s*')|Bearer\s+)[^\s&\"'<>;,]+"
    r"|\blg[dgk]_[A-Za-z0-9_-]{8,}"
    r"|(/accounts/enter/)[^\s\"'<>]+",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """Return `text` with each credential in it replaced by `[redacted]`."""
    return _SECRET.sub(lambda match: f"{match.group(1) or match.group(2) or ''}[redacted]", text)


class RedactSecrets(logging.Filter):
    """Rewrites a record in place, its traceback included, before a handler sees it."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = redact(record.getMessage())
        record.args = None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        return True
