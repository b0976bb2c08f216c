"""A v1 device's session without a socket, a database or a clock: what comes in, what is to be done."""

import base64
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from devices.binding import Admission, Binding, Hello, Refreshed
from devices.pairing import MintedToken
from devices.presence import Report
from gateway.actions import Actions, Close, Mint, Probe, Publish, Send, TellRoom
from gateway.v1_device import Clocks, State, V1DeviceSession
from leganize.wire.identity import new_epoch

ROOM, OTHER_ROOM = UUID(int=1), UUID(int=2)  # fixed: they stand in the names of tests
SILENCE = bytes(2048)


@dataclass
class Time:
    """A clock that moves when it is told to."""

    passed_s: float = 1000.0
    start: datetime = field(default_factory=lambda: datetime(2026, 1, 1, tzinfo=UTC))

    def clocks(self) -> Clocks:
        return Clocks(lambda: self.passed_s, lambda: self.start + timedelta(seconds=self.passed_s))


def binding(**changes) -> Binding:
    plain = Binding(UUID(int=3), "Table", UUID(int=4), "microphone", 7, 16000, 1, ROOM, True, False)
    return replace(plain, **changes)


def session_of(hello: Hello, time: Time) -> V1DeviceSession:
    report = Report(new_epoch(), uuid4(), hello.reported_id, "192.168.1.61", datetime.now(UTC))
    return V1DeviceSession(hello, report, "192.168.1.40", time.clocks())


def in_room(time: Time, **changes) -> tuple[V1DeviceSession, Binding]:
    session, bound = session_of(Hello("mic-1", str(ROOM), "token"), time), binding(**changes)
    session.opened()
    session.admitted(Admission(bound, 1))
    return session, bound


def said(actions: Actions) -> list[str]:
    """The types of what a device is told, or why it is closed."""
    words = []
    for action in actions:
        match action:
            case Send(frame):
                words.append(json.loads(frame.payload)["type"])
            case Close(code, _):
                words.append(str(code))
            case _:
                words.append(type(action).__name__)
    return words


def audio(room: UUID | str = ROOM, payload: bytes | None = SILENCE) -> str:
    encoded = None if payload is None else base64.b64encode(payload).decode()
    return json.dumps({"type": "esp32-audio-chunk", "roomId": str(room), "audio": encoded})


def test_a_device_with_its_id_alone_waits():
    session = session_of(Hello("mic-1", "", ""), Time())
    assert said(session.opened()) == ["waiting-for-config"]
    assert session.may_rehome


def test_a_device_whose_name_cannot_be_is_told_and_closed():
    assert said(session_of(Hello("../../etc/passwd", "", ""), Time()).opened()) == ["error", "1008"]


def test_a_wrong_token_parks_the_device_and_tells_it_nothing_more():
    session = session_of(Hello("mic-1", str(ROOM), "wrong"), Time())
    assert session.opened() == []
    assert said(session.admitted(None)) == ["waiting-for-config"]
    assert not session.may_rehome


def test_a_right_token_lets_the_device_in_and_starts_what_was_wanted():
    session = session_of(Hello("mic-1", str(ROOM), "token"), Time())
    session.opened()
    assert said(session.admitted(Admission(binding(wanted=True), 1))) == ["connected", "start-recording", "TellRoom"]
    assert session.report.room_id == ROOM


def test_a_genuine_token_for_another_room_is_sent_where_the_device_belongs():
    session = session_of(Hello("mic-1", str(OTHER_ROOM), "token"), Time())
    session.opened()
    assert said(session.admitted(Admission(binding(), None))) == ["waiting-for-config", "Mint"]
    config = session.minted(MintedToken(2, ROOM, "lgd_new"))
    assert said(config) == ["room-config"]


def test_a_claimed_device_is_given_its_room_once():
    time = Time()
    session = session_of(Hello("mic-1", "", ""), time)
    session.opened()
    assert said(session.refreshed(Refreshed(binding=binding()))) == ["Mint"]
    assert session.refreshed(Refreshed(binding=binding())) == []
    time.passed_s += 11
    assert said(session.refreshed(Refreshed(binding=binding()))) == ["1012"]


def test_sound_becomes_a_chunk_of_its_room():
    session, bound = in_room(Time(), wanted=True)
    (publish,) = session.text(audio())
    assert isinstance(publish, Publish)
    assert (publish.room_id, publish.record) == (ROOM, True)
    assert (publish.chunk.stream, publish.chunk.seq, publish.chunk.payload) == (bound.stream, 0, SILENCE)


def test_chunks_of_one_connection_are_counted_and_share_its_boot_id():
    session, _ = in_room(Time(), wanted=True)
    chunks = [session.text(audio())[0].chunk for _ in range(3)]
    assert [chunk.seq for chunk in chunks] == [0, 1, 2]
    assert len({chunk.boot_id for chunk in chunks}) == 1


def test_a_room_that_only_listens_records_nothing():
    session, _ = in_room(Time(), wanted=True, records=False)
    assert session.text(audio())[0].record is False


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[1]",
        '{"type":7}',
        audio(OTHER_ROOM),
        audio(payload=b"\0"),
        json.dumps({"type": "esp32-audio-chunk", "roomId": str(ROOM), "audio": "=="}),
    ],
)
def test_what_cannot_be_read_is_answered_with_an_error(text):
    session, _ = in_room(Time())
    assert said(session.text(text)) == ["error"]


def test_errors_are_told_once_a_second_and_fifty_close():
    time = Time()
    session, _ = in_room(time)
    answers = [said(session.text("{")) for _ in range(49)]
    assert answers == [["error"]] + [[]] * 48
    assert said(session.text("{")) == ["1008"]


def test_fifty_errors_spread_over_more_than_a_minute_close_nothing():
    time = Time()
    session, _ = in_room(time)
    for _ in range(100):
        time.passed_s += 2
        assert said(session.text("{")) == ["error"]


def test_a_buffer_too_large_for_its_document_is_told_to_the_pages_too():
    session, _ = in_room(Time())
    actions = session.text(audio(payload=None))
    assert said(actions) == ["error", "TellRoom"]
    assert isinstance(actions[1], TellRoom)
    assert "BUFFER_SIZE" in actions[1].event["message"]


def test_an_unknown_type_is_ignored():
    session, _ = in_room(Time())
    assert session.text('{"type":"weather"}') == []


def test_binary_does_not_belong():
    session, _ = in_room(Time())
    assert said(session.binary(b"\xff\xd8")) == ["error"]


def test_a_flood_is_told_once_and_then_closed():
    session, _ = in_room(Time(), wanted=True)
    words = [word for _ in range(500) for word in said(session.text(audio(payload=b"\0\0"))) if word != "Publish"]
    assert words[:2] == ["error", "4429"]


def test_sound_at_three_times_its_declared_rate_is_heard_long_enough_to_be_named():
    time = Time()
    session, _ = in_room(time, wanted=True)
    for _ in range(int(7 * 44100 / 1024)):
        time.passed_s += 1024 / 44100
        assert "4429" not in said(session.text(audio()))
    session.look_at_clock()
    assert (session.report.hint_rate_hz, session.report.hint_channels) == (44100, 1)


def test_start_and_stop_follow_what_is_wanted():
    time = Time()
    session, bound = in_room(time)
    wanted = replace(bound, wanted=True)
    assert said(session.refreshed(Refreshed(wanted, token_valid=True))) == ["start-recording", "TellRoom"]
    session.text(audio())
    assert session.refreshed(Refreshed(wanted, token_valid=True)) == []
    assert said(session.refreshed(Refreshed(bound, token_valid=True))) == ["stop-recording"]


def test_a_device_that_ignores_its_stop_is_told_again_but_not_each_second():
    time = Time()
    session, bound = in_room(time, wanted=True)
    words: list[str] = []
    for _ in range(120):
        time.passed_s += 0.1
        session.text(audio())
        words += said(session.refreshed(Refreshed(replace(bound, wanted=False), token_valid=True)))
    assert words == ["stop-recording"] * 3


def test_it_captures_while_chunks_arrive_within_a_second():
    time = Time()
    session, _ = in_room(time, wanted=True)
    assert session.report.state == "connected"
    session.text(audio())
    assert session.report.state == "capturing"
    time.passed_s += 1.5
    session.look_at_clock()
    assert session.report.state == "connected"


def test_what_was_under_way_when_it_was_stopped_is_still_kept():
    time = Time()
    session, bound = in_room(time, wanted=True)
    session.text(audio())
    session.refreshed(Refreshed(replace(bound, wanted=False), token_valid=True))
    time.passed_s += 0.5
    assert session.text(audio())[0].record
    time.passed_s += 3
    assert not session.text(audio())[0].record


@pytest.mark.parametrize(
    "fresh",
    [
        Refreshed(None, token_valid=True),
        Refreshed(binding(room_id=None), token_valid=True),
        Refreshed(binding(), token_valid=False),
    ],
)
def test_a_device_that_lost_its_room_is_told_to_go_and_closed_if_it_does_not(fresh):
    time = Time()
    session, _ = in_room(time)
    assert said(session.refreshed(fresh)) == ["go-pending"]
    assert session.text(audio()) == []
    time.passed_s += 4
    assert said(session.refreshed(fresh)) == ["1000"]


def test_a_moved_device_is_handed_its_new_room_and_heard_no_more_in_the_old():
    session, bound = in_room(Time(), wanted=True)
    moved = replace(bound, room_id=OTHER_ROOM)
    assert session.refreshed(Refreshed(moved, token_valid=True)) == [Mint(bound.device_id, OTHER_ROOM)]
    assert session.text(audio()) == []


def test_a_newer_socket_of_the_same_device_replaces_this_one():
    session, bound = in_room(Time())
    assert said(session.refreshed(Refreshed(bound, token_valid=True, replaced=True))) == ["4409"]
    assert session.state is State.LEAVING


def test_a_namesake_is_probed_once_and_is_a_conflict_only_if_it_still_answers():
    time, other = Time(), uuid4()
    session = session_of(Hello("mic-1", "", ""), time)
    session.opened()
    assert session.refreshed(Refreshed(namesake=other)) == [Probe(other)]
    assert session.refreshed(Refreshed(namesake=other)) == []
    assert not session.report.conflict
    time.passed_s += 5
    session.refreshed(Refreshed(namesake=other))
    assert session.report.conflict
    session.refreshed(Refreshed())
    assert not session.report.conflict


def test_plain_text_of_a_camera_is_kept_as_telemetry():
    session, _ = in_room(Time(), kind="camera")
    assert session.text("heap 180000") == []
    assert session.report.telemetry == "heap 180000"
    assert said(session.text("x" * 600)) == ["error"]
