"""The GraphQL face of the store."""

from collections.abc import Callable
from functools import cache, partial

import strawberry
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig

from schema.api_keys import ApiKeyMutation, ApiKeyQuery
from schema.apps import AppMutation, AppQuery
from schema.audit import AuditQuery
from schema.balances import BalanceMutation, BalanceQuery
from schema.brands import BrandMutation, BrandQuery
from schema.categories import CategoryMutation, CategoryQuery
from schema.checkouts import CheckoutMutation, CheckoutQuery
from schema.customers import CustomerMutation, CustomerQuery
from schema.deliveries import DeliveryMutation, DeliveryQuery
from schema.documents import Checked, Documents
from schema.domains import DomainMutation, DomainQuery
from schema.errors import ErrorCodes
from schema.files import FileMutation, FileQuery
from schema.generations import GenerationMutation
from schema.jobs import JobMutation, JobQuery
from schema.landing_pages import LandingPageMutation, LandingPageQuery
from schema.limits import Limits
from schema.nodes import NodeQuery
from schema.offers import OfferMutation, OfferQuery
from schema.orders import OrderMutation, OrderQuery
from schema.organizations import OrganizationQuery
from schema.payment_providers import PaymentProviderMutation, PaymentProviderQuery
from schema.products import ProductMutation, ProductQuery
from schema.reviews import ReviewMutation, ReviewQuery
from schema.scalars import SCALARS
from schema.sessions import SessionMutation, SessionQuery
from schema.shipping_carriers import ShippingCarrierQuery
from schema.stores import StoreMutation, StoreQuery
from schema.subscriptions import Subscription
from schema.users import UserQuery
from schema.variants import VariantMutation, VariantQuery
from schema.visits import VisitMutation
from schema.webhooks import WebhookMutation, WebhookQuery


@strawberry.type(description="What can be asked.")
class Query(
    NodeQuery,
    OrganizationQuery,
    UserQuery,
    SessionQuery,
    StoreQuery,
    ProductQuery,
    VariantQuery,
    OfferQuery,
    BrandQuery,
    CategoryQuery,
    CustomerQuery,
    ReviewQuery,
    LandingPageQuery,
    DomainQuery,
    FileQuery,
    OrderQuery,
    CheckoutQuery,
    DeliveryQuery,
    ShippingCarrierQuery,
    PaymentProviderQuery,
    BalanceQuery,
    JobQuery,
    WebhookQuery,
    ApiKeyQuery,
    AppQuery,
    AuditQuery,
): ...


@strawberry.type(description="What can be done.")
class Mutation(
    SessionMutation,
    StoreMutation,
    VisitMutation,
    ProductMutation,
    VariantMutation,
    OfferMutation,
    BrandMutation,
    CategoryMutation,
    CustomerMutation,
    ReviewMutation,
    LandingPageMutation,
    DomainMutation,
    FileMutation,
    OrderMutation,
    CheckoutMutation,
    DeliveryMutation,
    PaymentProviderMutation,
    BalanceMutation,
    JobMutation,
    GenerationMutation,
    WebhookMutation,
    ApiKeyMutation,
    AppMutation,
): ...


class Schema(strawberry.Schema):
    """Strawberry's, but ``ErrorCodes`` says what is logged.

    ``documents`` are those that it was asked.
    """

    documents: Documents

    def process_errors(self, errors: object, execution_context: object = None) -> None: ...


@cache
def make_schema(*, introspection: bool = True, limits: Limits | None = None) -> Schema:
    """The schema; without ``introspection`` it tells nobody what it holds."""
    documents = Documents(limits or Limits(), introspection=introspection)
    schema = Schema(
        Query,
        Mutation,
        Subscription,
        config=StrawberryConfig(scalar_map=SCALARS),
        extensions=guards(documents, suggestions=introspection),
    )
    schema.documents = documents
    return schema


def guards(documents: Documents, *, suggestions: bool) -> list[Callable[[], SchemaExtension]]:
    """What stands around every operation of a schema."""
    return [partial(ErrorCodes, suggestions=suggestions), partial(Checked, documents)]
