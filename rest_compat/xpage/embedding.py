"""What an answer holds besides its resource: whoever may see an order sees its products in it."""

from dataclasses import replace

from resolvers.context import Context


def embedding(ctx: Context) -> Context:
    """The same caller, limited to the same store, who may look at all that is embedded.

    Only for reading: what an app may do is decided by its own permissions.
    """
    viewer = replace(ctx.require(), permissions=frozenset({"*"}))
    return Context(ctx.services, viewer, ctx.request_id, ctx.remote)
