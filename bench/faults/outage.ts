import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Chronicle } from './chronicle.ts';
import type { FragileInstallation } from './installation.ts';
import { Person } from './person.ts';

/** What an outage of the database looked like from outside. */
export interface OutageReport {
  /** Operations tried while it was away. */
  readonly tried: number;
  /** Their outcomes by code; `none` for those that succeeded. */
  readonly codes: ReadonlyMap<string, number>;
  /** The longest that one of them took, in milliseconds. */
  readonly slowestMs: number;
  /** Statuses of the probes, each once: `ready 503`. */
  readonly probes: readonly string[];
  /** Seconds from the moment that the database took connections again until the same held of this. */
  readonly back: Readonly<Record<'queries' | 'mutations' | 'jobs' | 'subscriptions', number>>;
  /** Whether a subscription begun before the outage, on the other server, still hears. */
  readonly subscriptionOutlived: boolean;
}

const probeEveryMs = 100;
const stream = 'subscription ($id: ID!) { answerStream(conversationId: $id) { __typename } }';
const askOnce = 'mutation ($id: ID!) { ask(input: { conversationId: $id, text: "Who?" }) { answer { status } } }';
const add = 'mutation ($id: ID!) { addMessage(input: { conversationId: $id, content: "x" }) { message { id } } }';
const bring =
  'mutation ($id: ID!) { addDocument(input: { workspaceId: $id, title: "x", text: "Roses.", wait: true }) { document { status } } }';

/** Takes the database away for a while, tries everything meanwhile, and measures how the system comes back without a restart. */
export const takeDatabaseAway = async (installation: FragileInstallation, seconds: number): Promise<OutageReport> => {
  const { urls } = installation;
  const [here = '', there = ''] = urls;
  const chronicle = new Chronicle();
  const person = new Person(chronicle);
  const want = async <Data>(query: string, id?: string) => person.ask<Data>(here, query, { id });
  const { signUp } = await person.ask<{ signUp: { token: string } }>(
    here,
    'mutation ($input: SignUpInput!) { signUp(input: $input) { token } }',
    {
      input: {
        email: `${randomUUID()}@example.com`,
        password: 'correct horse battery',
        name: 'Ada',
        organizationName: 'A',
      },
    },
  );
  person.token = signUp.token;
  const { createWorkspace } = await want<{ createWorkspace: { workspace: { id: string } } }>(
    'mutation { createWorkspace(input: { name: "Garden" }) { workspace { id } } }',
  );
  const workspace = createWorkspace.workspace.id;
  const { startConversation } = await want<{ startConversation: { conversation: { id: string } } }>(
    'mutation ($id: ID!) { startConversation(input: { workspaceId: $id, title: "Roses" }) { conversation { id } } }',
    workspace,
  );
  const conversation = startConversation.conversation.id;
  const heard = { before: 0, anew: 0 };
  const leave = person.follow(there, stream, { id: conversation }, () => heard.before++);
  await pause(500);

  const restart = await installation.kill('database', 0);
  const began = performance.now();
  const probes = new Set<string>();
  let [tried, slowestMs] = [0, 0];
  const attempt = async (url: string, query: string, id: string) => {
    const started = performance.now();
    await person.ask(url, query, { id }).then(
      () => chronicle.refused('none'),
      () => undefined,
    );
    tried++;
    slowestMs = Math.max(slowestMs, performance.now() - started);
  };
  while (performance.now() - began < seconds * 1000) {
    for (const url of urls) {
      await Promise.all([
        attempt(url, 'query ($id: ID!) { conversation(id: $id) { title } }', conversation),
        attempt(url, add, conversation),
        attempt(url, askOnce, conversation),
        attempt(url, bring, workspace),
      ]);
      for (const probe of ['live', 'ready']) probes.add(`${probe} ${(await fetch(`${url}/health/${probe}`)).status}`);
    }
    await pause(probeEveryMs);
  }
  await restart();
  const since = performance.now();
  /** Seconds until it worked on all of these. */
  const until = async (query: string, id: string, at: readonly string[] = urls): Promise<number> => {
    for (const url of at)
      while (
        !(await person.ask(url, query, { id }).then(
          () => true,
          () => false,
        ))
      )
        await pause(20);
    return (performance.now() - since) / 1000;
  };
  const [queries, mutations, jobs] = await Promise.all([
    until('query ($id: ID!) { conversation(id: $id) { title } }', conversation),
    until(add, conversation),
    until(bring, workspace, [here]),
  ]);
  heard.before = 0;
  const leaveAgain = person.follow(there, stream, { id: conversation }, () => heard.anew++);
  while (heard.anew === 0 && performance.now() - since < 60_000) await until(askOnce, conversation, [here]);
  const subscriptions = (performance.now() - since) / 1000;
  leave();
  leaveAgain();
  return {
    tried,
    codes: chronicle.refusals,
    slowestMs,
    probes: [...probes].toSorted(),
    back: { queries, mutations, jobs, subscriptions },
    subscriptionOutlived: heard.before > 0,
  };
};
