-- 5 statements

-- Query.products
SELECT product.id, product.id AS id__1, product.title, product.slug, product.rating_average, product.review_count, product.price_min, product.currency, product.brand_id
FROM product
WHERE product.organization_id = ? AND product.deleted_at IS NULL AND product.id > ? ORDER BY product.id ASC
 LIMIT ? OFFSET ?

-- Product.brand
SELECT brand.id, brand.name
FROM brand
WHERE brand.organization_id = ? AND brand.deleted_at IS NULL AND brand.id IN (SELECT anon_1.value
FROM json_each(?) AS anon_1)

-- Product.brand, of a single parent
SELECT brand.id, brand.name
FROM brand
WHERE brand.organization_id = ? AND brand.deleted_at IS NULL AND brand.id = ?

-- Product.variants
SELECT variant.product_id, variant.id, variant.title, variant.sku, variant.stock, variant.price, variant.currency
FROM variant
WHERE variant.organization_id = ? AND variant.deleted_at IS NULL AND variant.product_id IN (SELECT anon_1.value
FROM json_each(?) AS anon_1) ORDER BY variant.product_id, variant.position, variant.id

-- Product.variants, of a single parent
SELECT variant.product_id, variant.id, variant.title, variant.sku, variant.stock, variant.price, variant.currency
FROM variant
WHERE variant.organization_id = ? AND variant.deleted_at IS NULL AND variant.product_id = ? ORDER BY variant.product_id, variant.position, variant.id

-- Variant.offers
SELECT offer.variant_id, offer.merchant, offer.price, offer.currency
FROM json_each(?) AS parent JOIN offer ON offer.id IN (SELECT offer.id
FROM offer
WHERE offer.organization_id = ? AND offer.deleted_at IS NULL AND offer.variant_id = parent.value ORDER BY offer.price ASC, offer.id ASC
 LIMIT ? OFFSET ?) ORDER BY offer.price ASC, offer.id ASC

-- Variant.offers, of a single parent
SELECT offer.variant_id, offer.merchant, offer.price, offer.currency
FROM offer
WHERE offer.organization_id = ? AND offer.deleted_at IS NULL AND offer.variant_id = ? ORDER BY offer.price ASC, offer.id ASC
 LIMIT ? OFFSET ?

-- Product.reviews
SELECT review.product_id, review.author, review.rating, review.title, review.body, review.created_at
FROM json_each(?) AS parent JOIN review ON review.id IN (SELECT review.id
FROM review
WHERE review.organization_id = ? AND review.deleted_at IS NULL AND review.product_id = parent.value ORDER BY review.created_at DESC, review.id DESC
 LIMIT ? OFFSET ?) ORDER BY review.created_at DESC, review.id DESC

-- Product.reviews, of a single parent
SELECT review.product_id, review.author, review.rating, review.title, review.body, review.created_at
FROM review
WHERE review.organization_id = ? AND review.deleted_at IS NULL AND review.product_id = ? ORDER BY review.created_at DESC, review.id DESC
 LIMIT ? OFFSET ?
