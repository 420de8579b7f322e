-- Job P1 of docs/reference/attribution.md over touches and sales (id, person, moment, what): path, conversions, value, nulls.
WITH ranked AS (
    SELECT *, row_number() OVER (PARTITION BY person ORDER BY moment, id) AS rank FROM sales
),
closed AS (
    SELECT t.id, t.person, t.moment, t.what, min(s.rank) AS rank
    FROM touches t LEFT JOIN ranked s ON s.person = t.person AND s.moment >= t.moment
    GROUP BY ALL
),
ended AS (
    SELECT c.*, coalesce(s.moment, max(c.moment) OVER (PARTITION BY c.person, c.rank)) AS ended
    FROM closed c LEFT JOIN ranked s ON s.person = c.person AND s.rank = c.rank
),
kept AS (
    SELECT *, lag(what) OVER (PARTITION BY person, rank ORDER BY moment, id) AS before
    FROM ended WHERE moment >= ended - $lookback
),
journeys AS (
    SELECT person, rank, list(what ORDER BY moment, id) AS path
    FROM kept WHERE NOT ($collapse AND what IS NOT DISTINCT FROM before)
    GROUP BY person, rank
),
counted AS (
    SELECT coalesce(j.path, []) AS path, 1 AS conversions, s.what AS value, 0 AS nulls
    FROM ranked s LEFT JOIN journeys j ON j.person = s.person AND j.rank = s.rank
    UNION ALL
    SELECT path, 0, 0, 1 FROM journeys WHERE rank IS NULL
)
SELECT path, sum(conversions), sum(value), sum(nulls) FROM counted GROUP BY path
