"""Loss inside a connection: protocol v1 counts nothing, so only sound that stays late says that some is missing."""

from dataclasses import dataclass

MICROSECONDS = 1_000_000
SURE_AFTER_US = 5 * MICROSECONDS  # Wi-Fi stalls for seconds and then delivers everything; what is lost stays late
SUSPECTED_AFTER_US = MICROSECONDS  # at the end of a recording: a stall that was made good is over by then
LEAST_LOSS_US = 200_000  # below it a busy machine looks the same
DRIFT_PPM = 200  # crystals differ by 50, cheap oscillators by more: slow creeping is no loss


@dataclass(frozen=True, slots=True)
class Loss:
    """So much is missing, `audio_ago` samples of sound before the newest."""

    samples: int
    audio_ago: int


class Lateness:
    """Watches one connection. Times are µs of a clock that never steps, positions samples with gaps included."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._rate = sample_rate_hz
        self._usual_us: float | None = None  # by how much sound of this connection is late when all is well
        self._seen_us = 0
        self._position = 0
        self._raised: tuple[int, float, int] | None = (
            None  # since when, least lateness since then, before which position
        )

    def see(self, now_us: int, position: int, samples: int) -> Loss | None:
        """Note that the last `samples` up to `position` have arrived; returns a loss once it is sure."""
        self._position = position
        late_us = now_us - position * MICROSECONDS / self._rate
        if self._usual_us is None:
            self._usual_us, self._seen_us = late_us, now_us
        usual_us = self._usual_us + (now_us - self._seen_us) * DRIFT_PPM / MICROSECONDS
        self._usual_us, self._seen_us = min(usual_us, late_us), now_us
        if late_us - self._usual_us < LEAST_LOSS_US:
            self._raised = None
            return None
        since_us, least_us, began = self._raised or (now_us, late_us, position - samples)
        self._raised = since_us, min(least_us, late_us), began
        if now_us - since_us < SURE_AFTER_US:
            return None
        return self._loss(position)

    def suspicion(self) -> Loss | None:
        """Return what would soon be sure, if sound went on: for a recording that ends now."""
        if self._raised is None or self._seen_us - self._raised[0] < SUSPECTED_AFTER_US:
            return None
        return self._loss(self._position)

    def _loss(self, position: int) -> Loss:
        assert self._raised is not None and self._usual_us is not None
        _since_us, least_us, began = self._raised
        self._raised = None
        return Loss(round((least_us - self._usual_us) * self._rate / MICROSECONDS), position - began)
