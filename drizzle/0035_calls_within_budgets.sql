-- When the window of a moment begins and ends: UTC, weeks from Monday on.
CREATE FUNCTION app_window_start(window_name text, moment timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT date_trunc(lower(window_name), moment AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
$$;
--> statement-breakpoint
CREATE FUNCTION app_window_end(window_name text, moment timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT (date_trunc(lower(window_name), moment AT TIME ZONE 'UTC') + make_interval(
    months => (window_name = 'MONTH')::integer, weeks => (window_name = 'WEEK')::integer, days => (window_name = 'DAY')::integer,
    hours => (window_name = 'HOUR')::integer, mins => (window_name = 'MINUTE')::integer
  )) AT TIME ZONE 'UTC'
$$;
--> statement-breakpoint
-- What is counted for somebody in one window. The subject PLATFORM_KEY stands for a key of the platform, whose counters belong to no tenant.
-- `bound` is null where something is counted that nothing bounds any more. A counter that is not there yet begins with zero when all calls of
-- its window were counted since `since`, and else with what the ledger says.
CREATE TYPE app_bound AS (
  subject text, subject_key text, measure text, window_name text, starts_at timestamptz, ends_at timestamptz, bound numeric,
  since timestamptz
);
--> statement-breakpoint
-- What a call counts for: the budgets that hold for it, the organization's own bound on tokens and the quotas of the platform's key; with
-- `counted` also the counters that are left of budgets that are gone, so that they stay true. In the one order in which all lock counters.
-- The built-in models use neither tokens nor money.
CREATE FUNCTION app_bounds_on(call execution_logs, counted boolean) RETURNS app_bound[] LANGUAGE plpgsql AS $$
DECLARE
  -- Whom it counts for, in two arrays side by side.
  subjects text[] := ARRAY['ORGANIZATION', 'WORKSPACE', 'USER', 'API_KEY', 'PROVIDER_KEY']
    || array_fill('GROUP'::text, ARRAY[cardinality(call.group_ids)]);
  keys uuid[] := ARRAY[call.organization_id, call.workspace_id, call.user_id, call.api_key_id, call.provider_key_id] || call.group_ids;
  builtin boolean := call.provider_id IS NOT DISTINCT FROM '01980000-0000-7000-8000-000000000001';
  bounds app_bound[];
BEGIN
  SELECT array_agg(
    (each.subject, each.subject_key, each.measure, each.window_name, each.starts_at, each.ends_at, each.bound, each.since)::app_bound
    ORDER BY each.subject = 'PLATFORM_KEY', each.subject COLLATE "C", each.subject_key COLLATE "C", each.measure COLLATE "C", each.ends_at,
      each.starts_at
  ) INTO bounds
  FROM (
    SELECT held.subject, held.subject_key, held.measure, min(held.window_name) AS window_name, held.starts_at, held.ends_at,
      min(held.bound) AS bound, min(held.since) AS since
    FROM (
      SELECT b.subject, b.subject_id::text AS subject_key, b.measure, b."window" AS window_name,
        app_window_start(b."window", call.created_at) AS starts_at, app_window_end(b."window", call.created_at) AS ends_at,
        b."limit" AS bound, b.created_at AS since
      FROM budgets b WHERE b.organization_id = call.organization_id AND b.subject_id = ANY (keys)
      UNION ALL
      SELECT 'ORGANIZATION', o.id::text, 'TOKENS', 'MONTH', app_window_start('MONTH', call.created_at),
        app_window_end('MONTH', call.created_at), (o.settings ->> 'monthlyTokens')::numeric, 'infinity'
      FROM organizations o WHERE o.id = call.organization_id AND o.settings ->> 'monthlyTokens' IS NOT NULL
      UNION ALL
      SELECT 'PLATFORM_KEY', k.id::text, 'COST', q.window_name, app_window_start(q.window_name, call.created_at),
        app_window_end(q.window_name, call.created_at), q.quota, 'infinity'
      FROM platform_provider_keys k CROSS JOIN LATERAL (VALUES ('DAY', k.daily_quota), ('MONTH', k.monthly_quota)) q (window_name, quota)
      WHERE k.id = call.platform_key_id AND q.quota IS NOT NULL
      UNION ALL
      SELECT c.subject, c.subject_key, c.measure, NULL, c.starts_at, c.ends_at, NULL, NULL
      FROM unnest(subjects, keys) s (subject, key) JOIN quota_counters c
        ON c.organization_id = call.organization_id AND c.subject = s.subject AND c.subject_key = s.key::text
      WHERE counted AND c.measure IN ('TOKENS', 'COST', 'REQUESTS') AND c.starts_at <= call.created_at AND c.ends_at > call.created_at
      UNION ALL
      SELECT 'PLATFORM_KEY', c.platform_key_id::text, 'COST', NULL, c.starts_at, c.ends_at, NULL, NULL
      FROM platform_key_counters c
      WHERE counted AND c.platform_key_id = call.platform_key_id AND c.starts_at <= call.created_at AND c.ends_at > call.created_at
    ) held
    WHERE held.measure = 'REQUESTS' OR NOT builtin
    GROUP BY held.subject, held.subject_key, held.measure, held.starts_at, held.ends_at
  ) each;
  RETURN bounds;
END $$;
--> statement-breakpoint
-- What the ledger says that was used of a bound by settled calls other than `beside`. Of a call that was abandoned nothing is known, so that
-- it counts for nothing. All of the organization's calls count, whichever workspaces the viewer sees, and for a key of the platform those of
-- all organizations.
CREATE FUNCTION app_used(organization uuid, held app_bound, beside uuid) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
  before text[] := app_scope();
  place uuid;
  part numeric;
  total numeric := 0;
BEGIN
  IF held.subject = 'PLATFORM_KEY' THEN
    FOR place IN SELECT id FROM organizations LOOP
      PERFORM app_set_scope(ARRAY[place::text, '{}', '*']);
      SELECT coalesce(sum(cost), 0) INTO part FROM execution_logs
      WHERE organization_id = place AND created_at >= held.starts_at AND created_at < held.ends_at
        AND platform_key_id = held.subject_key::uuid AND status <> 'PENDING' AND id IS DISTINCT FROM beside;
      total := total + part;
    END LOOP;
  ELSE
    PERFORM app_set_scope(ARRAY[before[1], before[2], '*']);
    EXECUTE format(
      $sum$
        SELECT coalesce(sum(%s), 0) FROM execution_logs
        WHERE organization_id = $1 AND created_at >= $2 AND created_at < $3 AND %s AND status <> 'PENDING' AND id IS DISTINCT FROM $5
          AND NOT (error_kind IS NOT DISTINCT FROM 'INTERRUPTED' AND latency_ms IS NULL)
          AND ($6 OR provider_id IS DISTINCT FROM '01980000-0000-7000-8000-000000000001')
      $sum$,
      CASE held.measure WHEN 'TOKENS' THEN 'input_tokens::numeric + output_tokens' WHEN 'COST' THEN 'cost' ELSE '1' END,
      CASE held.subject
        WHEN 'ORGANIZATION' THEN 'organization_id = $4'
        WHEN 'WORKSPACE' THEN 'workspace_id = $4'
        WHEN 'GROUP' THEN '$4 = ANY (group_ids)'
        WHEN 'USER' THEN 'user_id = $4'
        WHEN 'API_KEY' THEN 'api_key_id = $4'
        ELSE 'provider_key_id = $4'
      END
    ) INTO total
    USING organization, held.starts_at, held.ends_at, held.subject_key::uuid, beside, held.measure = 'REQUESTS';
  END IF;
  PERFORM app_set_scope(before);
  RETURN total;
END $$;
--> statement-breakpoint
-- The counter of a bound, locked. One that is made now begins with what the ledger says: whoever settles a call at the same time waits for it
-- here, or has counted before.
CREATE FUNCTION app_lock_counter(organization uuid, held app_bound, beside uuid) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
  counter uuid;
  made boolean := false;
BEGIN
  LOOP
    IF held.subject = 'PLATFORM_KEY' THEN
      SELECT id INTO counter FROM platform_key_counters
      WHERE platform_key_id = held.subject_key::uuid AND starts_at = held.starts_at AND ends_at = held.ends_at FOR UPDATE;
    ELSE
      SELECT id INTO counter FROM quota_counters
      WHERE organization_id = organization AND subject = held.subject AND subject_key = held.subject_key AND measure = held.measure
        AND starts_at = held.starts_at AND ends_at = held.ends_at FOR UPDATE;
    END IF;
    EXIT WHEN counter IS NOT NULL;
    IF held.subject = 'PLATFORM_KEY' THEN
      INSERT INTO platform_key_counters (id, platform_key_id, starts_at, ends_at)
      VALUES (app_new_id(), held.subject_key::uuid, held.starts_at, held.ends_at) ON CONFLICT DO NOTHING RETURNING id INTO counter;
    ELSE
      INSERT INTO quota_counters (organization_id, id, subject, subject_key, measure, starts_at, ends_at)
      VALUES (organization, app_new_id(), held.subject, held.subject_key, held.measure, held.starts_at, held.ends_at)
      ON CONFLICT DO NOTHING RETURNING id INTO counter;
    END IF;
    made := counter IS NOT NULL;
    EXIT WHEN made;
  END LOOP;
  IF made AND held.since >= held.starts_at THEN
    IF held.subject = 'PLATFORM_KEY' THEN
      UPDATE platform_key_counters SET used = app_used(organization, held, beside) WHERE id = counter;
    ELSE
      UPDATE quota_counters SET used = app_used(organization, held, beside) WHERE organization_id = organization AND id = counter;
    END IF;
  END IF;
  RETURN counter;
END $$;
--> statement-breakpoint
-- Promises a call what it may use of everything that bounds it, or nothing at all: then it gives whose bound had no room. A model whose price
-- is unknown has room nowhere where money is bounded. What was promised to calls that have not reported in time gives way.
CREATE FUNCTION app_promise(call execution_logs, bounds app_bound[], tokens numeric, dollars numeric) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  held app_bound;
  counter uuid;
  amount numeric;
  refusal jsonb;
BEGIN
  FOREACH held IN ARRAY bounds LOOP
    refusal := jsonb_build_object(
      'subject', held.subject, 'subjectId', held.subject_key, 'measure', held.measure, 'window', held.window_name, 'limit', held.bound::text,
      'endsAt', to_char(held.ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'unpriced', held.measure = 'COST' AND dollars IS NULL
    );
    amount := CASE held.measure WHEN 'TOKENS' THEN tokens WHEN 'COST' THEN dollars ELSE 1 END;
    IF amount IS NULL THEN
      RAISE EXCEPTION USING ERRCODE = 'TS001';
    END IF;
    counter := app_lock_counter(call.organization_id, held, call.id);
    IF held.subject = 'PLATFORM_KEY' THEN
      UPDATE platform_key_counters SET reserved = reserved + amount WHERE id = counter AND used + reserved + amount <= held.bound;
      IF NOT FOUND THEN
        WITH gone AS (DELETE FROM platform_key_reservations WHERE counter_id = counter AND lease_until < now() RETURNING platform_key_reservations.amount)
        UPDATE platform_key_counters c SET reserved = reserved - coalesce((SELECT sum(gone.amount) FROM gone), 0) WHERE c.id = counter;
        UPDATE platform_key_counters SET reserved = reserved + amount WHERE id = counter AND used + reserved + amount <= held.bound;
      END IF;
    ELSE
      UPDATE quota_counters SET reserved = reserved + amount
      WHERE organization_id = call.organization_id AND id = counter AND used + reserved + amount <= held.bound;
      IF NOT FOUND THEN
        WITH gone AS (
          DELETE FROM quota_reservations r WHERE r.organization_id = call.organization_id AND r.counter_id = counter AND r.lease_until < now()
          RETURNING r.amount
        )
        UPDATE quota_counters c SET reserved = c.reserved - coalesce((SELECT sum(gone.amount) FROM gone), 0)
        WHERE c.organization_id = call.organization_id AND c.id = counter;
        UPDATE quota_counters SET reserved = reserved + amount
        WHERE organization_id = call.organization_id AND id = counter AND used + reserved + amount <= held.bound;
      END IF;
    END IF;
    IF NOT FOUND THEN
      RAISE EXCEPTION USING ERRCODE = 'TS001';
    END IF;
    IF held.subject = 'PLATFORM_KEY' THEN
      INSERT INTO platform_key_reservations (id, counter_id, execution_id, amount, lease_until)
      VALUES (app_new_id(), counter, call.id, amount, call.lease_until);
    ELSE
      INSERT INTO quota_reservations (organization_id, id, counter_id, target_id, amount, lease_until)
      VALUES (call.organization_id, app_new_id(), counter, call.id, amount, call.lease_until);
    END IF;
  END LOOP;
  RETURN NULL;
EXCEPTION
  -- All promises are undone with their locks, so that another deployment can be tried in the same transaction.
  WHEN SQLSTATE 'TS001' THEN
    RETURN refusal;
END $$;
--> statement-breakpoint
-- Writes a call into the ledger before it is made and promises it what it may use. Null, or the refusal: then nothing is written.
CREATE FUNCTION app_reserve_call(
  organization uuid, call_id uuid, user_id uuid, api_key_id uuid, workspace_id uuid, purpose text, target_id uuid, tags text[],
  provider_id uuid, provider_name text, model_id uuid, model_name text, model_type text, provider_key_id uuid, platform_key_id uuid,
  rule_id uuid, attempt integer, input_price numeric, cached_input_price numeric, output_price numeric, lease_seconds integer,
  most_input bigint, most_output bigint
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  call execution_logs;
  bounds app_bound[];
  refusal jsonb;
BEGIN
  -- The row's time is cut and not rounded, so that it lies in the window whose counters hold the promises.
  INSERT INTO execution_logs (
    organization_id, id, created_at, user_id, api_key_id, group_ids, workspace_id, purpose, target_id, tags, provider_id, provider_name,
    model_id, model_name, model_type, provider_key_id, platform_key_id, rule_id, attempt, input_price, cached_input_price, output_price,
    lease_until
  ) VALUES (
    organization, call_id, date_trunc('milliseconds', now()), user_id, api_key_id,
    ARRAY(SELECT g.id FROM groups g WHERE g.organization_id = organization AND g.id = ANY (app_principals()) AND g.active ORDER BY g.id),
    workspace_id, purpose, target_id, tags, provider_id, provider_name, model_id, model_name, model_type, provider_key_id, platform_key_id,
    rule_id, attempt, input_price, cached_input_price, output_price, now() + make_interval(secs => lease_seconds)
  ) RETURNING * INTO call;
  bounds := app_bounds_on(call, false);
  IF bounds IS NULL THEN
    RETURN NULL;
  END IF;
  refusal := app_promise(
    call, bounds, most_input::numeric + most_output,
    most_input * greatest(input_price, cached_input_price) + most_output * output_price + 0 * input_price
  );
  IF refusal IS NOT NULL THEN
    DELETE FROM execution_logs e WHERE e.organization_id = organization AND e.id = call_id;
  END IF;
  RETURN refusal;
END $$;
--> statement-breakpoint
-- Writes down how a call ended, with its cost at the prices that its row has kept, and puts what was used in place of what was promised.
-- Gives the thresholds of budgets that this call has crossed. Nothing happens to a call that has ended before.
CREATE FUNCTION app_settle_call(
  organization uuid, call_id uuid, new_status text, kind text, message text, input bigint, cached bigint, output bigint, is_estimated boolean,
  latency integer, first_token integer
) RETURNS TABLE (budget_id uuid, percentage integer, used numeric, "limit" numeric, resets_at text) LANGUAGE plpgsql AS $$
DECLARE
  call execution_logs;
  bounds app_bound[];
  held app_bound;
  counter uuid;
  amount numeric;
  total numeric;
  told integer;
  crossed integer;
BEGIN
  -- Whoever makes a budget waits for the calls that are being settled without it.
  PERFORM pg_advisory_xact_lock_shared(hashtextextended('budgets ' || organization, 0));
  UPDATE execution_logs e SET
    status = new_status, error_kind = kind, error_message = message, input_tokens = input, cached_input_tokens = cached,
    output_tokens = output, estimated = is_estimated,
    cost = (input - cached) * e.input_price + cached * coalesce(e.cached_input_price, e.input_price) + output * e.output_price,
    latency_ms = latency, time_to_first_token_ms = first_token, lease_until = NULL, ended_at = now()
  -- Not said as PENDING: the partial index of the calls under way would be read for it, with all of them.
  WHERE e.organization_id = organization AND e.id = call_id AND e.status NOT IN ('SUCCESS', 'ERROR', 'TIMEOUT')
  RETURNING * INTO call;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  IF call.platform_key_id IS NOT NULL THEN
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('platform key ' || call.platform_key_id, 0));
  END IF;
  bounds := app_bounds_on(call, true);
  IF bounds IS NULL THEN
    RETURN;
  END IF;
  FOREACH held IN ARRAY bounds LOOP
    amount := CASE held.measure
      WHEN 'TOKENS' THEN call.input_tokens::numeric + call.output_tokens WHEN 'COST' THEN coalesce(call.cost, 0) ELSE 1
    END;
    counter := app_lock_counter(organization, held, call_id);
    IF held.subject = 'PLATFORM_KEY' THEN
      WITH gone AS (DELETE FROM platform_key_reservations r WHERE r.execution_id = call_id AND r.counter_id = counter RETURNING r.amount)
      UPDATE platform_key_counters c
      SET used = c.used + amount, reserved = c.reserved - coalesce((SELECT sum(gone.amount) FROM gone), 0) WHERE c.id = counter;
      CONTINUE;
    END IF;
    WITH gone AS (
      DELETE FROM quota_reservations r WHERE r.organization_id = organization AND r.target_id = call_id AND r.counter_id = counter
      RETURNING r.amount
    )
    UPDATE quota_counters c SET used = c.used + amount, reserved = c.reserved - coalesce((SELECT sum(gone.amount) FROM gone), 0)
    WHERE c.organization_id = organization AND c.id = counter RETURNING c.used, c.warned INTO total, told;
    IF held.bound IS NULL OR told >= 100 THEN
      CONTINUE;
    END IF;
    RETURN QUERY SELECT b.id, at.threshold, total, b."limit", to_char(held.ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
      FROM budgets b CROSS JOIN LATERAL (SELECT DISTINCT unnest(b.warn_at || 100) AS threshold) at
      WHERE b.organization_id = organization AND b.subject_id = held.subject_key::uuid AND b.measure = held.measure
        AND b."window" = held.window_name AND b."limit" > 0 AND at.threshold > told AND total * 100 >= b."limit" * at.threshold
      ORDER BY at.threshold;
    IF FOUND THEN
      SELECT max(t) INTO crossed FROM budgets b CROSS JOIN LATERAL unnest(b.warn_at || 100) t
      WHERE b.organization_id = organization AND b.subject_id = held.subject_key::uuid AND b.measure = held.measure
        AND b."window" = held.window_name AND total * 100 >= b."limit" * t;
      UPDATE quota_counters c SET warned = crossed WHERE c.organization_id = organization AND c.id = counter;
    END IF;
  END LOOP;
END $$;
--> statement-breakpoint
-- Takes back what is promised to calls, whose rows are locked.
CREATE FUNCTION app_give_back(organization uuid, calls uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM quota_counters c
  WHERE c.organization_id = organization
    AND c.id IN (SELECT r.counter_id FROM quota_reservations r WHERE r.organization_id = organization AND r.target_id = ANY (calls))
  ORDER BY c.subject COLLATE "C", c.subject_key COLLATE "C", c.measure COLLATE "C", c.ends_at, c.starts_at FOR UPDATE;
  IF FOUND THEN
    WITH gone AS (
      DELETE FROM quota_reservations r WHERE r.organization_id = organization AND r.target_id = ANY (calls) RETURNING r.counter_id, r.amount
    )
    UPDATE quota_counters c SET reserved = c.reserved - lost.amount
    FROM (SELECT gone.counter_id, sum(gone.amount) AS amount FROM gone GROUP BY 1) lost
    WHERE c.organization_id = organization AND c.id = lost.counter_id;
  END IF;
  PERFORM FROM platform_key_counters c
  WHERE c.id IN (SELECT r.counter_id FROM platform_key_reservations r WHERE r.execution_id = ANY (calls))
  ORDER BY c.platform_key_id::text COLLATE "C", c.ends_at, c.starts_at FOR UPDATE;
  IF FOUND THEN
    WITH gone AS (DELETE FROM platform_key_reservations r WHERE r.execution_id = ANY (calls) RETURNING r.counter_id, r.amount)
    UPDATE platform_key_counters c SET reserved = c.reserved - lost.amount
    FROM (SELECT gone.counter_id, sum(gone.amount) AS amount FROM gone GROUP BY 1) lost WHERE c.id = lost.counter_id;
  END IF;
END $$;
--> statement-breakpoint
-- Removes a call that was not made.
CREATE FUNCTION app_release_call(organization uuid, call_id uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM execution_logs e
  WHERE e.organization_id = organization AND e.id = call_id AND e.status NOT IN ('SUCCESS', 'ERROR', 'TIMEOUT');
  IF FOUND THEN
    PERFORM app_give_back(organization, ARRAY[call_id]);
  END IF;
END $$;
--> statement-breakpoint
-- Ends calls, whose rows are locked, of which nobody has said how they ended; gives their number.
CREATE FUNCTION app_abandon_calls(organization uuid, calls uuid[]) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  ended integer;
BEGIN
  UPDATE execution_logs e SET status = 'ERROR', error_kind = 'INTERRUPTED', error_message = 'The server stopped during the call.',
    lease_until = NULL, ended_at = now()
  WHERE e.organization_id = organization AND e.id = ANY (calls) AND e.status = 'PENDING';
  GET DIAGNOSTICS ended = ROW_COUNT;
  IF ended > 0 THEN
    PERFORM app_give_back(organization, calls);
  END IF;
  RETURN ended;
END $$;
--> statement-breakpoint
-- The organizations that have calls whose leases have ended.
CREATE FUNCTION app_organizations_with_overdue_calls() RETURNS SETOF uuid LANGUAGE plpgsql AS $$
DECLARE
  before text[] := app_scope();
  organization uuid;
BEGIN
  FOR organization IN SELECT id FROM organizations LOOP
    PERFORM app_set_scope(ARRAY[organization::text, '{}', '*']);
    IF EXISTS (SELECT FROM execution_logs WHERE organization_id = organization AND status = 'PENDING' AND lease_until < now()) THEN
      RETURN NEXT organization;
    END IF;
  END LOOP;
  PERFORM app_set_scope(before);
END $$;
--> statement-breakpoint
-- Takes back what keys of the platform have promised to calls whose leases have ended, also to those of organizations that are gone.
CREATE FUNCTION app_take_back_platform_promises() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM platform_key_counters c WHERE c.id IN (SELECT r.counter_id FROM platform_key_reservations r WHERE r.lease_until < now())
  ORDER BY c.platform_key_id::text COLLATE "C", c.ends_at, c.starts_at FOR UPDATE;
  WITH gone AS (
    DELETE FROM platform_key_reservations r USING platform_key_counters c WHERE c.id = r.counter_id AND r.lease_until < now()
    RETURNING r.counter_id, r.amount
  )
  UPDATE platform_key_counters c SET reserved = c.reserved - lost.amount
  FROM (SELECT gone.counter_id, sum(gone.amount) AS amount FROM gone GROUP BY 1) lost WHERE c.id = lost.counter_id;
END $$;
--> statement-breakpoint
-- A budget that is made waits for the calls that are being settled without it: what they used is in the ledger when its counter begins.
CREATE FUNCTION app_await_settled_calls() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_TABLE_NAME = 'budgets' THEN
    PERFORM pg_advisory_xact_lock(hashtextextended('budgets ' || NEW.organization_id, 0));
  ELSE
    PERFORM pg_advisory_xact_lock(hashtextextended('platform key ' || NEW.id, 0));
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER await_settled_calls BEFORE INSERT ON budgets FOR EACH ROW EXECUTE FUNCTION app_await_settled_calls();
--> statement-breakpoint
CREATE TRIGGER await_settled_calls BEFORE UPDATE OF daily_quota, monthly_quota ON platform_provider_keys
FOR EACH ROW EXECUTE FUNCTION app_await_settled_calls();
