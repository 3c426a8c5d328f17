-- 10 statements

-- Query.product
SELECT product.id, product.title, product.description, product.page_title, product.meta_description, product.attributes, product.rating_average, product.review_count, product.brand_id, product.category_id
FROM product
WHERE product.organization_id = ? AND product.deleted_at IS NULL AND product.id = ?

-- Product.brand
SELECT brand.id, brand.name, brand.website
FROM brand
WHERE brand.organization_id = ? AND brand.deleted_at IS NULL AND brand.id IN (SELECT anon_1.value
FROM json_each(?) AS anon_1)

-- Product.brand, of a single parent
SELECT brand.id, brand.name, brand.website
FROM brand
WHERE brand.organization_id = ? AND brand.deleted_at IS NULL AND brand.id = ?

-- Product.category
SELECT category.id, category.name, category.path
FROM category
WHERE category.organization_id = ? AND category.deleted_at IS NULL AND category.id IN (SELECT anon_1.value
FROM json_each(?) AS anon_1)

-- Product.category, of a single parent
SELECT category.id, category.name, category.path
FROM category
WHERE category.organization_id = ? AND category.deleted_at IS NULL AND category.id = ?

-- Category.ancestors
SELECT category.id, category.name
FROM category
WHERE category.organization_id = ? AND category.deleted_at IS NULL AND category.id IN (SELECT anon_1.value
FROM json_each(?) AS anon_1)

-- Category.ancestors, of a single parent
SELECT category.id, category.name
FROM category
WHERE category.organization_id = ? AND category.deleted_at IS NULL AND category.id = ?

-- Product.stockTracked
SELECT variant.product_id, max(CASE WHEN variant.stock_tracked THEN ? ELSE ? END) AS max_1
FROM variant
WHERE variant.organization_id = ? AND variant.deleted_at IS NULL AND variant.product_id IN (SELECT anon_1.value
FROM json_each(?) AS anon_1) GROUP BY variant.product_id

-- Product.properties
SELECT product_property.product_id, product_property.name, product_property.value
FROM product_property
WHERE product_property.organization_id = ? AND product_property.product_id IN (SELECT anon_1.value
FROM json_each(?) AS anon_1) ORDER BY product_property.product_id, product_property.position, product_property.id

-- Product.properties, of a single parent
SELECT product_property.product_id, product_property.name, product_property.value
FROM product_property
WHERE product_property.organization_id = ? AND product_property.product_id = ? ORDER BY product_property.product_id, product_property.position, product_property.id

-- Product.options
SELECT product_option.product_id, product_option.name, product_option.choices
FROM product_option
WHERE product_option.organization_id = ? AND product_option.product_id IN (SELECT anon_1.value
FROM json_each(?) AS anon_1) ORDER BY product_option.product_id, product_option.position, product_option.id

-- Product.options, of a single parent
SELECT product_option.product_id, product_option.name, product_option.choices
FROM product_option
WHERE product_option.organization_id = ? AND product_option.product_id = ? ORDER BY product_option.product_id, product_option.position, product_option.id

-- Product.variants
SELECT variant.product_id, variant.id, variant.title, variant.sku, variant.options, variant.stock, variant.stock_tracked, variant.sell_when_out_of_stock, variant.price, variant.currency, variant.compare_price
FROM variant
WHERE variant.organization_id = ? AND variant.deleted_at IS NULL AND variant.product_id IN (SELECT anon_1.value
FROM json_each(?) AS anon_1) ORDER BY variant.product_id, variant.position, variant.id

-- Product.variants, of a single parent
SELECT variant.product_id, variant.id, variant.title, variant.sku, variant.options, variant.stock, variant.stock_tracked, variant.sell_when_out_of_stock, variant.price, variant.currency, variant.compare_price
FROM variant
WHERE variant.organization_id = ? AND variant.deleted_at IS NULL AND variant.product_id = ? ORDER BY variant.product_id, variant.position, variant.id

-- Variant.offers
SELECT offer.variant_id, offer.merchant, offer.url, offer.in_stock, offer.price, offer.currency
FROM json_each(?) AS parent JOIN offer ON offer.id IN (SELECT offer.id
FROM offer
WHERE offer.organization_id = ? AND offer.deleted_at IS NULL AND offer.variant_id = parent.value ORDER BY offer.price ASC, offer.id ASC
 LIMIT ? OFFSET ?) ORDER BY offer.price ASC, offer.id ASC

-- Variant.offers, of a single parent
SELECT offer.variant_id, offer.merchant, offer.url, offer.in_stock, offer.price, offer.currency
FROM offer
WHERE offer.organization_id = ? AND offer.deleted_at IS NULL AND offer.variant_id = ? ORDER BY offer.price ASC, offer.id ASC
 LIMIT ? OFFSET ?

-- Product.reviews
SELECT review.product_id, review.id, review.author, review.rating, review.title, review.body, review.created_at, review.created_at AS created_at__1
FROM json_each(?) AS parent JOIN review ON review.id IN (SELECT review.id
FROM review
WHERE review.organization_id = ? AND review.deleted_at IS NULL AND review.status IN (?) AND review.product_id = parent.value ORDER BY review.created_at DESC, review.id DESC
 LIMIT ? OFFSET ?) ORDER BY review.created_at DESC, review.id DESC

-- Product.reviews, of a single parent
SELECT review.product_id, review.id, review.author, review.rating, review.title, review.body, review.created_at, review.created_at AS created_at__1
FROM review
WHERE review.organization_id = ? AND review.deleted_at IS NULL AND review.status IN (?) AND review.product_id = ? ORDER BY review.created_at DESC, review.id DESC
 LIMIT ? OFFSET ?
