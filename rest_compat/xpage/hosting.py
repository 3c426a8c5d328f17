"""The hosting that a call is about: the one store of its installation."""

from resolvers.context import Context


def store_id(ctx: Context) -> int:
    """The key of the installation's store."""
    return next(iter(ctx.require().store_ids or ()))
