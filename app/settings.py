"""Settings: environment variables ``STOREGRAPH_*``, read once, frozen."""

from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Every setting has a default that starts the gateway with nothing else installed."""

    model_config = SettingsConfigDict(env_prefix="STOREGRAPH_", frozen=True, extra="ignore")

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(
        default=8000, ge=0, le=65535, description="Port to listen on; 0 picks a free one."
    )
    workers: int = Field(default=1, ge=1, le=64, description="Serving processes on that port.")
    public_url: str | None = Field(
        default=None, description="Address that clients use, if not http://HOST:PORT."
    )
    store_domain: str = Field(
        default="localhost",
        description="Domain below which stores without one of their own are found.",
    )
    data_dir: Path = Field(default=Path("var"), description="Folder of the embedded defaults.")
    database_url: str | None = Field(
        default=None,
        description="postgresql+asyncpg://… or sqlite+aiosqlite:///…; a file by default.",
    )
    database_pool: int = Field(default=10, ge=1, le=200, description="Connections per process.")
    redis_url: str | None = Field(
        default=None, description="redis://…; without it events and limits stay in the process."
    )
    secret_keys: str | None = Field(
        default=None,
        description="Encryption keys (Fernet), comma-separated, newest first; kept in the data "
        "folder by default.",
    )
    admin_token: str | None = Field(
        default=None,
        description="Bearer token of the operators' routes; without it they are closed.",
    )
    jobs: Literal["embedded", "external"] = Field(
        default="embedded", description="Run jobs in the serving process, or leave them to `work`."
    )
    executor_id: str | None = Field(
        default=None,
        description="Name of this job runner, stable over restarts; the host's by default.",
    )
    demo: bool | None = Field(
        default=None,
        description="Create demo data in an empty database; by default only in the file.",
    )
    introspection: bool | None = Field(
        default=None,
        description="GraphQL introspection and suggestions; by default in the demo only.",
    )
    graphiql: bool = Field(default=True, description="Serve GraphiQL to browsers at /graphql.")
    compiled_queries: bool = Field(
        default=True,
        description="Execute queries by compiled plans; else all on the reference executor.",
    )
    explain_executions: bool = Field(
        default=False,
        description="Say in `extensions.execution` how each query was executed, and why so.",
    )
    max_cost: int = Field(
        default=20_000, ge=1, description="Most that a GraphQL operation may cost."
    )
    max_depth: int = Field(default=15, ge=1, description="Most levels of a GraphQL operation.")
    persisted_queries: bool = Field(
        default=True,
        description="Remember documents that clients send with their hash (automatic persisted "
        "queries).",
    )
    trusted_documents: str = Field(
        default="", description="Manifests of trusted documents, JSON files, comma-separated."
    )
    trusted_documents_only: bool = Field(
        default=False, description="Execute the documents of the manifests and no others."
    )
    dialect_hosts: str = Field(
        default="", description="Host names of dialects: old.example.com=instamarket,…"
    )
    trusted_proxies: str = Field(
        default="",
        description="Networks (CIDR) whose X-Forwarded-For is believed, comma-separated.",
    )
    allowed_origins: str = Field(
        default="",
        description="Origins of browsers that may call from other sites, comma-separated.",
    )
    google_client_id: str | None = Field(
        default=None, description="Client id at Google, for its sign-in; none is offered without."
    )
    google_client_secret: str | None = Field(
        default=None, description="Secret of that client; both are needed."
    )
    google_issuer: str = Field(
        default="https://accounts.google.com",
        description="Base address of the OpenID provider that stands for Google.",
    )
    webhook_private_addresses: bool = Field(
        default=False, description="Allow webhooks to private and loopback addresses."
    )
    picture_private_addresses: bool = Field(
        default=False,
        description="Fetch pictures for generations from private and loopback addresses, too.",
    )
    writer_url: str | None = Field(
        default=None,
        description="Base address of an OpenAI-compatible API that writes copy "
        "(https://api.openai.com/v1); without it an embedded writer that follows fixed rules.",
    )
    writer_key: str | None = Field(default=None, description="Key of that API.")
    writer_model: str | None = Field(
        default=None, description="Its model, which must read pictures and write JSON by a schema."
    )
    writer_timeout: float = Field(
        default=60, gt=0, description="Seconds for one of its answers, of up to three tries."
    )
    writer_input_price: Decimal | None = Field(
        default=None, ge=0, description="USD for a million tokens that it reads; only for records."
    )
    writer_output_price: Decimal | None = Field(
        default=None, ge=0, description="USD for a million tokens that it writes."
    )
    files_url: str | None = Field(
        default=None,
        description="Where files are kept: s3://bucket/prefix; the data folder by default.",
    )
    files_endpoint: str | None = Field(
        default=None,
        description="Address of a server that speaks S3; the bucket is part of its paths.",
    )
    files_region: str | None = Field(default=None, description="Region of the bucket.")
    files_key_id: str | None = Field(
        default=None, description="Id of the bucket's access key; AWS' own ways without it."
    )
    files_secret: str | None = Field(default=None, description="Secret of that access key.")
    files_largest: int = Field(
        default=100 << 20,
        ge=1,
        description="Bytes of the largest file that may be uploaded; pictures have 5 MB at most.",
    )
    files_link_lifetime: int = Field(
        default=3600,
        ge=60,
        description="Seconds for which an address of a file is good that is not its permanent one.",
    )
    stripe_key: str | None = Field(
        default=None,
        description="Secret key of Stripe; without it checkouts are a demo and no money moves.",
    )
    stripe_webhook_secret: str | None = Field(
        default=None,
        description="Signing secrets of the webhook endpoints at Stripe, comma-separated.",
    )
    stripe_url: str = Field(
        default="https://api.stripe.com", description="Address of Stripe's API."
    )
    checkout_lifetime: int = Field(
        default=3600,
        ge=2100,
        le=86000,
        description="Seconds for which goods are kept for somebody who is about to pay by card.",
    )
    chain: Literal["simulated"] = Field(default="simulated", description="Where deposits are seen.")
    wallets: str = Field(default="", description="Receiving addresses: usdt_trc_20=T…,…")
    fulfillment_timeout: int = Field(
        default=600,
        ge=1,
        description="Seconds after which an open wholesale order fails and is refunded.",
    )
    sweep_interval: float = Field(
        default=30, gt=0, description="Seconds between sweeps of open orders."
    )
    deposit_interval: float = Field(
        default=5, gt=0, description="Seconds between scans for deposits."
    )
    shutdown_timeout: float = Field(
        default=20, gt=0, description="Seconds to finish requests in flight."
    )
    log_format: Literal["console", "json"] = Field(
        default="console", description="Form of log lines."
    )
    log_level: str = Field(default="INFO", description="Least level that is logged.")

    @cached_property
    def database(self) -> str:
        return self.database_url or f"sqlite+aiosqlite:///{self.data_dir.resolve()}/storegraph.db"

    @property
    def is_embedded(self) -> bool:
        return self.database.startswith("sqlite")

    @property
    def with_demo(self) -> bool:
        return self.is_embedded and self.database_url is None if self.demo is None else self.demo

    @property
    def with_introspection(self) -> bool:
        return self.with_demo if self.introspection is None else self.introspection

    @property
    def base_url(self) -> str:
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")


def listed(text: str) -> list[str]:
    """The non-empty parts of a comma-separated setting."""
    return [part.strip() for part in text.split(",") if part.strip()]


def mapped(text: str) -> dict[str, str]:
    """The ``name=value`` parts of a comma-separated setting. Raises ``ValueError``."""
    return {
        name.strip(): value.strip() for name, value in (part.split("=", 1) for part in listed(text))
    }
