"""The HTTP calls of pages in the field: for people who are signed in, about what is theirs."""

import asyncio
from datetime import datetime
from uuid import uuid4

import pytest

from tests.visitors import URL_SAFE, pcm


class TestHttp:
    """The calls of existing pages, for people who are signed in, about what is theirs."""

    async def test_pending_and_connected_devices(self, studio, device_id):
        room = await studio.room()
        async with studio.device_in(room, device_id), studio.device(studio.new_id()):
            for path, keys in (("pending", {"deviceId"}), ("connected", {"deviceId", "roomId"})):
                await studio.lists("/api/esp32/connected", device_id)
                status, answer = await studio.ask("GET", f"/api/esp32/{path}")
                assert (status, answer["success"], answer["count"]) == (200, True, len(answer["devices"]))
                assert answer.keys() == {"success", "count", "devices", "timestamp"}
                assert datetime.fromisoformat(answer["timestamp"]).tzinfo
                assert all(each.keys() == keys for each in answer["devices"])
            _status, charlies = await studio.ask("GET", "/api/esp32/connected", as_=studio.charlie)
            assert charlies["devices"] == []

    async def test_a_room_is_made_looked_at_and_ended(self, studio):
        said = {"companyType": "Ltd", "meetingType": "Board", "location": "Bangkok ห้อง 1", "meetingNo": "7/2026"}
        status, made = await studio.ask("POST", "/api/room", said)
        assert status == 201
        assert made["id"] == made["roomId"]
        assert URL_SAFE.fullmatch(made["accessToken"])
        path = f"/api/room/{made['id']}"
        status, shown = await studio.ask("GET", path)
        assert (status, shown.keys()) == (200, {"room"})
        assert said.items() <= shown["room"].items()
        assert (shown["room"]["status"], shown["room"]["endedAt"]) == ("ACTIVE", None)
        assert await studio.ask("POST", f"{path}/end") == (200, {"success": True, "roomId": made["id"]})
        assert await studio.ask("POST", f"{path}/end") == (400, {"error": "Room is not active"})
        _status, shown = await studio.ask("GET", path)
        assert shown["room"]["status"] == "ENDED"
        assert datetime.fromisoformat(shown["room"]["endedAt"]) > datetime.fromisoformat(shown["room"]["startedAt"])

    async def test_a_room_is_made_by_a_multipart_form_and_by_nothing_at_all(self, studio):
        form = '--x\r\nContent-Disposition: form-data; name="location"\r\n\r\nห้อง 2\r\n--x--\r\n'
        status, made = await studio.send_form("/api/room", "multipart/form-data; boundary=x", form.encode())
        assert (status, made["location"]) == (201, "ห้อง 2")
        status, made = await studio.send_form("/api/room", "application/x-www-form-urlencoded", b"")
        assert (status, made["status"]) == (201, "ACTIVE")

    async def test_rooms_are_listed_by_pages_and_by_status_without_any_token(self, studio):
        ids = [(await studio.room()).id for _ in range(4)]
        await studio.ask("POST", f"/api/room/{ids[0]}/end")
        status, page = await studio.ask("GET", "/api/room?status=ACTIVE&limit=2&skip=0")
        assert (status, page.keys()) == (200, {"total", "count", "skip", "limit", "rooms"})
        assert (page["count"], page["skip"], page["limit"], len(page["rooms"])) == (2, 0, 2, 2)
        assert [room["id"] for room in page["rooms"]] == [ids[3], ids[2]]
        assert all(room["status"] == "ACTIVE" for room in page["rooms"])
        assert {"id", "status", "meetingType", "location", "startedAt", "endedAt"} <= page["rooms"][0].keys()
        assert "accessToken" not in str(page)
        _status, next_page = await studio.ask("GET", "/api/room?status=ACTIVE&limit=2&skip=2")
        assert next_page["total"] == page["total"] > 2
        assert next_page["rooms"][0]["id"] == ids[1]
        _status, ended = await studio.ask("GET", "/api/room?status=ENDED&limit=100")
        assert ids[0] in [room["id"] for room in ended["rooms"]]
        assert (await studio.ask("GET", "/api/room?status=ABORTED"))[0] == 200

    async def test_what_is_not_there_and_what_is_not_yours_are_the_same(self, studio):
        room = await studio.room()
        nothing = (404, {"error": "Room not found"})
        assert await studio.ask("GET", f"/api/room/{uuid4()}") == nothing
        assert await studio.ask("GET", f"/api/room/{room.id}", as_=studio.charlie) == nothing
        assert await studio.ask("POST", f"/api/room/{room.id}/end", as_=studio.charlie) == nothing
        _status, listed = await studio.ask("GET", "/api/room?limit=100", as_=studio.charlie)
        assert room.id not in str(listed)

    async def test_a_viewer_sees_but_neither_makes_nor_ends(self, studio):
        room = await studio.room()
        assert (await studio.ask("GET", f"/api/room/{room.id}", as_=studio.vera))[0] == 200
        assert (await studio.ask("POST", f"/api/room/{room.id}/end", as_=studio.vera))[0] == 403
        assert (await studio.ask("POST", "/api/room", {}, as_=studio.vera))[0] == 403

    @pytest.mark.parametrize("path", ["esp32/pending", "esp32/connected", "room", "room/R", "room/R/end"])
    async def test_whoever_is_not_signed_in_gets_nothing(self, studio, path):
        method = "POST" if path.endswith("end") else "GET"
        status, answer = await asyncio.to_thread(studio.server.call, method, f"/api/{path}")
        assert status in (401, 403)
        assert answer.keys() == {"detail"}

    async def test_the_token_of_an_answer_is_one_for_its_maker_s_page(self, studio, device_id):
        room = await studio.room(as_=studio.bob)
        async with studio.page(room) as page, studio.device_in(room, device_id) as device:
            await page.say("start-recording", targetDeviceId=device_id)
            await device.hears("start-recording")
            await device.sound(room.id, pcm())
            await page.hears_sound(pcm())
