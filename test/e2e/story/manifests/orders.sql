-- A shop's database: 2,000 shipments, 0 to 199 days old, each with two tracking events; a few clocks are empty or in the future.
CREATE TABLE shipments (
  id bigint PRIMARY KEY, service text NOT NULL, customer_email text, recipient_name text, recipient_phone text, street text,
  price_cents integer NOT NULL, delivered_at timestamptz);
CREATE TABLE tracking_events (
  id bigint PRIMARY KEY, shipment_id bigint NOT NULL REFERENCES shipments (id), occurred_at timestamptz, place text);
CREATE INDEX ON tracking_events (shipment_id);
INSERT INTO shipments
  SELECT n, 'standard', 'customer' || n || '@example.com', 'Customer ' || n, '+1 202 555 01' || lpad((n % 100)::text, 2, '0'), n || ' Sample Street', 500 + n,
    CASE WHEN n % 100 = 99 THEN NULL WHEN n % 100 = 98 THEN now() + interval '2 days' ELSE now() - make_interval(days => (n * 37) % 200, hours => 12) END
  FROM generate_series(1, 2000) AS n;
UPDATE shipments SET delivered_at = now() - interval '150 days 12 hours' WHERE id IN (7, 8);
INSERT INTO tracking_events
  SELECT s.id * 10 + e, s.id, s.delivered_at - make_interval(days => e), 'hub ' || e FROM shipments s, generate_series(1, 2) AS e;
-- The purger's role may do what the policy needs and no more.
DROP ROLE IF EXISTS carrier_purger;
CREATE ROLE carrier_purger LOGIN;
GRANT SELECT, UPDATE (recipient_name, recipient_phone, street) ON shipments TO carrier_purger;
GRANT SELECT, DELETE ON tracking_events TO carrier_purger;
