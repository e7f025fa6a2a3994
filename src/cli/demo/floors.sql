WITH used AS (
    SELECT workspace_floor_id AS floor_id, date, count(*) AS people
    FROM reservations
    WHERE status = 'CheckedIn' AND strftime('%w', date) BETWEEN '1' AND '5'
    GROUP BY floor_id, date
), floor AS (
    SELECT name AS building, value ->> 'id' AS id,
           value ->> 'name' AS floor, value ->> 'capacity' AS desks
    FROM buildings, json_each(floors)
)
SELECT building, floor, desks,
       round(100.0 * avg(people) / desks) AS average,
       round(100.0 * max(people) / desks) AS peak
FROM used
JOIN floor ON floor.id = floor_id
GROUP BY floor_id
ORDER BY peak DESC
LIMIT 8
