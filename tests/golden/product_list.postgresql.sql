-- 5 statements

-- Query.products
SELECT product.id, product.id AS id__1, product.title, product.slug, product.rating_average, product.review_count, product.price_min, product.currency, product.brand_id
FROM product
WHERE product.organization_id = $1::BIGINT AND product.deleted_at IS NULL AND product.id > $2::BIGINT ORDER BY product.id ASC
 LIMIT $3::INTEGER

-- Product.brand
SELECT brand.id, brand.name
FROM brand
WHERE brand.organization_id = $1::BIGINT AND brand.deleted_at IS NULL AND brand.id = ANY ($2::BIGINT[])

-- Product.brand, of a single parent
SELECT brand.id, brand.name
FROM brand
WHERE brand.organization_id = $1::BIGINT AND brand.deleted_at IS NULL AND brand.id = $2::BIGINT

-- Product.variants
SELECT variant.product_id, variant.id, variant.title, variant.sku, variant.stock, variant.price, variant.currency
FROM variant
WHERE variant.organization_id = $1::BIGINT AND variant.deleted_at IS NULL AND variant.product_id = ANY ($2::BIGINT[]) ORDER BY variant.product_id, variant.position, variant.id

-- Product.variants, of a single parent
SELECT variant.product_id, variant.id, variant.title, variant.sku, variant.stock, variant.price, variant.currency
FROM variant
WHERE variant.organization_id = $1::BIGINT AND variant.deleted_at IS NULL AND variant.product_id = $2::BIGINT ORDER BY variant.product_id, variant.position, variant.id

-- Variant.offers
SELECT child.c0, child.c1, child.c2, child.c3
FROM unnest($1::BIGINT[]) AS anon_1(key) JOIN LATERAL (SELECT offer.variant_id AS c0, offer.merchant AS c1, offer.price AS c2, offer.currency AS c3
FROM offer
WHERE offer.organization_id = $2::BIGINT AND offer.deleted_at IS NULL AND offer.variant_id = anon_1.key ORDER BY offer.price ASC, offer.id ASC
 LIMIT $3::INTEGER) AS child ON true

-- Variant.offers, of a single parent
SELECT offer.variant_id, offer.merchant, offer.price, offer.currency
FROM offer
WHERE offer.organization_id = $1::BIGINT AND offer.deleted_at IS NULL AND offer.variant_id = $2::BIGINT ORDER BY offer.price ASC, offer.id ASC
 LIMIT $3::INTEGER

-- Product.reviews
SELECT child.c0, child.c1, child.c2, child.c3, child.c4, child.c5
FROM unnest($1::BIGINT[]) AS anon_1(key) JOIN LATERAL (SELECT review.product_id AS c0, review.author AS c1, review.rating AS c2, review.title AS c3, review.body AS c4, review.created_at AS c5
FROM review
WHERE review.organization_id = $2::BIGINT AND review.deleted_at IS NULL AND review.product_id = anon_1.key ORDER BY review.created_at DESC, review.id DESC
 LIMIT $3::INTEGER) AS child ON true

-- Product.reviews, of a single parent
SELECT review.product_id, review.author, review.rating, review.title, review.body, review.created_at
FROM review
WHERE review.organization_id = $1::BIGINT AND review.deleted_at IS NULL AND review.product_id = $2::BIGINT ORDER BY review.created_at DESC, review.id DESC
 LIMIT $3::INTEGER
