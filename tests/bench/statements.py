"""The SQL of the hand-written handlers. ``$1`` is the organization, but in ``KEY``."""

KEY = """
    SELECT key.organization_id
    FROM api_key AS key JOIN organization ON organization.id = key.organization_id
    WHERE key.key_hash = $1 AND key.revoked_at IS NULL
      AND (key.expires_at IS NULL OR key.expires_at > CURRENT_TIMESTAMP)
      AND organization.deleted_at IS NULL"""
PRODUCT = """
    SELECT title, description, rating_average, review_count, stock, price_min, price_max, currency
    FROM product WHERE id = $2 AND organization_id = $1 AND deleted_at IS NULL"""
CATALOGUE = """
    SELECT id, title, slug, rating_average, review_count, price_min, currency, brand_id
    FROM product WHERE id > $2 AND organization_id = $1 AND deleted_at IS NULL
    ORDER BY id LIMIT 51"""
BRANDS = """
    SELECT id, name FROM brand
    WHERE id = ANY($2) AND organization_id = $1 AND deleted_at IS NULL"""
VARIANTS = """
    SELECT product_id, id, title, sku, stock, price, currency FROM variant
    WHERE product_id = ANY($2) AND organization_id = $1 AND deleted_at IS NULL
    ORDER BY product_id, position, id"""
OFFERS = """
    SELECT asked.id, best.merchant, best.price, best.currency
    FROM unnest($2::bigint[]) AS asked (id) CROSS JOIN LATERAL (
      SELECT id, merchant, price, currency FROM offer
      WHERE variant_id = asked.id AND organization_id = $1 AND deleted_at IS NULL
      ORDER BY price, id LIMIT 3
    ) AS best
    ORDER BY best.price, best.id"""
REVIEWS = """
    SELECT asked.id, latest.author, latest.rating, latest.title, latest.body, latest.created_at
    FROM unnest($2::bigint[]) AS asked (id) CROSS JOIN LATERAL (
      SELECT id, author, rating, title, body, created_at FROM review
      WHERE product_id = asked.id AND organization_id = $1 AND deleted_at IS NULL
      ORDER BY created_at DESC, id DESC LIMIT 3
    ) AS latest
    ORDER BY latest.created_at DESC, latest.id DESC"""
PRODUCTS = """
    SELECT id, title FROM product WHERE organization_id = $1 AND deleted_at IS NULL
    ORDER BY id LIMIT 250"""
ORDERS = """
    SELECT id, ref, created_at, payment_status, fulfillment_status, total, currency, customer_id
    FROM orders WHERE organization_id = $1 ORDER BY created_at DESC, id DESC LIMIT 50"""
CUSTOMERS = """
    SELECT id, first_name, last_name, email FROM customer
    WHERE id = ANY($2) AND organization_id = $1 AND deleted_at IS NULL"""
LINES = """
    SELECT order_id, id, title, quantity, total, currency, variant_id, product_id
    FROM order_line WHERE order_id = ANY($2) AND organization_id = $1 ORDER BY order_id, id"""
VARIANTS_BY_ID = """
    SELECT id, title, sku FROM variant
    WHERE id = ANY($2) AND organization_id = $1 AND deleted_at IS NULL"""
PRODUCTS_BY_ID = """
    SELECT id, title FROM product
    WHERE id = ANY($2) AND organization_id = $1 AND deleted_at IS NULL"""

# What SQLite, which knows no LATERAL, runs instead.
ON_SQLITE = {
    OFFERS: """
        SELECT asked.value, offer.merchant, offer.price, offer.currency
        FROM json_each($2) AS asked JOIN offer ON offer.id IN (
          SELECT id FROM offer
          WHERE variant_id = asked.value AND organization_id = $1 AND deleted_at IS NULL
          ORDER BY price, id LIMIT 3)
        ORDER BY offer.price, offer.id""",
    REVIEWS: """
        SELECT asked.value, review.author, review.rating, review.title, review.body,
          review.created_at
        FROM json_each($2) AS asked JOIN review ON review.id IN (
          SELECT id FROM review
          WHERE product_id = asked.value AND organization_id = $1 AND deleted_at IS NULL
          ORDER BY created_at DESC, id DESC LIMIT 3)
        ORDER BY review.created_at DESC, review.id DESC""",
}
