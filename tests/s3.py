"""A server that speaks S3, in a process of its own, with nothing in it but what tests put there."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.request import Request, urlopen
from uuid import uuid4

from providers import storage
from providers.storage import ObjectStorage

PREFIX = "a/prefix"


@dataclass(frozen=True)
class S3:
    endpoint: str

    def new_bucket(self) -> str:
        """The name of an empty bucket."""
        name = f"files-{uuid4().hex}"
        with urlopen(Request(f"{self.endpoint}/{name}", method="PUT")) as response:  # noqa: S310
            assert response.status == 200
        return name

    def storage(self, bucket: str) -> ObjectStorage:
        return storage.bucket(
            f"s3://{bucket}/{PREFIX}",
            endpoint=self.endpoint,
            region="us-east-1",
            key_id="id",
            secret="secret",
        )

    def keys(self, bucket: str) -> list[str]:
        """All keys in a bucket, as the server itself tells them."""
        with urlopen(f"{self.endpoint}/{bucket}?list-type=2") as response:  # noqa: S310
            return re.findall(r"<Key>([^<]+)</Key>", response.read().decode())


@contextmanager
def serving() -> Iterator[S3]:
    command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if found := re.search(r"http://127\.0\.0\.1:[1-9]\d*", line):
                    yield S3(found[0])
                    break
            else:
                raise RuntimeError("the S3 server did not start")
        finally:
            process.terminate()
