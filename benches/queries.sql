-- `COUNT(*)`
SELECT count(*) FROM {t}
-- `avg(label)`
SELECT avg(label) FROM {t}
-- a filter on `label` and `id`, the tensor selected
SELECT count(x), sum(x[1]) FROM {t} WHERE label = 3 AND id % 1000 < 10
-- a range of `id` that one shard has, the tensor selected
SELECT id, x FROM {t} WHERE id BETWEEN 5000 AND 5100
-- sums over all columns
SELECT sum(id), sum(label), sum(x[1]), max(x[128]) FROM {t}
