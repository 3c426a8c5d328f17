"""Settings: what the gateway is told from outside, and what each is where nothing is said.

``app.environment`` reads them. Nothing here asks for more than the standard library: serving
processes are handed what was read.
"""

import dataclasses
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import orjson

T = TypeVar("T")


def setting(*, default: T, description: str, **bounds: float) -> T:
    """A field. Its ``bounds`` (``ge``, ``gt``, ``le``) are for who reads it to check."""
    metadata = {"description": description, **bounds}
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting has a default that starts the gateway with nothing else installed."""

    host: str = setting(default="127.0.0.1", description="Address to listen on.")
    port: int = setting(
        default=8000, description="Port to listen on; 0 picks a free one.", ge=0, le=65535
    )
    workers: int = setting(default=1, description="Serving processes on that port.", ge=1, le=64)
    public_url: str | None = setting(
        default=None, description="Address that clients use, if not http://HOST:PORT."
    )
    store_domain: str = setting(
        default="localhost",
        description="Domain below which stores without one of their own are found.",
    )
    data_dir: Path = setting(default=Path("var"), description="Folder of the embedded defaults.")
    database_url: str | None = setting(
        default=None,
        description="postgresql+asyncpg://… or sqlite+aiosqlite:///…; a file by default.",
    )
    database_pool: int = setting(default=10, description="Connections per process.", ge=1, le=200)
    redis_url: str | None = setting(
        default=None, description="redis://…; without it events and limits stay in the process."
    )
    secret_keys: str | None = setting(
        default=None,
        description="Encryption keys (Fernet), comma-separated, newest first; kept in the data "
        "folder by default.",
    )
    admin_token: str | None = setting(
        default=None,
        description="Bearer token of the operators' routes; without it they are closed.",
    )
    jobs: Literal["embedded", "external"] = setting(
        default="embedded", description="Run jobs in the serving process, or leave them to `work`."
    )
    executor_id: str | None = setting(
        default=None,
        description="Name of this job runner, stable over restarts; the host's by default.",
    )
    demo: bool | None = setting(
        default=None,
        description="Create demo data in an empty database; by default only in the file.",
    )
    introspection: bool | None = setting(
        default=None,
        description="GraphQL introspection and suggestions; by default in the demo only.",
    )
    graphiql: bool = setting(default=True, description="Serve GraphiQL to browsers at /graphql.")
    compiled_queries: bool = setting(
        default=True,
        description="Execute queries by compiled plans; else all on the reference executor.",
    )
    explain_executions: bool = setting(
        default=False,
        description="Say in `extensions.execution` how each query was executed, and why so.",
    )
    max_cost: int = setting(
        default=20_000, description="Most that a GraphQL operation may cost.", ge=1
    )
    max_depth: int = setting(default=15, description="Most levels of a GraphQL operation.", ge=1)
    persisted_queries: bool = setting(
        default=True,
        description="Remember documents that clients send with their hash (automatic persisted "
        "queries).",
    )
    trusted_documents: str = setting(
        default="", description="Manifests of trusted documents, JSON files, comma-separated."
    )
    trusted_documents_only: bool = setting(
        default=False, description="Execute the documents of the manifests and no others."
    )
    dialect_hosts: str = setting(
        default="", description="Host names of dialects: old.example.com=instamarket,…"
    )
    trusted_proxies: str = setting(
        default="",
        description="Networks (CIDR) whose X-Forwarded-For is believed, comma-separated.",
    )
    allowed_origins: str = setting(
        default="",
        description="Origins of browsers that may call from other sites, comma-separated.",
    )
    google_client_id: str | None = setting(
        default=None, description="Client id at Google, for its sign-in; none is offered without."
    )
    google_client_secret: str | None = setting(
        default=None, description="Secret of that client; both are needed."
    )
    google_issuer: str = setting(
        default="https://accounts.google.com",
        description="Base address of the OpenID provider that stands for Google.",
    )
    webhook_private_addresses: bool = setting(
        default=False, description="Allow webhooks to private and loopback addresses."
    )
    picture_private_addresses: bool = setting(
        default=False,
        description="Fetch pictures for generations from private and loopback addresses, too.",
    )
    writer_url: str | None = setting(
        default=None,
        description="Base address of an OpenAI-compatible API that writes copy "
        "(https://api.openai.com/v1); without it an embedded writer that follows fixed rules.",
    )
    writer_key: str | None = setting(default=None, description="Key of that API.")
    writer_model: str | None = setting(
        default=None, description="Its model, which must read pictures and write JSON by a schema."
    )
    writer_timeout: float = setting(
        default=60, description="Seconds for one of its answers, of up to three tries.", gt=0
    )
    writer_input_price: Decimal | None = setting(
        default=None, description="USD for a million tokens that it reads; only for records.", ge=0
    )
    writer_output_price: Decimal | None = setting(
        default=None, description="USD for a million tokens that it writes.", ge=0
    )
    files_url: str | None = setting(
        default=None,
        description="Where files are kept: s3://bucket/prefix; the data folder by default.",
    )
    files_endpoint: str | None = setting(
        default=None,
        description="Address of a server that speaks S3; the bucket is part of its paths.",
    )
    files_region: str | None = setting(default=None, description="Region of the bucket.")
    files_key_id: str | None = setting(
        default=None, description="Id of the bucket's access key; AWS' own ways without it."
    )
    files_secret: str | None = setting(default=None, description="Secret of that access key.")
    files_largest: int = setting(
        default=100 << 20,
        description="Bytes of the largest file that may be uploaded; pictures have 5 MB at most.",
        ge=1,
    )
    files_link_lifetime: int = setting(
        default=3600,
        description="Seconds for which an address of a file is good that is not its permanent one.",
        ge=60,
    )
    stripe_key: str | None = setting(
        default=None,
        description="Secret key of Stripe; without it checkouts are a demo and no money moves.",
    )
    stripe_webhook_secret: str | None = setting(
        default=None,
        description="Signing secrets of the webhook endpoints at Stripe, comma-separated.",
    )
    stripe_url: str = setting(
        default="https://api.stripe.com", description="Address of Stripe's API."
    )
    checkout_lifetime: int = setting(
        default=3600,
        description="Seconds for which goods are kept for somebody who is about to pay by card.",
        ge=2100,
        le=86000,
    )
    chain: Literal["simulated"] = setting(
        default="simulated", description="Where deposits are seen."
    )
    wallets: str = setting(default="", description="Receiving addresses: usdt_trc_20=T…,…")
    fulfillment_timeout: int = setting(
        default=600,
        description="Seconds after which an open wholesale order fails and is refunded.",
        ge=1,
    )
    sweep_interval: float = setting(
        default=30, description="Seconds between sweeps of open orders.", gt=0
    )
    deposit_interval: float = setting(
        default=5, description="Seconds between scans for deposits.", gt=0
    )
    shutdown_timeout: float = setting(
        default=20, description="Seconds to finish requests in flight.", gt=0
    )
    log_format: Literal["console", "json"] = setting(
        default="console", description="Form of log lines."
    )
    log_level: str = setting(default="INFO", description="Least level that is logged.")

    @cached_property
    def database(self) -> str:
        return self.database_url or f"sqlite+aiosqlite:///{self.data_dir.resolve()}/storegraph.db"

    @property
    def is_embedded(self) -> bool:
        return self.database.startswith("sqlite")

    @property
    def database_file(self) -> Path | None:
        """The file of an embedded database that has one."""
        name = self.database.partition(":///")[2].partition("?")[0]
        return Path(name) if self.is_embedded and name else None

    @property
    def credentials_file(self) -> Path:
        """What tells clients of the demo how to get in."""
        return self.data_dir / "demo-credentials.json"

    @property
    def with_demo(self) -> bool:
        return self.is_embedded and self.database_url is None if self.demo is None else self.demo

    @property
    def with_introspection(self) -> bool:
        return self.with_demo if self.introspection is None else self.introspection

    @property
    def base_url(self) -> str:
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    def dumps(self) -> str:
        """All of them as JSON, for another process. Secrets are in it."""
        return orjson.dumps(dataclasses.asdict(self), default=str).decode()

    @classmethod
    def loads(cls, text: str) -> "Settings":
        """Those that ``dumps`` wrote."""
        values: dict[str, Any] = orjson.loads(text)
        for field in dataclasses.fields(cls):
            for kind in (field.type, *get_args(field.type)):
                if kind in {Path, Decimal} and values[field.name] is not None:
                    values[field.name] = kind(values[field.name])
        return cls(**values)


def listed(text: str) -> list[str]:
    """The non-empty parts of a comma-separated setting."""
    return [part.strip() for part in text.split(",") if part.strip()]


def mapped(text: str) -> dict[str, str]:
    """The ``name=value`` parts of a comma-separated setting. Raises ``ValueError``."""
    return {
        name.strip(): value.strip() for name, value in (part.split("=", 1) for part in listed(text))
    }
