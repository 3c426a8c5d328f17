"""Who is asking, and which rows exist for them."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Select, false, select

from db import models
from db.base import Base
from resolvers.errors import Forbidden

RESOURCES = {
    "organization": ("view", "update"),
    "store": ("view", "create", "update", "delete"),
    "product": ("view", "create", "update", "delete"),
    "order": ("view", "create", "update", "delete", "export", "refund"),
    "customer": ("view", "create", "update", "delete"),
    "review": ("view", "create", "update", "delete"),
    "landing_page": ("view", "create", "update", "delete", "publish"),
    "shipping": ("view", "create", "update", "delete"),
    "payment_method": ("view", "create", "update", "delete"),
    "domain": ("view", "create", "update", "delete"),
    "bundle": ("view", "create", "update", "delete"),
    "policy": ("view", "create", "update", "delete"),
    "analytic": ("view", "create"),
    "plan": ("switch",),
    "invoice": ("view", "pay"),
    "app": ("view", "create", "update", "delete", "install", "uninstall", "boot"),
    "balance": ("view", "adjust"),
    "topup": ("view", "create"),
    "job": ("view", "update"),
    "file": ("browse", "upload", "delete"),
    "webhook": ("view", "create", "update", "delete"),
    "api_key": ("view", "create", "update", "delete"),
    "setting": ("view", "update"),
    "audit": ("view",),
    "stock": ("view", "create"),
}
PERMISSIONS = frozenset(f"{name}:{verb}" for name, verbs in RESOURCES.items() for verb in verbs)
WHOLESALE = frozenset(
    {
        "store:view", "product:view", "order:view", "order:create", "balance:view",
        "topup:view", "topup:create", "job:view",
    }
)  # fmt: skip


class Binds(Protocol):
    """Makes the parameters of a statement, which get their values when it runs."""

    def value(self, name: str, kind: Any) -> Any:
        """One value; ``kind`` is ``int``, ``str`` or an SQLAlchemy type."""
        ...

    def values(self, name: str, kind: Any) -> Any:
        """Any number of values, for ``column.in_(...)``."""
        ...

    def within(self, column: Any, name: str) -> Any:
        """The condition that a column is one of the values."""
        ...


@dataclass(frozen=True, slots=True)
class Viewer:
    """What authentication makes of any credential; resolvers see only this.

    ``store_ids`` limits the viewer to some stores of the organization (None: all of them).
    ``own_only`` limits orders, balances and top-ups to those of ``api_key_id``.
    ``credential`` names the credential in the audit log: ``key:7``, ``session:5``,
    ``installation:3``, ``system``.
    ``expires_at`` is when the credential ends: what lives longer than a request must mind it.
    """

    organization_id: int
    permissions: frozenset[str]
    credential: str
    store_ids: frozenset[int] | None = None
    user_id: int | None = None
    api_key_id: int | None = None
    installation_id: int | None = None
    own_only: bool = False
    plan: str = field(default="free", compare=False)
    expires_at: datetime | None = field(default=None, compare=False)
    app_token_id: int | None = field(default=None, compare=False)
    """The token with which an app asks on behalf of ``installation_id``."""
    session_id: int | None = field(default=None, compare=False)
    """The session of the person ``user_id``."""
    all_stores_live: bool = field(default=False, compare=False)
    """No store of the organization was deleted when the credential was looked up."""
    hides_stores: bool = field(default=True, compare=False)
    """Rows of deleted stores are kept out by each statement."""

    def may(self, permission: str) -> bool:
        resource = permission.partition(":")[0]
        return not self.permissions.isdisjoint({permission, f"{resource}:*", "*"})

    @property
    def scope(self) -> "Viewer":
        """What decides which rows and fields are seen, for as long as somebody looks.

        It is equal for all who see the same, whoever they are.
        """
        return replace(
            self,
            credential="shared",
            user_id=None,
            api_key_id=self.api_key_id if self.own_only else None,
            installation_id=None,
            expires_at=None,
            app_token_id=None,
            session_id=None,
            all_stores_live=False,
        )

    @property
    def shape(self) -> tuple[bool, bool, bool]:
        """What of the viewer changes the text of a statement; all else is in ``values``."""
        return self.store_ids is not None, self.own_only, self.hides_stores

    @property
    def values(self) -> dict[str, Any]:
        """What the parameters of statements come to that ``bound`` makes, by their names."""
        values: dict[str, Any] = {
            "viewer_organization": self.organization_id,
            "viewer_key": self.api_key_id,
            "viewer_user": self.user_id,
        }
        if self.store_ids is not None:
            values["viewer_stores"] = tuple(self.store_ids)
        return values

    def bound(self, binds: Binds) -> "Viewer":
        """Anybody of this shape: ``visible`` makes statements of it that serve all of them."""
        organization: Any = binds.value("viewer_organization", int)
        stores: Any = None if self.store_ids is None else binds.values("viewer_stores", int)
        key: Any = binds.value("viewer_key", int)
        user: Any = binds.value("viewer_user", int)
        return Viewer(
            organization_id=organization,
            permissions=frozenset(),
            credential="",
            store_ids=stores,
            user_id=user,
            api_key_id=key,
            own_only=self.own_only,
            hides_stores=self.hides_stores,
        )

    def require(self, permission: str) -> None:
        if not self.may(permission):
            raise Forbidden(
                f"this needs the permission {permission}", details={"permission": permission}
            )


def system(organization_id: int) -> Viewer:
    """The gateway itself, at work for one organization (jobs, sweeps, commands)."""
    return Viewer(organization_id, frozenset({"*"}), "system")


def unknown_permissions(permissions: Iterable[str]) -> list[str]:
    """Those that name nothing; ``resource:*`` and ``*`` name something."""
    known = PERMISSIONS | {f"{resource}:*" for resource in RESOURCES} | {"*"}
    return sorted(set(permissions) - known)


def visible(viewer: Viewer, row: type[Base]) -> Select[Any]:
    """``SELECT`` of the rows that exist for the viewer. Every read starts from it."""
    return select(row).where(*_limits(viewer, row))


def _limits(viewer: Viewer, row: Any) -> list[ColumnElement[bool]]:
    columns = row.__mapper__.columns
    limits: list[ColumnElement[bool]] = []
    if row is models.ShippingCarrier:  # the platform's, the same for all
        return limits
    if row is models.Session:  # a person's, wherever they are logged in
        return [false() if viewer.user_id is None else models.Session.user_id == viewer.user_id]
    if row is models.Organization:
        limits.append(row.id == viewer.organization_id)
    elif row is models.User:
        members = select(models.Membership.user_id).where(
            models.Membership.organization_id == viewer.organization_id
        )
        limits.append(row.id.in_(members))
    elif "organization_id" in columns:
        limits.append(row.organization_id == viewer.organization_id)
    else:  # a row without an owner is nobody's business
        return [false()]
    if "deleted_at" in columns:
        limits.append(row.deleted_at.is_(None))
    limits += _store_limits(viewer, row, columns)
    if viewer.own_only:
        limits += _own_limits(viewer, row, columns)
    return limits


def _store_limits(viewer: Viewer, row: Any, columns: Any) -> list[Any]:
    if row is models.Store:
        return [] if viewer.store_ids is None else [row.id.in_(viewer.store_ids)]
    if columns["id"].table.name == "audit_entry" and viewer.store_ids is not None:
        return [false()]  # entries tell of the whole organization
    if "store_id" not in columns:
        return []
    if not viewer.hides_stores:
        return [] if viewer.store_ids is None else [row.store_id.in_(viewer.store_ids)]
    gone = select(models.Store.id).where(
        models.Store.organization_id == viewer.organization_id,
        models.Store.deleted_at.is_not(None),
    )
    hidden = row.store_id.not_in(gone)
    if viewer.store_ids is not None:
        return [row.store_id.in_(viewer.store_ids), hidden]
    return [hidden | row.store_id.is_(None) if columns["store_id"].nullable else hidden]


def _own_limits(viewer: Viewer, row: Any, columns: Any) -> list[ColumnElement[bool]]:
    if row is models.ApiKey:
        return [row.id == viewer.api_key_id]
    if "api_key_id" in columns:
        return [row.api_key_id == viewer.api_key_id]
    for name, parent in (
        ("order_id", models.Order),
        ("account_id", models.Account),
        ("order_line_id", models.OrderLine),
    ):
        if name in columns:
            own = visible(viewer, parent).with_only_columns(parent.id)
            return [columns[name].in_(own)]
    if row in (models.Customer, models.Event, models.AuditEntry, models.Transfer, models.User):
        return [false()]
    return []
