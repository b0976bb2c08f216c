"""Takes the pictures anew: a server with a live room, every page into var/screenshots, the README's into docs."""

import asyncio
import os
import shutil
import sys
import tempfile
from pathlib import Path

HOUSE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOUSE))
_own_folder = tempfile.TemporaryDirectory(prefix="leganize-screenshots-")
os.environ["LEGANIZE_DATA"] = _own_folder.name  # before anything of the project looks for its data folder

from devices.simulator.fleet import make_fleet, run_fleet  # noqa: E402
from devices.simulator.sketch import Firmware  # noqa: E402
from tests import screenshots  # noqa: E402
from tests.installation import Installation  # noqa: E402
from tests.shell import Shell  # noqa: E402

PICTURES = HOUSE / "var" / "screenshots"
IN_THE_README = "connect-desktop.png"
SECONDS_OF_SOUND = 6  # so that lanes and meters have something to show
_STAGE = """
import time
from accounts.demo import ensure_demo_user
from devices.control import configure, set_capture
from devices.pairing import claim
from devices.presence import lobby
from rooms.lifecycle import create_room
demo = ensure_demo_user()
while len(lobby(demo)) < 3:
    time.sleep(0.1)
room = create_room(demo.home_organization(), "Weekly planning", by=demo)
for waiting, name in zip(lobby(demo).order_by("reported_id")[:2], ["Table", "Window"]):
    device = claim(waiting, room, by=demo)
    configure(device, name=name, by=demo)
    set_capture(device, on=True, by=demo)
"""


async def main() -> None:
    """Set the stage, take every picture, keep the README's."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with Installation(Path(_own_folder.name) / "var") as server, Shell(server) as shell:
        fleet = make_fleet(Firmware("127.0.0.1", server.port, "esp32-demo-{:02d}"), 3)
        running = asyncio.create_task(run_fleet(fleet))
        await shell.does(_STAGE)
        await asyncio.sleep(SECONDS_OF_SOUND)
        here = f"http://localhost:{server.port}"  # as the link says it: a cookie belongs to a name
        await screenshots.main(here, server.sign_in_url, PICTURES)
        running.cancel()
        await asyncio.wait([running])
    target = HOUSE / "docs" / "screenshots" / IN_THE_README
    target.parent.mkdir(exist_ok=True)
    shutil.copy(PICTURES / IN_THE_README, target)


if __name__ == "__main__":
    asyncio.run(main())
