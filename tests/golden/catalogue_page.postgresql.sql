-- 10 statements

-- Query.store
SELECT store.id, store.name, store.currency
FROM store
WHERE store.organization_id = $1::BIGINT AND store.deleted_at IS NULL AND store.id = $2::BIGINT

-- Store.categoryTree
SELECT category.store_id, category.id, category.name
FROM category
WHERE category.organization_id = $1::BIGINT AND category.deleted_at IS NULL AND category.parent_id IS NULL AND category.store_id = ANY ($2::BIGINT[]) ORDER BY category.store_id, category.position, category.id

-- Store.categoryTree, of a single parent
SELECT category.store_id, category.id, category.name
FROM category
WHERE category.organization_id = $1::BIGINT AND category.deleted_at IS NULL AND category.parent_id IS NULL AND category.store_id = $2::BIGINT ORDER BY category.store_id, category.position, category.id

-- Category.productCount
SELECT product.category_id, count(*) AS count_1
FROM product
WHERE product.organization_id = $1::BIGINT AND product.deleted_at IS NULL AND product.category_id = ANY ($2::BIGINT[]) GROUP BY product.category_id

-- Category.children
SELECT category.parent_id, category.id, category.name
FROM category
WHERE category.organization_id = $1::BIGINT AND category.deleted_at IS NULL AND category.parent_id = ANY ($2::BIGINT[]) ORDER BY category.parent_id, category.position, category.id

-- Category.children, of a single parent
SELECT category.parent_id, category.id, category.name
FROM category
WHERE category.organization_id = $1::BIGINT AND category.deleted_at IS NULL AND category.parent_id = $2::BIGINT ORDER BY category.parent_id, category.position, category.id

-- Category.productCount
SELECT product.category_id, count(*) AS count_1
FROM product
WHERE product.organization_id = $1::BIGINT AND product.deleted_at IS NULL AND product.category_id = ANY ($2::BIGINT[]) GROUP BY product.category_id

-- Store.brands
SELECT child.c0, child.c1, child.c2
FROM unnest($1::BIGINT[]) AS anon_1(key) JOIN LATERAL (SELECT brand.store_id AS c0, brand.id AS c1, brand.name AS c2
FROM brand
WHERE brand.organization_id = $2::BIGINT AND brand.deleted_at IS NULL AND brand.store_id = anon_1.key ORDER BY brand.name ASC, brand.id ASC
 LIMIT $3::INTEGER) AS child ON true

-- Store.brands, of a single parent
SELECT brand.store_id, brand.id, brand.name
FROM brand
WHERE brand.organization_id = $1::BIGINT AND brand.deleted_at IS NULL AND brand.store_id = $2::BIGINT ORDER BY brand.name ASC, brand.id ASC
 LIMIT $3::INTEGER

-- Brand.productCount
SELECT product.brand_id, count(*) AS count_1
FROM product
WHERE product.organization_id = $1::BIGINT AND product.deleted_at IS NULL AND product.brand_id = ANY ($2::BIGINT[]) GROUP BY product.brand_id

-- Store.products
SELECT child.c0, child.c1, child.c2, child.c3, child.c4, child.c5, child.c6, child.c7, child.c8, child.c9, child.c10, child.c11
FROM unnest($1::BIGINT[]) AS anon_1(key) JOIN LATERAL (SELECT product.store_id AS c0, product.price_min AS c1, product.id AS c2, product.title AS c3, product.slug AS c4, product.stock AS c5, product.rating_average AS c6, product.review_count AS c7, product.price_min AS c8, product.currency AS c9, product.price_max AS c10, product.brand_id AS c11
FROM product
WHERE product.organization_id = $2::BIGINT AND product.deleted_at IS NULL AND product.status IN ($6, $7) AND product.stock > $3::BIGINT AND product.price_max >= $4::BIGINT AND product.store_id = anon_1.key ORDER BY product.price_min ASC, product.id ASC
 LIMIT $5::INTEGER) AS child ON true

-- Store.products
SELECT product.store_id, count(*) AS count_1
FROM product
WHERE product.organization_id = $1::BIGINT AND product.deleted_at IS NULL AND product.status IN ($5, $6) AND product.stock > $2::BIGINT AND product.price_max >= $3::BIGINT AND product.store_id = ANY ($4::BIGINT[]) GROUP BY product.store_id

-- Store.products, of a single parent
SELECT product.store_id, product.price_min, product.id, product.title, product.slug, product.stock, product.rating_average, product.review_count, product.price_min AS price_min__1, product.currency, product.price_max, product.brand_id
FROM product
WHERE product.organization_id = $1::BIGINT AND product.deleted_at IS NULL AND product.status IN ($6, $7) AND product.stock > $2::BIGINT AND product.price_max >= $3::BIGINT AND product.store_id = $4::BIGINT ORDER BY product.price_min ASC, product.id ASC
 LIMIT $5::INTEGER

-- Product.brand
SELECT brand.id, brand.name
FROM brand
WHERE brand.organization_id = $1::BIGINT AND brand.deleted_at IS NULL AND brand.id = ANY ($2::BIGINT[])

-- Product.brand, of a single parent
SELECT brand.id, brand.name
FROM brand
WHERE brand.organization_id = $1::BIGINT AND brand.deleted_at IS NULL AND brand.id = $2::BIGINT
