"""Gives a request that Django refuses as suspicious one line of the log: any scanner could fill it with tracebacks."""

import logging


class OneLineForStrangers(logging.Filter):
    """Leaves what Django says of such a request, and takes the traceback away."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith("django.security."):
            record.exc_info = record.exc_text = None
        return True
