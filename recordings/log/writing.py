"""The recordings that one worker writes: which one a chunk belongs to, and how they are opened, left and finished."""

import uuid
from collections import defaultdict
from dataclasses import dataclass, replace
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from devices.binding import Binding
from leganize.wire.chunk import Chunk
from recordings.log.captures import Capture, OpenNote, find_open, note_open
from recordings.log.clocks import Clocks
from recordings.log.folder import About, Manifest, RecordingFolder, folder_of, remove_folder
from recordings.log.growing import GrowingRecording, Snapshot, snapshot_of
from recordings.log.repair import repaired
from recordings.log.signing import read_or_make_key

SECOND_US = 1_000_000
WAIT_FOR_LOCK_US = 5 * SECOND_US  # a worker whose socket was replaced lets go within a heartbeat


@dataclass(frozen=True, slots=True)
class Offer:
    """A chunk that waits to be written, and what could not wait before it. `steady_us` is when it came."""

    binding: Binding
    room_id: UUID
    epoch: UUID
    chunk: Chunk
    steady_us: int
    lost_samples: int = 0

    @property
    def capture(self) -> Capture:
        """What decides to which recording it belongs."""
        return Capture(self.binding.device_id, self.room_id, self.chunk.sample_rate_hz, self.chunk.channels)


class Writing:
    """Used by the writer's thread alone. Everything may raise OSError, and may then be asked again."""

    def __init__(self, clocks: Clocks) -> None:
        self._clocks = clocks
        self._open: dict[Capture, GrowingRecording] = {}
        self._notes: dict[Capture, OpenNote] = {}
        self._held: dict[Capture, list[Offer]] = defaultdict(list)
        self._lost_reasons: dict[Capture, str] = {}
        self._leaving: dict[Capture, str] = {}
        self._closed: list[Snapshot] = []
        self._signing_key: Ed25519PrivateKey | None = None

    def recordings(self) -> list[GrowingRecording]:
        """Return those that are open."""
        return list(self._open.values())

    def keep(self, offer: Offer) -> bool:
        """Write a chunk; False when it must wait, because another worker still has its recording."""
        capture = offer.capture
        recording = self._open.get(capture)
        if recording and offer.binding.wanted and recording.about.capture_us != offer.binding.wanted_at_us:
            self.finish(capture)
            recording = None
        if recording is None:
            recording = self._resume(offer) or (None if self._waits(offer) else self._begin(offer))
            if recording is None:
                self._held[capture].append(offer)
                return False
            self._open[capture] = recording
            recording.lose(0, self._lost_reasons.pop(capture, ""))
        if self._leaving:
            self._leaving.pop(capture, None)
        recording.write(offer.epoch, offer.chunk, offer.steady_us)
        return True

    def lose(self, offer: Offer, samples: int, reason: str) -> None:
        """Note that so much could not be kept until the end of a chunk; declared before the next one."""
        recording = self._open.get(offer.capture)
        if recording:
            recording.lose(samples, reason, (offer.epoch, offer.steady_us))
        else:
            self._lost_reasons[offer.capture] = reason

    def held_back(self) -> list[Offer]:
        """Take what waits for another worker to let go, to be kept now."""
        offers = [offer for held in self._held.values() for offer in held]
        self._held.clear()
        return offers

    def leave(self, epoch: UUID, reason: str) -> None:
        """Note that a connection ended; `park` lets its recording go."""
        for capture, recording in self._open.items():
            if recording.epoch == epoch:
                self._leaving[capture] = reason

    def leave_all(self, reason: str) -> None:
        """Note that this worker writes no more."""
        for capture in self._open:
            self._leaving.setdefault(capture, reason)

    def park(self) -> None:
        """Close the recordings whose connection ended, so that any worker may go on with them."""
        for capture, reason in list(self._leaving.items()):
            recording = self._open[capture]
            recording.close(left=reason, finished=False)
            self._forget(capture, recording)

    def finish_quiet(self, resting: set[UUID], before_us: int) -> None:
        """Finish what is wanted no more and has been quiet since `before_us`."""
        for capture, recording in list(self._open.items()):
            if capture.device in resting and recording.last_us <= before_us:
                self.finish(capture)

    def finish(self, capture: Capture) -> None:
        """Close a recording for good: the device's next chunk begins another."""
        recording = self._open[capture]
        recording.close(left="", finished=True)
        note = self._notes.pop(capture, None)
        if note:
            note.remove()
        self._forget(capture, recording)

    @property
    def has_closed(self) -> bool:
        """Tell whether a recording was let go since the last call of `snapshots`."""
        return bool(self._closed)

    def snapshots(self) -> list[Snapshot]:
        """Return what changed since the last call."""
        closed, self._closed = self._closed, []
        return closed + [recording.snapshot() for recording in self._open.values() if recording.is_dirty]

    def _forget(self, capture: Capture, recording: GrowingRecording) -> None:
        snapshot = recording.snapshot()
        self._closed.append(snapshot if snapshot.state == "finished" else replace(snapshot, state="settling"))
        del self._open[capture]
        self._leaving.pop(capture, None)

    def _waits(self, offer: Offer) -> bool:
        """Tell whether another process holds the recording, and may be expected to let go."""
        note = find_open(offer.capture)
        if note is None or not self._fits(note, offer.binding):
            return False
        folder = note.folder
        if not folder.path.is_dir():
            return False
        taken = not folder.lock()
        folder.unlock()
        return taken and self._clocks.steady_us() - offer.steady_us < WAIT_FOR_LOCK_US

    def _resume(self, offer: Offer) -> GrowingRecording | None:
        note = find_open(offer.capture)
        if note is None or not note.folder.path.is_dir():
            return None
        folder = note.folder
        if not folder.lock():
            return None
        try:
            return self._resumed(offer, note, folder)
        except OSError:
            folder.unlock()
            raise

    def _resumed(self, offer: Offer, note: OpenNote, folder: RecordingFolder) -> GrowingRecording | None:
        found = repaired(folder, self._key)
        manifest = self._at_our_clock(found[0]) if found else None
        if found and manifest and self._fits(note, offer.binding) and self._is_fresh(manifest, offer):
            self._closed.append(snapshot_of(manifest, found[1]))
            self._notes[offer.capture] = note
            return GrowingRecording(folder, manifest, self._key)
        if found:  # its capture was ended elsewhere, or so long ago that this is another
            ended = replace(found[0], state="finished", left="")
            folder.write_manifest(ended, self._key)
            self._closed.append(snapshot_of(ended, found[1]))
        folder.unlock()
        return None

    def _begin(self, offer: Offer) -> GrowingRecording:
        binding, chunk = offer.binding, offer.chunk
        anchor_us = self._clocks.anchor_us()
        about = About(
            uuid.uuid4(), binding.organization_id, offer.room_id, binding.room_name, binding.device_id, binding.name,
            chunk.sample_rate_hz, chunk.channels, binding.wanted_at_us,
            started_at_us=anchor_us + offer.steady_us - chunk.duration_us,
        )  # fmt: skip
        folder = RecordingFolder(folder_of(about.organization, about.recording))
        manifest = Manifest(about, anchor_us=anchor_us, boot=self._clocks.boot, until_us=about.started_at_us)
        try:
            folder.path.mkdir(parents=True, exist_ok=True)
            folder.lock()
            folder.write_manifest(manifest, self._key)
            self._notes[offer.capture] = note_open(offer.capture, about)
        except OSError:
            folder.unlock()
            remove_folder(folder.path)
            raise
        return GrowingRecording(folder, manifest, self._key)

    def _fits(self, note: OpenNote, binding: Binding) -> bool:
        return not binding.wanted or note.capture_us == binding.wanted_at_us

    def _is_fresh(self, manifest: Manifest, offer: Offer) -> bool:
        away_us = manifest.anchor_us + offer.steady_us - manifest.until_us
        return away_us <= settings.RESUME_WITHIN_SECONDS * SECOND_US

    def _at_our_clock(self, manifest: Manifest) -> Manifest:
        """Return it as running by a clock that we can read: of this boot, or the world's where it was not set back."""
        if manifest.boot and manifest.boot == self._clocks.boot:
            return replace(manifest, state="recording")
        anchor_us = max(self._clocks.anchor_us(), manifest.until_us - self._clocks.steady_us())
        return replace(manifest, state="recording", anchor_us=anchor_us, boot=self._clocks.boot)

    @property
    def _key(self) -> Ed25519PrivateKey:
        if self._signing_key is None:
            self._signing_key = read_or_make_key(settings.DATA_DIR / "signing_key.pem")
        return self._signing_key
