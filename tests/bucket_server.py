"""A real S3 server on loopback: a process of moto's that can be ended, stopped and started again on its port."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.stores import free_port

START_SECONDS = 30
BUCKET = "kept-elsewhere"
KEYS = {"aws_access_key_id": "who", "aws_secret_access_key": "cares", "region_name": "us-east-1"}


class BucketServer:
    """Holds what it is given in memory, so an end loses it and a stop does not."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log_path = folder / "bucket-server.log"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.resume()
        self.end()

    @property
    def settings(self) -> dict[str, str]:
        """What an installation is told of it."""
        return {
            "S3_BUCKET": BUCKET,
            "S3_ENDPOINT_URL": self.url,
            "S3_REGION": KEYS["region_name"],
            "S3_ACCESS_KEY": KEYS["aws_access_key_id"],
            "S3_SECRET_KEY": KEYS["aws_secret_access_key"],
            "S3_PREFIX": "studio",
        }

    def start(self) -> None:
        """Start it with an empty bucket, and wait until it answers."""
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                urllib.request.urlopen(f"{self.url}/moto-api/", timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        self.client.create_bucket(Bucket=BUCKET)

    def end(self) -> None:
        """End the process: whoever connects is refused."""
        self._process.terminate()
        self._process.wait(10)

    def stop(self) -> None:
        """Stop the process: it takes connections, and says nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on where it stopped."""
        self._process.send_signal(signal.SIGCONT)

    @property
    def client(self) -> Any:
        """A client of the test's own."""
        import boto3

        return boto3.client("s3", endpoint_url=self.url, **KEYS)

    def keys(self) -> list[str]:
        """Return everything that is in the bucket."""
        found = self.client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return [each["Key"] for each in found]

    def read(self, key: str) -> bytes:
        """Return what is under `key`."""
        return self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()

    def overwrite(self, key: str, data: bytes) -> None:
        """Let the bucket hold something else."""
        self.client.put_object(Bucket=BUCKET, Key=key, Body=data)

    def remove(self, key: str) -> None:
        """Let the bucket lose something."""
        self.client.delete_object(Bucket=BUCKET, Key=key)

    def empty(self) -> None:
        """Let the bucket lose everything."""
        for key in self.keys():
            self.remove(key)
