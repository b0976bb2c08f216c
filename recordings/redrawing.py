"""Makes the peaks of a recording again from its segments, where the files that hold its shape were lost."""

import logging
from pathlib import Path

from recordings.keeping import offsite
from recordings.log.peaks import LEVELS, PeakWriter
from recordings.log.segment_log import read_segment, runs
from recordings.models import Recording, Segment

logger = logging.getLogger(__name__)


def redraw_where_lost(recording: Recording, folder: Path, rows: list[Segment], *, thorough: bool) -> bool:
    """Draw the shape of a recording that nobody writes again where a file of it is lost; tell whether that was done.

    Unless it is `thorough`, nothing is fetched for that from elsewhere. Raises OSError.
    """
    is_lost = any(not (folder / f"peaks-{level}").exists() for level in range(LEVELS if thorough else 1))
    is_here = thorough or all(row.place != Segment.Place.ELSEWHERE for row in rows)
    if not is_lost or not is_here or not folder.is_dir() or not any(row.audio_samples for row in rows):
        return False
    peaks = PeakWriter(folder, recording.sample_rate_hz, recording.channels)
    for row in rows:
        if row.audio_samples:
            _draw(peaks, row)
    peaks.flush()
    logger.info("the shape of recording %s was lost and is drawn again", recording.pk)
    return True


def _draw(peaks: PeakWriter, row: Segment) -> None:
    try:
        content = read_segment(offsite.path_of(row))
    except OSError as error:
        logger.warning("segment %s of recording %s is not drawn: %s", row.name, row.recording_id, error)
        return
    for at, pcm in runs(content):
        peaks.write(row.start_sample + at, pcm)
