"""Closed segments go to the bucket too, and leave this disk once their copies are verified: what is due, and how."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, connections
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from recordings.keeping import bucket, fetched
from recordings.log.folder import folder_of
from recordings.models import Recording, Segment

logger = logging.getLogger(__name__)

THREADS = 2  # per worker: enough for 200 microphones at 3 Mbit/s, and no load beside them
LOOK_EVERY_S = 2.0
CLAIMED_FOR = timedelta(minutes=5)  # of a worker that died meanwhile, somebody else takes the segment over after this
FIRST_RETRY = timedelta(seconds=5)
LAST_RETRY = timedelta(minutes=15)
LOOK_AT_LAST_EVERY = timedelta(seconds=10)
LOOK_AT_DELETED_EVERY = timedelta(hours=1)
PAPERS_EVERY = 20  # segments, ten minutes: how far the papers of a running recording in the bucket are behind
PAPERS = ("manifest.json", "segments.jsonl")
ALTERED = "the copy is lost or was altered: it is made again"
HERE = Segment.Place.HERE
BOTH = Segment.Place.BOTH
ELSEWHERE = Segment.Place.ELSEWHERE


def path_of(segment: Segment) -> Path:
    """Return where a segment can be read: here, or fetched. Raises FileNotFoundError with words, or another OSError."""
    path = _folder(segment) / segment.name
    if path.exists():
        return path
    if not bucket.is_configured():
        elsewhere = "nowhere else" if segment.place == HERE else "lies in a bucket, but no S3_BUCKET is set"
        raise FileNotFoundError(f"segment {segment.name} is not on this disk, and {elsewhere}")
    return fetched.fetched(segment)


def remove_copies(organization_id: UUID, recording_id: UUID) -> None:
    """Remove what the bucket has of one recording. Raises OSError, also while no bucket is set."""
    if not bucket.is_configured():
        raise bucket.Unreachable("its copies lie in a bucket, and no S3_BUCKET is set")
    bucket.remove_all(fetched.folder_key(organization_id, recording_id))


def retry(segments: QuerySet[Segment]) -> int:
    """Let `segments` that failed be tried again at once; how many those are."""
    return segments.filter(upload_tries__gt=0).update(upload_due_at=timezone.now())


class Offsite:
    """What one worker does of it: a few threads, each with one segment at a time. `tend` returns at once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looked_s = float("-inf")
        self._threads: list[threading.Thread] = []
        self._away = False

    def tend(self) -> None:
        """Called by each heartbeat: see that there are threads while there is something to do. Raises DatabaseError."""
        if not bucket.is_configured() or self._clock() - self._looked_s < LOOK_EVERY_S:
            return
        self._looked_s = self._clock()
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        for _segment in _due(timezone.now(), THREADS - len(self._threads)):
            thread = threading.Thread(target=self._run, name="offsite", daemon=True)
            self._threads.append(thread)
            thread.start()

    def work(self, now: Callable[[], datetime] = timezone.now) -> int:
        """Do what is due, until nothing is; how many segments were looked at. Raises DatabaseError."""
        done = 0
        while segment := _claim(now()):
            self._do(segment, now)
            done += 1
        return done

    def _run(self) -> None:
        try:
            self.work()
        except DatabaseError as error:
            logger.warning("uploads wait for the database: %s", error)
        except Exception:
            logger.exception("uploads stopped, and begin again with the next heartbeat")
        finally:
            connections.close_all()  # those of this thread

    def _do(self, segment: Segment, now: Callable[[], datetime]) -> None:
        try:
            if segment.place == HERE:
                _upload(segment, now())
            else:
                _give_up_local(segment)
        except DatabaseError:
            raise  # then nothing can be noted either; the claim runs out by itself
        except OSError as error:
            self._failed(segment, error, now())
        except Exception as error:
            logger.exception("segment %s: nobody thought of this", segment.name)
            self._failed(segment, error, now())
        else:
            self._succeeded(now())

    def _failed(self, segment: Segment, error: Exception, now: datetime) -> None:
        wait = min(LAST_RETRY, FIRST_RETRY * 2 ** min(segment.upload_tries, 10))
        _row(segment).update(
            upload_tries=F("upload_tries") + 1, upload_error=str(error)[:300], upload_due_at=now + wait
        )
        if isinstance(error, bucket.Unreachable) and not self._away:
            logger.warning("the bucket is away, segments wait here: %s", error)
            self._away = True

    def _succeeded(self, now: datetime) -> None:
        if self._away:  # what waits for its next try need not wait any longer
            self._away = False
            hastened = retry(Segment.objects.filter(Q(place=HERE) | Q(place=BOTH), upload_due_at__gt=now))
            logger.info("the bucket is back: %d segments are tried again now", hastened)


def _due(now: datetime, most: int) -> list[Segment]:
    """Return segments to be uploaded now and, if those are fewer than `most`, some to be given up here."""
    found = Segment.objects.select_related("recording").order_by("upload_due_at", "pk")
    here = found.filter(Q(upload_due_at=None) | Q(upload_due_at__lte=now), place=HERE, is_closed=True)[:most]
    uploads = list(here)
    return uploads + list(found.filter(place=BOTH, upload_due_at__lte=now)[: most - len(uploads)])


def _claim(now: datetime) -> Segment | None:
    """Take the next segment that is due; those for which it is too early are looked at again later."""
    while due := _due(now, 4 * THREADS):
        for segment in due:
            too_early = _too_early(segment)
            same = _row(segment).filter(place=segment.place, upload_due_at=segment.upload_due_at)
            if same.update(upload_due_at=now + (too_early or CLAIMED_FOR)) and not too_early:
                return segment
    return None


def _too_early(segment: Segment) -> timedelta | None:
    """Return for how long a segment has to wait, None for those that need not.

    The last one of a recording waits until that is finished: its papers, which go with it, are whole only then. What a
    person deleted waits for its removal, or for being taken back.
    """
    if segment.recording.deleted_at:
        return LOOK_AT_DELETED_EVERY
    if segment.recording.state != Recording.State.FINISHED and _is_last(segment):
        return LOOK_AT_LAST_EVERY
    return None


def _upload(segment: Segment, now: datetime) -> None:
    path = _folder(segment) / segment.name
    if not path.exists():  # its row was made anew, for instance, and told nothing of the copy
        fetched.fetched(segment)
        _row(segment).update(place=ELSEWHERE, upload_tries=0, upload_error="", upload_due_at=None)
        return
    _put_verified(fetched.key_of(segment), path.read_bytes())
    if _is_last(segment) or segment.number % PAPERS_EVERY == PAPERS_EVERY - 1:
        _see_to_papers(segment)
    leaves_at = now + timedelta(hours=settings.S3_KEEP_LOCAL_HOURS)
    _row(segment).update(place=BOTH, upload_tries=0, upload_error="", upload_due_at=leaves_at)
    if not Recording.objects.filter(pk=segment.recording_id).exists():  # removed while this went up
        remove_copies(segment.recording.organization_id, segment.recording_id)


def _give_up_local(segment: Segment) -> None:
    """Remove the copy here, after the one in the bucket was verified anew. Raises OSError, and then it stays."""
    path = _folder(segment) / segment.name
    if path.exists():
        if not bucket.holds(fetched.key_of(segment), path.read_bytes()):
            logger.error("segment %s of recording %s: %s", segment.name, segment.recording_id, ALTERED)
            tries = F("upload_tries") + 1
            _row(segment).update(place=HERE, upload_tries=tries, upload_error=ALTERED, upload_due_at=None)
            return
        if _is_last(segment):
            _see_to_papers(segment)
        path.unlink()
    _row(segment).update(place=ELSEWHERE, upload_tries=0, upload_error="", upload_due_at=None)


def _see_to_papers(segment: Segment) -> None:
    """See that the bucket has its recording's manifest and index as they are now. Raises OSError."""
    for name in PAPERS:
        path, key = _folder(segment) / name, fetched.key_of(segment, name)
        if path.exists() and not bucket.holds(key, data := path.read_bytes()):
            _put_verified(key, data)


def _put_verified(key: str, data: bytes) -> None:
    bucket.put(key, data)
    if not bucket.holds(key, data):
        raise bucket.Unreachable(f"the bucket keeps something else than it was given: {key}")


def _is_last(segment: Segment) -> bool:
    return not Segment.objects.filter(recording=segment.recording_id, number__gt=segment.number).exists()


def _folder(segment: Segment) -> Path:
    return folder_of(segment.recording.organization_id, segment.recording_id)


def _row(segment: Segment) -> QuerySet[Segment]:
    return Segment.objects.filter(pk=segment.pk)


offsite = Offsite()
tend = offsite.tend
