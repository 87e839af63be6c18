-- The country of the poster with the most followers of all; of several, the first by name
SELECT g.country, p.follower_count
FROM pin p
JOIN geo g ON g.ind = p.ind
ORDER BY p.follower_count DESC NULLS LAST, g.country NULLS LAST
LIMIT 1
