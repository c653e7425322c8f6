/**
 * Every fault of the schema's shape, as rows (broken, what); none when the database keeps the rules. It reads pg_catalog alone.
 *
 * A table is *tenant* when its key begins with organization_id, *local* when its comment says so, otherwise *reference*
 * (a copy on every node), and then its comment names what it is: `@global`, `@lookup` or `@platform`. A reference table may
 * hold an organization_id when it is marked `@reference`: it is asked before the tenant is known.
 *
 * What has an organization_id goes with its organization: by keys that cascade, or by name in `app_erase_organization`; the knowledge bank, which no key
 * leads out of, forgets it by itself.
 */
export const catalogueFaults = `
with recursive tables as (
  select *, case when note ~ '@local' then 'local' when first_key = tenant then 'tenant' else 'reference' end as kind
  from (
    select c.oid, c.oid::regclass::text as relname, c.relnamespace, c.relrowsecurity, c.relforcerowsecurity, i.indkey[0] as first_key,
      obj_description(c.oid, 'pg_class') as note,
      (select attnum from pg_attribute where attrelid = c.oid and attname = 'organization_id' and not attisdropped) as tenant
    from pg_class c left join pg_index i on i.indrelid = c.oid and i.indisprimary
    where c.relnamespace in (to_regnamespace('public'), to_regnamespace('knowledge')) and c.relkind in ('r', 'p') and not c.relispartition
  ) found
),
keys as (
  select f.*, child.kind as child_kind, child.tenant as child_tenant, parent.kind as parent_kind, parent.tenant as parent_tenant,
    child.relnamespace as child_schema, parent.relnamespace as parent_schema
  from pg_constraint f join tables child on child.oid = conrelid join tables parent on parent.oid = confrelid
  where contype = 'f'
),
walk as (
  select oid, array[oid] as path, false as closed from tables
  union all
  select conrelid, path || conrelid, conrelid = any (path)
  from walk join keys on confrelid = walk.oid and conrelid <> confrelid
  where not closed
),
erased as (
  select conrelid as oid from keys where confrelid = to_regclass('organizations') and confdeltype = 'c' and conkey = array[child_tenant]
  union
  select conrelid from erased join keys on confrelid = erased.oid
  where confdeltype = 'c' and not exists (
    select from pg_attribute where attrelid = conrelid and attnum = any (conkey) and not attnotnull)
),
triggers as (
  select t.*, tables.kind, prosrc
  from pg_trigger t join tables on tables.oid = tgrelid join pg_proc p on p.oid = tgfoid
  where not tgisinternal
),
commands (privilege, letter) as (values ('SELECT', 'r'), ('INSERT', 'a'), ('UPDATE', 'w'), ('DELETE', 'd'))
select 'no key' as broken, relname::text as what from tables where first_key is null
union select 'unmarked', relname from tables where kind = 'reference' and note ~ '@(global|lookup|platform)' is not true
union select 'organization_id outside the key', relname from tables
  where tenant is not null and kind = 'reference' and note ~ '@reference' is not true
union select 'unique across tenants', indexrelid::regclass::text from tables join pg_index on indrelid = tables.oid
  where kind = 'tenant' and (indisunique or indisexclusion)
    and not exists (select from generate_series(0, indnkeyatts - 1) place where indkey[place] = tenant)
union select 'reference across tenants', conname from keys
  where child_kind = 'tenant' and parent_kind = 'tenant' and not exists (
    select from generate_subscripts(conkey, 1) place
    where conkey[place] = child_tenant and confkey[place] = parent_tenant)
union select 'references in a circle', path[1]::regclass::text from walk where closed
union select 'rows that outlive their organization', relname from tables
  where tenant is not null and relnamespace = 'public'::regnamespace and oid not in (select oid from erased) and not exists (
    select from pg_proc where proname = 'app_erase_organization'
      and strpos(prosrc, format('DELETE FROM %s WHERE organization_id = doomed;', relname)) > 0)
union select 'reference out of the knowledge bank, or into it', conname from keys
  where child_schema <> parent_schema
union select 'reference without index', conname from keys where not exists (
  select from pg_index i where i.indrelid = conrelid and conkey <@ (indkey::int2[])[0:array_length(conkey, 1) - 1])
union select 'action that a distributed key cannot take', conname from keys
  where child_kind = 'tenant' and child_tenant = any (conkey) and (confdeltype in ('n', 'd') or confupdtype in ('c', 'n', 'd'))
union select 'reference in the wrong direction', conname from keys
  where (child_kind <> 'tenant' and parent_kind = 'tenant') or (child_kind <> 'local' and parent_kind = 'local')
union select 'trigger that a shard cannot run', tgname from triggers
  where kind = 'reference' or (kind = 'tenant' and (
    coalesce(tgoldtable, tgnewtable) is not null or prosrc ~* '\\ynotify\\y|pg_notify'
    or (prosrc ~* '\\y(insert into|update \\w+ set|delete from)\\y' and prosrc !~* 'organization_id')))
union select 'row security off', relname from tables where (kind = 'tenant' or note ~ '@personal') and not relrowsecurity
union select 'row security not forced', relname from tables
  where (kind = 'tenant' or note ~ '@personal') and not relforcerowsecurity
union select 'no policy for ' || privilege, relname from tables cross join commands
  where (kind = 'tenant' or note ~ '@personal') and has_table_privilege('tessera_server', tables.oid, privilege)
    and not exists (select from pg_policy where polrelid = tables.oid and polpermissive and polcmd in ('*', letter::"char"))
union select 'policy without the tenant', polname from pg_policy join tables on tables.oid = polrelid
  -- What the tables' owner reads by a function of theirs is not the server's to read.
  where kind = 'tenant' and not (polcmd = 'r' and polroles = array[(select relowner from pg_class where pg_class.oid = polrelid)])
    and coalesce(pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid), '')
    !~ '^\\(+organization_id = \\(?NULLIF\\(current_setting\\(''app.organization_id''::text, true\\), ''''::text\\)\\)?::uuid\\)( AND\\s|$)'
union select 'policy without the user', polname from pg_policy join tables on tables.oid = polrelid
  where kind = 'reference' and concat(pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
    !~ '^(\\(+user_id = \\(?NULLIF\\(current_setting\\(''app.user_id''::text, true\\), ''''::text\\)\\)?::uuid\\)){1,2}$'
union select 'policy that a shard cannot run', polname from pg_policy
  where concat(polqual, polwithcheck) ~ 'SUBLINK' or (pg_get_expr(polqual, polrelid) ~ 'current_setting'
    and pg_get_expr(polqual, polrelid) !~ 'NULLIF\\(current_setting\\([^)]*, true\\)')
union select 'right past row security', relname || ' ' || privilege
  from tables cross join unnest(array['TRUNCATE', 'REFERENCES', 'TRIGGER']) privilege
  where has_table_privilege('tessera_server', tables.oid, privilege)
union select 'log that can be changed', relname || ' ' || privilege from tables cross join unnest(array['UPDATE', 'DELETE']) privilege
  where note ~ '@append' and has_table_privilege('tessera_server', tables.oid, privilege)
union select 'identity not bigint', relname || '.' || attname
  from tables join pg_attribute on attrelid = tables.oid and attnum > 0
    left join pg_attrdef on adrelid = tables.oid and adnum = attnum
  where kind = 'tenant' and atttypid <> 'int8'::regtype and (attidentity <> '' or pg_get_expr(adbin, adrelid) ~ '^nextval')
union select 'name too long for a shard', conname from pg_constraint
  where connamespace in (to_regnamespace('public'), to_regnamespace('knowledge')) and octet_length(conname) > 54
union select 'index that no order uses', indexrelid::regclass::text from tables join pg_index on indrelid = tables.oid
  where 1 = any (indoption::int2[])
order by broken, what`;
