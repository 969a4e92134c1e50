-- What does each host ship in an hour of its usual week, in thousandths of ships? kind is the
-- slot, the hour of the week. The slots are those from :from_slot to :to_slot, or if :to_slot
-- is less, those to the end of the week and from its start.
WITH ranges (from_slot, to_slot) AS (
  VALUES
    (:from_slot, IIF(:to_slot < :from_slot, 167, :to_slot)),
    (0, IIF(:to_slot < :from_slot, :to_slot, -1))
)
SELECT
  r.host_id,
  r.slot AS kind,
  r.rate AS n
FROM rhythms AS h
CROSS JOIN ranges
CROSS JOIN rhythm_hours AS r ON r.host_id = h.host_id AND r.slot BETWEEN from_slot AND to_slot
