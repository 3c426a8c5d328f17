"""The simulated chain of the embedded default: deposits are made by a command, no money moves."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select

from db import models
from db.engine import Database
from resolvers.services import ChainDeposit

NETWORKS = (
    "usdt_trc_20",
    "usdt_bep_20",
    "usdt_polygon",
    "usdt_arbitrum",
    "usdt_ton",
    "usdt_solana",
)


class SimulatedChain:
    """Six networks kept in a table. Wallets that are not configured get addresses that say SIM."""

    def __init__(self, database: Database, wallets: Mapping[str, str]) -> None:
        self._database = database
        self._wallets = wallets

    def wallet(self, network: str) -> str | None:
        if network not in NETWORKS:
            return None
        return self._wallets.get(network) or _simulated_address(network)

    async def deposits(self, since: datetime) -> Sequence[ChainDeposit]:
        found = select(models.ChainTransfer).where(models.ChainTransfer.created_at >= since)
        async with self._database.write() as session:
            rows = (await session.scalars(found.order_by(models.ChainTransfer.id))).all()
        return [
            ChainDeposit(row.network, row.transaction_hash, row.address, row.amount, row.created_at)
            for row in rows
        ]

    async def send(self, network: str, amount: int, *, address: str | None = None) -> str:
        """Record a transfer of ``amount`` micro-units to our wallet; returns its hash.

        Raises ``ValueError`` for a network that is none.
        """
        wallet = self.wallet(network)
        if wallet is None:
            raise ValueError(f"{network} is not one of {', '.join(NETWORKS)}")
        row = models.ChainTransfer(
            network=network,
            transaction_hash=secrets.token_hex(32),
            address=address or wallet,
            amount=amount,
        )
        async with self._database.write() as session:
            session.add(row)
        return row.transaction_hash


def _simulated_address(network: str) -> str:
    return f"SIM{hashlib.sha256(network.encode()).hexdigest()[:31]}"
