import { sql } from 'drizzle-orm';
import { sole } from '../../database/rows.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput } from '../../errors.ts';
import { loadAcross, readAcross, readingOf, uuids } from './readings.ts';

/** Counts as the driver gives them: text. */
interface Counted {
  readonly organization_id: string;
  readonly member_count: string;
  readonly workspace_count: string;
  readonly document_count: string;
  readonly conversation_count: string;
  readonly message_count: string;
  readonly storage_bytes: string;
}

/** What an organization holds; bytes as a decimal number. */
export const usageByOrganization = loadAcross(async (unit, ids) => {
  const reading = readingOf(unit, 'PlatformOrganization.usage');
  const rows = await readAcross<Counted>(unit, sql`select * from app_platform_usage(${reading}::jsonb, ${uuids(ids)})`);
  return new Map(
    rows.map((row) => [
      row.organization_id,
      {
        memberCount: Number(row.member_count),
        workspaceCount: Number(row.workspace_count),
        documentCount: Number(row.document_count),
        conversationCount: Number(row.conversation_count),
        messageCount: Number(row.message_count),
        storageBytes: row.storage_bytes,
      },
    ]),
  );
});

/** All organizations by hundreds, which is what the functions take. */
const hundreds = sql`(select array_agg(id order by id) as ids
  from (select id, (row_number() over (order by id) - 1) / 100 as number from organizations) numbered group by number) hundred`;

interface Totals {
  readonly workspaces: string;
  readonly documents: string;
  readonly messages: string;
  readonly bytes: string;
  readonly users: string;
  readonly active: string;
  readonly organizations: string;
}

interface Day {
  readonly day: string;
  readonly calls: string;
  readonly input: string;
  readonly output: string;
  readonly cost: string;
}

const dayMs = 86_400_000;
const maxDays = 92;

const requireDays = (from: string, to: string): void => {
  const days = (Date.parse(to) - Date.parse(from)) / dayMs + 1;
  if (days < 1) throw new BadUserInput('to', 'The last day comes before the first.');
  if (days > maxDays) throw new BadUserInput('to', `At most ${maxDays} days.`);
};

/** What the installation holds, and what models were asked on each day from the first to the last. Throws BadUserInput, Forbidden. */
export const platformUsage = async (unit: UnitOfWork, { from, to }: { from: string; to: string }) => {
  requireDays(from, to);
  const reading = readingOf(unit, 'platformUsage');
  const [totals, days] = await Promise.all([
    readAcross<Totals>(
      unit,
      sql`select coalesce(sum(workspace_count), 0) as workspaces, coalesce(sum(document_count), 0) as documents,
        coalesce(sum(message_count), 0) as messages, coalesce(sum(storage_bytes), 0) as bytes,
        (select count(*) from users where deleted_at is null) as users,
        (select count(*) from users where deleted_at is null and last_login_at >= ${from}::date::timestamp at time zone 'UTC'
          and last_login_at < (${to}::date + 1)::timestamp at time zone 'UTC') as active,
        (select count(*) from organizations where deleted_at is null) as organizations
      from ${hundreds} cross join lateral app_platform_usage(${reading}::jsonb, hundred.ids)`,
    ),
    readAcross<Day>(
      unit,
      sql`select day::text, sum(calls) as calls, sum(input_tokens) as input, sum(output_tokens) as output, sum(cost) as cost
      from ${hundreds} cross join lateral app_platform_executions(${reading}::jsonb, hundred.ids, ${from}::date, ${to}::date)
      group by day order by day`,
    ),
  ]);
  const { users, active, organizations, workspaces, documents, messages, bytes } = sole(totals);
  return {
    userCount: Number(users),
    activeUserCount: Number(active),
    organizationCount: Number(organizations),
    workspaceCount: Number(workspaces),
    documentCount: Number(documents),
    messageCount: Number(messages),
    storageBytes: bytes,
    days: days.map(({ day, calls, input, output, cost }) => ({
      date: day,
      calls: Number(calls),
      inputTokens: input,
      outputTokens: output,
      cost,
    })),
  };
};
