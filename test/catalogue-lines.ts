import type postgres from 'postgres';

/** Everything a migration makes, one line each. */
export const catalogueLines = async (client: postgres.Sql): Promise<string[]> => {
  const own = `n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')`;
  const ofExtension = (oid: string) => `exists (select from pg_depend d where d.objid = ${oid} and d.deptype = 'e')`;
  const parts = [
    `select 'schema ' || n.nspname || ' ' || coalesce(n.nspacl::text, '') from pg_namespace n where ${own} and nspname !~ '^pg_'`,
    `select 'relation ' || c.oid::regclass || ' ' || c.relkind::text || ' ' || c.relrowsecurity || ' ' || c.relforcerowsecurity || ' '
       || coalesce(c.relacl::text, '') || ' ' || coalesce(obj_description(c.oid, 'pg_class'), '') || ' ' || coalesce(c.reloptions::text, '')
     from pg_class c join pg_namespace n on n.oid = c.relnamespace where ${own}`,
    `select 'column ' || c.oid::regclass || ' ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull || ' '
       || coalesce(pg_get_expr(f.adbin, f.adrelid), '') || ' ' || coalesce(col_description(c.oid, a.attnum), '') || ' ' || coalesce(a.attacl::text, '')
     from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
       left join pg_attrdef f on f.adrelid = a.attrelid and f.adnum = a.attnum where ${own} and a.attnum > 0 and not a.attisdropped`,
    `select 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(k.oid)
     from pg_constraint k join pg_namespace n on n.oid = k.connamespace where ${own} and conrelid <> 0`,
    `select 'index ' || indexdef from pg_indexes n where ${own.replace('n.nspname', 'n.schemaname')}`,
    `select 'policy ' || polrelid::regclass || ' ' || polname || ' ' || polcmd::text || ' ' || polpermissive || ' ' || polroles::regrole[]::text || ' '
       || coalesce(pg_get_expr(polqual, polrelid), '') || ' ' || coalesce(pg_get_expr(polwithcheck, polrelid), '') from pg_policy`,
    `select 'function ' || pg_get_functiondef(p.oid) || ' ' || coalesce(p.proacl::text, '')
     from pg_proc p join pg_namespace n on n.oid = p.pronamespace where ${own} and p.prokind in ('f', 'p') and not ${ofExtension('p.oid')}`,
    `select 'trigger ' || tgrelid::regclass || ' ' || pg_get_triggerdef(t.oid) from pg_trigger t where not tgisinternal`,
    `select 'type ' || t.oid::regtype || ' ' || t.typtype::text || ' ' || coalesce((select string_agg(enumlabel, ',' order by enumsortorder) from pg_enum where enumtypid = t.oid), '')
     from pg_type t join pg_namespace n on n.oid = t.typnamespace where ${own} and not ${ofExtension('t.oid')}`,
    `select 'extension ' || extname || ' ' || extversion from pg_extension`,
    `select 'default rights ' || coalesce(defaclnamespace::regnamespace::text, '') || ' ' || defaclobjtype::text || ' ' || defaclacl::text from pg_default_acl`,
  ];
  // The knowledge bank and everything else may stand apart.
  for (const journal of ['__drizzle_migrations', '__knowledge_migrations']) {
    const [found] = await client<{ name: string | null }[]>`select to_regclass(${`drizzle.${journal}`})::text as name`;
    if (found?.name !== null)
      parts.push(`select 'migration of ${journal} ' || hash || ' ' || created_at from drizzle.${journal}`);
  }
  const rows = await client.unsafe<{ line: string }[]>(
    `select line from (${parts.join(' union all ')}) as catalogue (line) order by line collate "C"`,
  );
  return rows.map(({ line }) => line);
};
