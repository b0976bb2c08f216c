"""What happens to a viewer that keeps up, falls behind, or stops."""

from leganize.wire.framing import Frame, binary_frame, text_frame
from rooms.outbox import Kind, Outbox, OutboxLimits

LIMITS = OutboxLimits(queue_bytes=1000, max_age_s=4, write_buffer_bytes=300, ack_window_bytes=500, stuck_s=30)


class Peer:
    """A transport whose peer reads only when told to."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.unread = 0

    def write(self, frame: Frame) -> None:
        self.written.append(frame.payload)
        self.unread += len(frame)

    def buffered(self) -> int:
        return self.unread

    def read_all(self) -> None:
        self.unread = 0


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def outbox_with_peer() -> tuple[Outbox, Peer, Clock]:
    peer, clock = Peer(), Clock()
    return Outbox(peer, LIMITS, clock), peer, clock


def sound(number: int) -> Frame:
    return binary_frame(bytes([number]) * 100)


def test_a_viewer_that_keeps_up_gets_everything_at_once():
    outbox, peer, _ = outbox_with_peer()
    for number in range(50):
        outbox.offer(sound(number), Kind.SOUND)
        peer.read_all()
    assert (len(peer.written), outbox.dropped, outbox.waiting_bytes) == (50, 0, 0)


def test_a_slow_viewer_loses_the_oldest_sound_and_memory_stays_bounded():
    outbox, peer, _ = outbox_with_peer()
    for number in range(100):
        outbox.offer(sound(number), Kind.SOUND)
        assert outbox.waiting_bytes <= LIMITS.queue_bytes
    peer.read_all()
    while outbox.is_behind:
        outbox.flush()
        peer.read_all()
    assert [data[0] for data in peer.written[:3]] == [0, 1, 2]
    assert [data[0] for data in peer.written[-9:]] == list(range(91, 100))
    assert len(peer.written) + outbox.dropped == 100


def test_sound_that_waited_too_long_is_skipped():
    outbox, peer, clock = outbox_with_peer()
    for number in range(6):
        outbox.offer(sound(number), Kind.SOUND)
    clock.now += 5
    peer.read_all()
    outbox.flush()
    outbox.offer(sound(99), Kind.SOUND)
    assert peer.written[-1][0] == 99
    assert outbox.dropped == 3


def test_of_pictures_only_the_newest_waits():
    outbox, peer, _ = outbox_with_peer()
    for number in range(20):
        outbox.offer(sound(number), Kind.PICTURE, stream=1)
    outbox.offer(sound(77), Kind.PICTURE, stream=2)
    peer.read_all()
    outbox.flush()
    assert [data[0] for data in peer.written[3:]] == [19, 77]


def test_control_is_never_dropped():
    outbox, peer, clock = outbox_with_peer()
    for number in range(60):
        outbox.offer(sound(number), Kind.SOUND)
        if number % 20 == 0:
            outbox.offer(text_frame(b'{"type":"notice %d"}' % number), Kind.CONTROL)
    clock.now += 60
    while outbox.is_behind:
        peer.read_all()
        outbox.flush()
    assert sum(data.startswith(b"{") for data in peer.written) == 3


def test_a_viewer_that_stops_reading_is_stuck_after_the_limit_and_not_before():
    outbox, _peer, clock = outbox_with_peer()
    for number in range(20):
        outbox.offer(sound(number), Kind.SOUND)
    clock.now += 29
    outbox.offer(sound(20), Kind.SOUND)
    assert not outbox.is_stuck()
    clock.now += 2
    outbox.offer(sound(21), Kind.SOUND)
    assert outbox.is_stuck()


def test_a_viewer_to_whom_nothing_is_due_is_never_stuck():
    outbox, _peer, clock = outbox_with_peer()
    outbox.offer(sound(1), Kind.SOUND)
    outbox.transport.read_all()
    clock.now += 3600
    assert not outbox.is_stuck()


def test_unacknowledged_sound_holds_the_rest_back_even_when_the_kernel_takes_all():
    outbox, peer, _ = outbox_with_peer()
    outbox.ack(0)
    for number in range(9):
        outbox.offer(sound(number), Kind.SOUND)
        peer.read_all()
    assert len(peer.written) == 5
    outbox.ack(300)
    assert len(peer.written) == 8


def test_a_late_ack_frees_exactly_its_credit_and_an_impossible_one_none():
    outbox, peer, _ = outbox_with_peer()
    outbox.ack(0)
    for number in range(9):
        outbox.offer(sound(number), Kind.SOUND)
        peer.read_all()
    outbox.ack(10_000)
    assert len(peer.written) == 5
    outbox.ack(100)
    assert len(peer.written) == 6


def test_a_page_that_acknowledges_nothing_more_is_stuck_though_its_proxy_reads_on():
    outbox, peer, clock = outbox_with_peer()
    outbox.ack(0)
    for _ in range(40):
        outbox.offer(sound(1), Kind.SOUND)
        peer.read_all()
        clock.now += 1
    assert outbox.is_stuck()
