"""Serve an application in a process of its own, as the baselines are."""

import asyncio
import gc
import sys

from aiohttp import web

YOUNG, MIDDLE, OLD = 50_000, 20, 100


async def serve(application: web.Application) -> None:
    """Serve on a free port of this machine, print the port, and go on until the process ends.

    Garbage is looked for as seldom as in the gateway, so that what is compared is the way to an
    answer, and not a setting that anybody could have.
    """
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
    await site.start()
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()
