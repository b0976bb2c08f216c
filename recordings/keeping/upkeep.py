"""What a worker's heartbeat does so that recordings are kept, and no longer than they should be: one call for all."""

from uuid import UUID

from recordings.exporting import child as export_child
from recordings.keeping import ballast, offsite, reports, retention
from recordings.keeping.quotas import quotas


def tend(worker_id: UUID) -> None:
    """Called by each heartbeat of `worker_id`, on its thread; what takes long is only begun. Raises DatabaseError."""
    ballast.tend()
    quotas.tend()
    reports.tell(worker_id)
    offsite.tend()
    retention.tend()
    export_child.tend()
