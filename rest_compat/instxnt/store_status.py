"""What the dialect calls the status of a store."""

from collections.abc import Mapping

from db.models import StoreStatus

DRAFT, LIVE = "draft", "live"
SHOWN: Mapping[StoreStatus, str] = {
    StoreStatus.DRAFT: DRAFT,
    StoreStatus.LIVE: LIVE,
    # Its subdomain serves no storefront, and that is what live means.
    StoreStatus.SUSPENDED: DRAFT,
}
