-- 10 statements

-- Query.product
SELECT product.id, product.title, product.description, product.page_title, product.meta_description, product.attributes, product.rating_average, product.review_count, product.brand_id, product.category_id
FROM product
WHERE product.organization_id = $1::BIGINT AND product.deleted_at IS NULL AND product.id = $2::BIGINT

-- Product.brand
SELECT brand.id, brand.name, brand.website
FROM brand
WHERE brand.organization_id = $1::BIGINT AND brand.deleted_at IS NULL AND brand.id = ANY ($2::BIGINT[])

-- Product.brand, of a single parent
SELECT brand.id, brand.name, brand.website
FROM brand
WHERE brand.organization_id = $1::BIGINT AND brand.deleted_at IS NULL AND brand.id = $2::BIGINT

-- Product.category
SELECT category.id, category.name, category.path
FROM category
WHERE category.organization_id = $1::BIGINT AND category.deleted_at IS NULL AND category.id = ANY ($2::BIGINT[])

-- Product.category, of a single parent
SELECT category.id, category.name, category.path
FROM category
WHERE category.organization_id = $1::BIGINT AND category.deleted_at IS NULL AND category.id = $2::BIGINT

-- Category.ancestors
SELECT category.id, category.name
FROM category
WHERE category.organization_id = $1::BIGINT AND category.deleted_at IS NULL AND category.id = ANY ($2::BIGINT[])

-- Category.ancestors, of a single parent
SELECT category.id, category.name
FROM category
WHERE category.organization_id = $1::BIGINT AND category.deleted_at IS NULL AND category.id = $2::BIGINT

-- Product.stockTracked
SELECT variant.product_id, max(CASE WHEN variant.stock_tracked THEN $1::INTEGER ELSE $2::INTEGER END) AS max_1
FROM variant
WHERE variant.organization_id = $3::BIGINT AND variant.deleted_at IS NULL AND variant.product_id = ANY ($4::BIGINT[]) GROUP BY variant.product_id

-- Product.properties
SELECT product_property.product_id, product_property.name, product_property.value
FROM product_property
WHERE product_property.organization_id = $1::BIGINT AND product_property.product_id = ANY ($2::BIGINT[]) ORDER BY product_property.product_id, product_property.position, product_property.id

-- Product.properties, of a single parent
SELECT product_property.product_id, product_property.name, product_property.value
FROM product_property
WHERE product_property.organization_id = $1::BIGINT AND product_property.product_id = $2::BIGINT ORDER BY product_property.product_id, product_property.position, product_property.id

-- Product.options
SELECT product_option.product_id, product_option.name, product_option.choices
FROM product_option
WHERE product_option.organization_id = $1::BIGINT AND product_option.product_id = ANY ($2::BIGINT[]) ORDER BY product_option.product_id, product_option.position, product_option.id

-- Product.options, of a single parent
SELECT product_option.product_id, product_option.name, product_option.choices
FROM product_option
WHERE product_option.organization_id = $1::BIGINT AND product_option.product_id = $2::BIGINT ORDER BY product_option.product_id, product_option.position, product_option.id

-- Product.variants
SELECT variant.product_id, variant.id, variant.title, variant.sku, variant.options, variant.stock, variant.stock_tracked, variant.sell_when_out_of_stock, variant.price, variant.currency, variant.compare_price
FROM variant
WHERE variant.organization_id = $1::BIGINT AND variant.deleted_at IS NULL AND variant.product_id = ANY ($2::BIGINT[]) ORDER BY variant.product_id, variant.position, variant.id

-- Product.variants, of a single parent
SELECT variant.product_id, variant.id, variant.title, variant.sku, variant.options, variant.stock, variant.stock_tracked, variant.sell_when_out_of_stock, variant.price, variant.currency, variant.compare_price
FROM variant
WHERE variant.organization_id = $1::BIGINT AND variant.deleted_at IS NULL AND variant.product_id = $2::BIGINT ORDER BY variant.product_id, variant.position, variant.id

-- Variant.offers
SELECT child.c0, child.c1, child.c2, child.c3, child.c4, child.c5
FROM unnest($1::BIGINT[]) AS anon_1(key) JOIN LATERAL (SELECT offer.variant_id AS c0, offer.merchant AS c1, offer.url AS c2, offer.in_stock AS c3, offer.price AS c4, offer.currency AS c5
FROM offer
WHERE offer.organization_id = $2::BIGINT AND offer.deleted_at IS NULL AND offer.variant_id = anon_1.key ORDER BY offer.price ASC, offer.id ASC
 LIMIT $3::INTEGER) AS child ON true

-- Variant.offers, of a single parent
SELECT offer.variant_id, offer.merchant, offer.url, offer.in_stock, offer.price, offer.currency
FROM offer
WHERE offer.organization_id = $1::BIGINT AND offer.deleted_at IS NULL AND offer.variant_id = $2::BIGINT ORDER BY offer.price ASC, offer.id ASC
 LIMIT $3::INTEGER

-- Product.reviews
SELECT child.c0, child.c1, child.c2, child.c3, child.c4, child.c5, child.c6, child.c7
FROM unnest($1::BIGINT[]) AS anon_1(key) JOIN LATERAL (SELECT review.product_id AS c0, review.id AS c1, review.author AS c2, review.rating AS c3, review.title AS c4, review.body AS c5, review.created_at AS c6, review.created_at AS c7
FROM review
WHERE review.organization_id = $2::BIGINT AND review.deleted_at IS NULL AND review.status IN ($4) AND review.product_id = anon_1.key ORDER BY review.created_at DESC, review.id DESC
 LIMIT $3::INTEGER) AS child ON true

-- Product.reviews, of a single parent
SELECT review.product_id, review.id, review.author, review.rating, review.title, review.body, review.created_at, review.created_at AS created_at__1
FROM review
WHERE review.organization_id = $1::BIGINT AND review.deleted_at IS NULL AND review.status IN ($4) AND review.product_id = $2::BIGINT ORDER BY review.created_at DESC, review.id DESC
 LIMIT $3::INTEGER
