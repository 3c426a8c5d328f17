"""The ledger of the demo: transfers in the order of time, as ``resolvers.ledger`` writes them."""

from dataclasses import dataclass, field
from datetime import datetime

from app.seed.rows import Rows
from db.models import Account, AccountRole, LedgerEntry, Transfer, TransferKind
from resolvers.ledger import Owner


@dataclass(slots=True)
class Books:
    """Call ``move`` with ascending times: each entry tells the balance after it."""

    rows: Rows
    _accounts: dict[tuple[int, AccountRole, str, str], Account] = field(
        default_factory=dict[tuple[int, AccountRole, str, str], Account]
    )

    def account(
        self,
        owner: Owner,
        unit: str,
        at: datetime,
        role: AccountRole = AccountRole.BALANCE,
    ) -> Account:
        """The owner's account of this role and unit, opened at its first use."""
        is_balance = role is AccountRole.BALANCE
        name = owner.name if is_balance else "-"
        found = self._accounts.get((owner.organization_id, role, name, unit))
        if found is None:
            found = self.rows.add(
                Account(
                    organization_id=owner.organization_id,
                    role=role,
                    owner=name,
                    unit=unit,
                    api_key_id=owner.api_key_id if is_balance else None,
                    created_at=at,
                )
            )
            self._accounts[owner.organization_id, role, name, unit] = found
        return found

    def move(
        self,
        kind: TransferKind,
        reference: str,
        *,
        debit: Account,
        credit: Account,
        amount: int,
        at: datetime,
        order_id: int | None = None,
        reverses_id: int | None = None,
        memo: str | None = None,
    ) -> Transfer:
        """Move micro-units. Raises ``ValueError`` where a balance would become negative."""
        if debit.role is AccountRole.BALANCE and debit.balance < amount:
            raise ValueError(f"{reference}: {debit.owner} has {debit.balance}, needs {amount}")
        moved = self.rows.add(
            Transfer(
                organization_id=debit.organization_id,
                kind=kind,
                reference=reference,
                debit_account_id=debit.id,
                credit_account_id=credit.id,
                amount=amount,
                unit=debit.unit,
                order_id=order_id,
                reverses_id=reverses_id,
                memo=memo,
                created_at=at,
            )
        )
        for side, signed in ((debit, -amount), (credit, amount)):
            side.balance += signed
            side.updated_at = at
            self.rows.add(
                LedgerEntry(
                    organization_id=side.organization_id,
                    account_id=side.id,
                    transfer_id=moved.id,
                    kind=kind,
                    amount=signed,
                    balance_after=side.balance,
                    unit=side.unit,
                    created_at=at,
                )
            )
        return moved
