-- How many ships has each host in each hour from :from_hour to before :to_hour?
SELECT
  host_id,
  hour AS kind,
  ships AS n
FROM ship_hours
WHERE hour >= :from_hour AND hour < :to_hour
