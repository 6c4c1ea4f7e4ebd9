"""The rows of the bench, as SQL. Deterministic by `setseed`; skewed as names are."""

TENANT, USER, KEY, ACCOUNT, CONTACT, OPPORTUNITY, PIPELINE = range(1, 8)

# Formatted by kind, tenant and number; `an_id` in fill.py is the same.
ID = (
    "('01900000-' || lpad(to_hex({0}), 4, '0') || '-7' || lpad(to_hex({1}), 3, '0') || '-8000-'"
    " || lpad(to_hex({2}), 12, '0'))::uuid"
)
_COMMON = (
    "Smith Johnson Williams Brown Jones Garcia Miller Davis Martinez Lopez Müller Schmidt Schneider Fischer Weber "
    "Meyer Wagner Becker Schulz Hoffmann Nguyen Kim Lee Wang Li Zhang Chen Silva Santos Rossi Russo Ferrari Martin "
    "Bernard Dubois Novak Nováková Kowalski Nowak Wójcik Hansen Johansen Andersson Karlsson Nielsen Jensen Kumar Singh "
    "Sharma Patel Ivanov Petrova Yılmaz Kaya Öztürk Tanaka Suzuki Sato Murphy Kelly Walsh Taylor Wilson Thomas Moore "  # noqa: RUF001  # the dotless i is how the name is written
    "Łukaszewicz Sørensen García Pérez Gómez Peña O'Brien O'Connor Størmer Weiß Groß Ångström"
)
_FIRST = (
    "James Mary John Patricia Robert Jennifer Michael Linda William Elizabeth David Barbara Richard Susan Joseph "
    "Jessica Thomas Sarah Charles Karen Anna Peter Hans Ursula Klaus Petra Jürgen Sabine Wei Fang Min Ling Yuki Hiro "
    "Ahmed Fatima Ali Aisha Olga Ivan Sergei Natasha Pierre Marie Jean Sophie Luca Giulia Marco Chiara José María "
    "Carlos Lucía Pedro Ana João Beatriz Lars Ingrid Erik Astrid Björn Sofía Zoë Chloé Noël Emma Liam Olivia Noah Ava "
    "Lucas Mia Ethan Isla Arjun Priya Rahul Ananya Kofi Ama Kwame Zainab Tariq Leila Omar Yusuf Mehmet Ayşe Çağla Ömer"
)
_HEADS = "Al Bar Bel Bor Bran Cal Car Dal Dor Ed El Fal Far Gal Gor Har Hol Kal Kar Kel Kor Lan Lor Mal Mar Mor Nor Ol"
_MIDDLES = "a ber da den do ding e fin ga han i ka ken la lin lo man mer na nin o ra ri ro sa sen ta ten u va ver vin"
_TAILS = "bach berg by dal dorf er feld ford gaard ham hill holt ini ley mann mont ner ova ovic ow sen ski son stad ton"

# About 22,000 last names, the common ones first: a low number is drawn far more often than a high one.
NAMES = f"""
create temp table last_name as select row_number() over (order by common desc, md5(name)) - 1 as rank, name from (
  select unnest(string_to_array($${_COMMON}$$, ' ')) as name, true as common union all
  select h || m || t, false from unnest(string_to_array('{_HEADS}', ' ')) h,
    unnest(string_to_array('{_MIDDLES}', ' ')) m, unnest(string_to_array('{_TAILS}', ' ')) t) all_of_them;
create temp table first_name as select n - 1 as rank, name
  from unnest(string_to_array('{_FIRST}', ' ')) with ordinality as f (name, n);
create index on last_name (rank); create index on first_name (rank);
analyze last_name; analyze first_name
"""

INSERT_TENANT = """insert into tenant (tenant_id, name, time_zone, locale, currency)
  values ($1, $2, 'Europe/Berlin', 'de', 'EUR')"""

INSERT_USERS = f"""insert into "user" (tenant_id, id, version, settle, created_at, modified_at, name, email, role, status)
  select {ID.format(TENANT, "t", 0)}, {ID.format(USER, "t", "n")}, 1, 1, now(), now(), 'User ' || n,
    'user' || n || '@tenant' || t || '.example', case when n = 1 then 'admin' else 'member' end, 'active'
  from generate_series(0, {{tenants}} - 1) t, generate_series(1, case when t < {{large}} then {{users}} else 1 end) n"""

INSERT_KEY = """insert into api_key (tenant_id, id, user_id, name, digest, scopes, created_at)
  values ($1, $2, $3, 'Bench', $4, $5, now())"""

# Drawn once per row: `offset 0` keeps the planner from drawing anew at each mention.
_DRAWN = """(select t, n, random() r1, random() r2, random() r3, random() r4, random() r5, random() r6
    from generate_series({{first}}, {{last}}) t, generate_series(1, {rows}) n offset 0) r"""
_BORN = "timestamptz '2023-01-01' + n * interval '71 seconds' + t * interval '7 ms'"
_TOUCHED = "timestamptz '2026-01-01' + ((n::bigint * 7919) % 20000003) * interval '1 second' + n * interval '1 us'"
# Not drawn, so that who asks knows whose a record is: `Tenant.shows` in fill.py is the same.
_OWNER = ID.format(USER, "t", "case when t < {large} then 1 + (n::bigint * 7919 % {users})::int else 1 end")
_HEAD = f"""{ID.format(TENANT, "t", 0)}, {{id}}, 1, 1, {_OWNER}, {_BORN}, {_OWNER}, {_TOUCHED}, {_OWNER}"""
_STAMPS = "tenant_id, id, version, settle, owner_id, created_at, created_by, modified_at, modified_by"
_CUSTOM = """jsonb_build_object('tier', (array['gold', 'silver', 'bronze'])[1 + floor(r5 * 3)::int],
    'score', floor(r6 * 1000)::int, 'segment', (array['north', 'south', 'east', 'west'])[1 + floor(r2 * 4)::int])"""


def _head(kind: int) -> str:
    return _HEAD.replace("{id}", ID.format(kind, "t", "n"))


INSERT_ACCOUNTS = f"""insert into account ({_STAMPS}, custom, name, industry, employees, annual_revenue,
    annual_revenue_currency, website, status, country)
  select {_head(ACCOUNT)}, {_CUSTOM},
    l.name || (array[' Group', ' AG', ' Ltd', ' Systems', ' & Sons', ' Industries'])[1 + floor(r2 * 6)::int] || ' ' || n,
    (array['finance', 'medical', 'retail', 'software', 'services', 'telecommunications'])[1 + floor(r3 * 6)::int],
    floor(power(r4, 4) * 20000)::int, round((power(r5, 4) * 5e9)::numeric, 2), 'EUR',
    'https://www.account' || t || '-' || n || '.example', 'active', (array['DE', 'UK', 'US', 'FR'])[1 + floor(r6 * 4)::int]
  from {_DRAWN.format(rows="{accounts}")}
  join last_name l on l.rank = floor(r1 * 20000)::int"""

INSERT_CONTACTS = f"""insert into contact ({_STAMPS}, external_ids, custom, first_name, last_name, email, phone, account_id)
  select {_head(CONTACT)}, case when n % 5 = 0 then jsonb_build_object('erp', 'C-' || n) else '{{{{}}}}' end, {_CUSTOM},
    f.name, l.name,
    translate(lower(f.name || '.' || l.name), 'äåáàçéëíıñóöøôüúłşßý''', 'aaaaceeiinoooouulssy') || n
      || '@' || (array['mail', 'post', 'corp', 'work'])[1 + floor(r4 * 4)::int] || floor(r4 * 997)::int || '.example',
    '+49' || (30 + floor(r5 * 60)::int) || lpad(floor(r6 * 100000000)::int::text, 8, '0'),
    {ID.format(ACCOUNT, "t", "1 + floor(power(r4, 2) * {accounts})::int")}
  from {_DRAWN.format(rows="{contacts}")}
  join last_name l on l.rank = floor(power(r2, 2.5) * 20000)::int
  join first_name f on f.rank = floor(power(r3, 1.6) * 80)::int"""

INSERT_EXTERNAL_IDS = f"""insert into external_id (tenant_id, object, system, value, record_id)
  select {ID.format(TENANT, "t", 0)}, 'contact', 'erp', 'C-' || n, {ID.format(CONTACT, "t", "n")}
  from generate_series({{first}}, {{last}}) t, generate_series(5, {{contacts}}, 5) n"""

STAGES = ("prospecting", "engaging", "proposal", "closedWon", "closedLost")
INSERT_PIPELINES = f"""insert into pipeline (tenant_id, id, version, settle, created_at, modified_at, name, is_default, stages,
    won_reasons, lost_reasons, reopen_role)
  select {ID.format(TENANT, "t", 0)}, {ID.format(PIPELINE, "t", 1)}, 1, 1, now(), now(), 'Sales', true, $1, '{{{{}}}}', '{{{{}}}}',
    'admin' from generate_series(0, {{tenants}} - 1) t"""
INSERT_STAGES = """insert into pipeline_stage (tenant_id, pipeline_id, key)
  select tenant_id, id, one ->> 'key' from pipeline, jsonb_array_elements(stages) one"""
_STAGE = "1 + floor(r4 * 5)::int"
INSERT_OPPORTUNITIES = f"""insert into opportunity ({_STAMPS}, custom, name, account_id, primary_contact_id, pipeline_id, stage,
    status, forecast_category, amount, amount_currency, close_date, engage_date, probability, probability_overridden,
    expected_amount, expected_amount_currency, stage_changed_at)
  select {_head(OPPORTUNITY)}, {_CUSTOM}, 'Deal ' || n, {ID.format(ACCOUNT, "t", "1 + floor(r2 * {accounts})::int")},
    {ID.format(CONTACT, "t", "1 + floor(r3 * {contacts})::int")}, {ID.format(PIPELINE, "t", 1)},
    (array['prospecting', 'engaging', 'proposal', 'closedWon', 'closedLost'])[{_STAGE}],
    (array['open', 'open', 'open', 'won', 'lost'])[{_STAGE}],
    (array['pipeline', 'bestCase', 'commit', 'closed', 'omitted'])[{_STAGE}], m.amount, m.currency,
    date '2025-01-01' + floor(r6 * 700)::int, date '2024-06-01' + floor(r6 * 700)::int, floor(r4 * 100)::int, true,
    round(m.amount * floor(r4 * 100)::int / 100, 4), m.currency, {_BORN}
  from {_DRAWN.format(rows="{opportunities}")}
  cross join lateral (select case when n % 20 > 0 then round((power(r5, 3) * 250000 + 100)::numeric, 2) end as amount,
    case when n % 20 > 0 then 'EUR' end as currency) m"""

INDEXES = """
select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as definition
  from pg_index join pg_class on pg_class.oid = indrelid
 where relname = any($1::text[]) and relnamespace = 'public'::regnamespace and not indisunique
"""
