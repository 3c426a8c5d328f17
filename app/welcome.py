"""What a gateway says on stdout once it serves."""

import sys

from app import credentials
from app.settings import Settings

_GREEN, _DIM, _PLAIN = "\x1b[1;32m", "\x1b[2m", "\x1b[0m"


def welcome(settings: Settings, address: str) -> None:
    """Print where everything is, and write down the demo's addresses as it is really served."""
    styled = sys.stdout.isatty()
    if settings.with_demo:
        credentials.refresh(settings, base_url=address)
    lines = [("GraphQL", f"{address}/graphql")]
    if settings.graphiql:
        hint = "the same address in a browser is GraphiQL"
        lines.append(("", f"{_DIM}{hint}{_PLAIN}" if styled else hint))
    lines += [
        ("InstaMarket", f"{address}/instamarket/api/v1"),
        ("xPage", f"{address}/xpage/api/apps/v1"),
        ("instxnt", f"{address}/instxnt"),
        ("Log in, sign up", f"{address}/login, {address}/signup"),
        ("Health, metrics", f"{address}/health/ready, {address}/metrics"),
    ]
    if settings.with_demo and settings.credentials_file.exists():
        lines.append(("Demo credentials", str(settings.credentials_file)))
    head = "storegraph is serving"
    width = max(len(name) for name, _ in lines)
    body = (f"{name:{width}}  {what}" for name, what in lines)
    text = "\n".join([f"{_GREEN}{head}{_PLAIN}" if styled else head, *body, ""])
    sys.stdout.write(text)
    sys.stdout.flush()
