"""A receiver of episodes, for the tests: it accepts, rejects, logs and appends
to an index by the rules that this program reads. Served by uvicorn, which
writes the access lines."""

import datetime
import json
import logging
import os
import pathlib

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

INDEX = pathlib.Path("/var/lib/cis490/index.jsonl")
# Hosts that it fails for, one a line, or * for all: a receiver with a fault of its own.
BROKEN_FOR = pathlib.Path("/var/lib/cis490/broken-for")
KNOWN_COMMITS = {"4f1c2a9", "8be20d1"}

logging.basicConfig(format="%(levelname)s %(message)s", level=logging.INFO)
log = logging.getLogger("receiver")


async def put_episode(request):
    host, name = request.path_params["host"], request.path_params["name"]
    body = await request.body()
    commit = request.headers.get("X-Cis490-Code-Commit")
    if BROKEN_FOR.exists() and {host, "*"} & set(BROKEN_FOR.read_text().split()):
        log.error("cannot store: [Errno 28] No space left on device")
        return PlainTextResponse("broken\n", 500)
    if not commit:
        log.warning("rejected PUT host=%s, missing X-Cis490-Code-Commit", host)
        return PlainTextResponse("no commit\n", 400)
    if commit not in KNOWN_COMMITS:
        log.warning("rejected PUT host=%s, unknown code commit %s", host, commit)
        return PlainTextResponse("unknown commit\n", 412)
    received_at = datetime.datetime.now(tz=datetime.timezone.utc).isoformat(timespec="microseconds")
    row = {"host_id": host, "received_at_wall": received_at, "code_commit": commit, "episode": name, "bytes": len(body)}
    # Opened for each line, so that it may be renamed in between.
    index = os.open(INDEX, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
    os.write(index, json.dumps(row).encode() + b"\n")
    os.close(index)
    return PlainTextResponse(received_at + "\n", 201)


def healthz(_request):
    return PlainTextResponse("ready\n")


app = Starlette(
    routes=[
        Route("/healthz", healthz),
        Route("/v1/episodes/{host}/{name}", put_episode, methods=["PUT"]),
    ]
)
