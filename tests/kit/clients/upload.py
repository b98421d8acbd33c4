"""tuspy in a process of its own: python upload.py '{"url", "file", "headers", "chunkSize"}'.

Prints the same lines as upload.cjs does.
"""

import json
import sys

from tusclient.client import TusClient
from tusclient.uploader import Uploader


class Telling(Uploader):
    """Says where it is after each chunk."""

    def upload_chunk(self) -> None:
        super().upload_chunk()
        print("at", self.offset, flush=True)


def main(options: dict) -> None:
    """Upload one file."""
    client = TusClient(options.get("endpoint") or options["url"].rpartition("/")[0], headers=options["headers"])
    with open(options["file"], "rb") as stream:
        uploader = Telling(
            client=client,
            file_stream=stream,
            url=options.get("url"),
            chunk_size=options["chunkSize"],
            retries=20,
            retry_delay=0.5,
            metadata=options.get("metadata"),
        )
        print("from", uploader.offset, flush=True)
        uploader.upload()
    print("done", uploader.url, flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
