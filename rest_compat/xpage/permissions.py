"""Permissions: the catalogue of what an app can be granted."""

from typing import Any

from resolvers.context import Context

# In the documented order; an app's permissions are ``subject:action``.
PERMISSIONS: dict[str, list[str]] = {
    "product": ["view", "create", "update", "delete"],
    "order": ["view", "create", "update", "delete", "export"],
    "customer": ["view", "create", "update", "delete"],
    "review": ["view", "create", "update", "delete"],
    "landing_page": ["view", "create", "update", "delete", "publish"],
    "shipping": ["view", "create", "update", "delete"],
    "setting": ["view", "update"],
    "payment_method": ["view", "update"],
    "analytic": ["view"],
    "domain": ["view", "create", "update", "delete"],
    "bundle": ["view", "create", "update", "delete"],
    "policy": ["view", "create", "update", "delete"],
    "plan": ["switch"],
    "invoice": ["view", "pay"],
    "file": ["browse", "upload", "delete"],
    "app": ["install", "uninstall", "boot"],
}


async def list_permissions(_: Context) -> dict[str, Any]:
    return {"permissions": PERMISSIONS}
