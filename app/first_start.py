"""What the first start does before anything is served: tables, and the demo's data."""

from functools import partial

from rich.progress import Progress

from app import credentials, seed
from app.assembly import open_services
from app.settings import Settings
from app.terminal import err
from resolvers.organizations import slugs
from resolvers.services import Services


async def prepare(settings: Settings) -> None:
    """Bring an embedded database up to date, and fill an empty one where the demo is on."""
    async with open_services(settings, background=False) as services:
        if settings.with_demo and not await slugs(services.database):
            await plant(settings, services, 1)


async def plant(settings: Settings, services: Services, scale: float) -> None:
    """Make demo data, ``scale`` times the usual amount, and show how it goes.

    Raises ``seed.NotEmpty``.
    """
    with Progress(console=err, transient=True) as shown:
        bar = shown.add_task("Creating demo data", total=None)
        await seed.run(
            services,
            scale=scale,
            progress=lambda done, total: shown.update(bar, completed=done, total=total),
            keep=partial(credentials.keep, settings),
        )
