WITH used AS (
    SELECT name AS building, capacity AS desks, strftime('%w', date) AS day,
           100.0 * count(*) / capacity AS percent
    FROM reservations JOIN buildings ON buildings.id = workspace_building_id
    WHERE status = 'CheckedIn'
    GROUP BY buildings.id, date  -- days on which nobody came are left out
)
SELECT building, desks,
       round(avg(percent) FILTER (WHERE day = '1')) AS Mon,
       round(avg(percent) FILTER (WHERE day = '2')) AS Tue,
       round(avg(percent) FILTER (WHERE day = '3')) AS Wed,
       round(avg(percent) FILTER (WHERE day = '4')) AS Thu,
       round(avg(percent) FILTER (WHERE day = '5')) AS Fri
FROM used GROUP BY building ORDER BY Tue DESC
