"""Those who call instxnt from programs: with a token, which accounts of the plan Pro may have."""

from dataclasses import dataclass

from db import models
from tests.kit import Key, Make


@dataclass(frozen=True)
class Seller(Key):
    """A token of an account."""

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.clear}"}


async def seller(make: Make, of: str = "Acme") -> Seller:
    """A new token of an organization, which is of the plan Pro from now on."""
    owner = await make.organization(of)
    async with make.services.database.write() as tx:
        (await tx.get_one(models.Organization, owner.id)).plan = models.Plan.PRO
    key = await make.key(of)
    return Seller(key.row, key.clear)
