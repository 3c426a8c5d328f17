"""What buyers say about products, and the figures that products keep of it."""

from collections.abc import Sequence

from app.seed import people
from app.seed.catalogue import Ware
from app.seed.sowing import Sowing
from db.models import Customer, Review, ReviewStatus

WORDS = {
    5: (
        ("Exactly what I hoped for", "Better than the pictures. I have used it every day since."),
        ("Love it", "Feels solid, looks lovely, and it came two days early."),
        ("Worth every penny", "I hesitated because of the price. I should not have."),
        ("Second one I bought", "The first was a gift, this one I am keeping for myself."),
        ("Perfect", "No complaints at all. Carefully packed, too."),
    ),
    4: (
        ("Very good", "Lovely quality. The colour is slightly warmer than on my screen."),
        ("Happy with it", "Does what it should. One star off for the slow delivery."),
        ("Nearly perfect", "A little bigger than I thought, so do check the measurements."),
        ("Good value", "Not fancy, but well made for what it costs."),
    ),
    3: (
        ("It is fine", "Does the job. I expected a bit more at this price."),
        ("Mixed feelings", "Nice to look at, but the finish could be better."),
    ),
    2: (
        ("Not for me", "The material feels thinner than the description suggests."),
        ("Disappointed", "Came with a scratch. Support was kind, the replacement took weeks."),
    ),
    1: (("Broke within a month", "And the store took its time to answer. Refunded in the end."),),
}
STATUSES = (ReviewStatus.PUBLISHED, ReviewStatus.PENDING, ReviewStatus.REJECTED)


def reviews(sowing: Sowing, ware: Ware, customers: Sequence[Customer], *, most: int) -> None:
    """Up to ``most`` reviews of a product; some have none, and products differ in quality."""
    loved = sowing.rng.choice((2, 4, 8))
    for _ in range(sowing.rng.randint(0, most)):
        rating = sowing.rng.choices((5, 4, 3, 2, 1), (loved * 2, loved, 2, 1, 1))[0]
        title, body = sowing.pick(WORDS[rating])
        status = sowing.rng.choices(STATUSES, (90, 7, 3))[0]
        known = sowing.chance(0.8)
        customer = sowing.pick(customers)
        since = max(ware.product.created_at, customer.created_at)
        review = Review(
            organization_id=ware.product.organization_id,
            store_id=ware.product.store_id,
            product_id=ware.product.id,
            customer_id=customer.id if known else None,
            author=people.author(customer) if known else sowing.pick(people.FIRST),
            email=customer.email if known else None,
            rating=rating,
            title=title if sowing.chance(0.85) else None,
            body=body,
            status=status,
            created_at=sowing.between(since, sowing.now),
        )
        sowing.rows.add(review)
        if status is ReviewStatus.PUBLISHED:
            ware.product.review_count += 1
            ware.product.rating_sum += rating
    count, total = ware.product.review_count, ware.product.rating_sum
    ware.product.rating_average = (total * 2000 + count) // (count * 2) if count else 0
