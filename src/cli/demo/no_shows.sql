WITH kept AS (
    SELECT coalesce(department, '(none)') AS department,
           strftime('%w', date) AS day, status = 'NoShow' AS no_show
    FROM reservations JOIN users ON users.id = user_id
    WHERE status IN ('CheckedIn', 'NoShow')
      AND strftime('%w', date) BETWEEN '1' AND '5'
)
SELECT department, sum(no_show) AS no_shows,
       round(100 * avg(no_show) FILTER (WHERE day < '5')) AS Mon_to_Thu,
       round(100 * avg(no_show) FILTER (WHERE day = '5')) AS Fri
FROM kept GROUP BY department ORDER BY Fri DESC
