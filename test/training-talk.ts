import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { UnitOfWork, wholeOf } from '../src/database/unit-of-work.ts';
import { newId } from '../src/ids.ts';
import type { Run } from '../src/queue/queue.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { tamper } from './machines.ts';
import { uuidOf, workspaceOf } from './talk.ts';
import type { Person, Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

/** People who work on training examples in one organization, and one of another. */
export interface Trainers {
  readonly ada: Awaited<ReturnType<Testbed['signUp']>>;
  readonly bob: Awaited<ReturnType<Testbed['signUp']>>;
  /** MANAGERs; the first belongs to the group and manages the workspace. */
  readonly mia: Colleague;
  readonly max: Colleague;
  /** A MEMBER who manages the workspace. */
  readonly ben: Colleague;
  readonly group: string;
  readonly workspace: string;
}

/** Makes them, a group and a workspace. */
export const trainersOf = async (bed: Testbed): Promise<Trainers> => {
  const ada = await bed.signUp('Ada');
  const bob = await bed.signUp('Bob');
  const workspace = await workspaceOf(ada);
  const mia = await colleagueOf(bed, ada.organizationId, 'Mia', 'MANAGER', { [workspace]: 'ADMIN' });
  const max = await colleagueOf(bed, ada.organizationId, 'Max', 'MANAGER', { [workspace]: 'VIEWER' });
  const ben = await colleagueOf(bed, ada.organizationId, 'Ben', 'MEMBER', { [workspace]: 'ADMIN' });
  const { createGroup }: Data = await ada.want('mutation { createGroup(input: { name: "Tellers" }) { group { id } } }');
  const group: string = createGroup.group.id;
  await ada.want('mutation ($input: AddGroupMembersInput!) { addGroupMembers(input: $input) { group { id } } }', {
    input: { groupId: group, userIds: [mia.userId] },
  });
  return { ada, bob, mia, max, ben, group, workspace };
};

/** Sends a mutation with an input, and gives its payload. */
export const change = async (person: Person, name: string, input: object, fields: string): Promise<Data> => {
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input`;
  const data: Data = await person.want(`mutation ($input: ${type}!) { ${name}(input: $input) { ${fields} } }`, {
    input,
  });
  return data[name];
};

/** The extensions of the first error that a mutation gave. */
export const refusal = async (person: Person, name: string, input: object, fields: string): Promise<Data> => {
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input`;
  const text = `mutation ($input: ${type}!) { ${name}(input: $input) { ${fields} } }`;
  return (await person.ask(text, { input })).errors[0]?.extensions;
};

/** Waits for the end of a job and gives its result. */
export const resultOf = async (person: Person, id: string): Promise<Data> => {
  for (let tries = 0; tries < 400; tries++) {
    const { job }: Data = await person.want('query ($id: ID!) { job(id: $id) { state progress result error } }', {
      id,
    });
    if (job.state === 'SUCCEEDED') return job.result;
    if (job.state === 'FAILED') throw new Error(job.error);
    await pause(50);
  }
  throw new Error('The job did not end.');
};

/** The fields of a training example, and those of the people and things it names. */
export const fields = `id type input expectedOutput intent entities confidence status validatedAt rejectionReason used usedAt
  group { id } createdBy { id } editedBy { id } validatedBy { id } message { id } conversation { id }`;

/** Makes a training example and gives it. */
export const example = async (person: Person, input: object): Promise<Data> =>
  (await change(person, 'createTrainingExample', input, `trainingExample { ${fields} }`)).trainingExample;

/** Questions with answers in a conversation of a workspace, written past the API; the nth answer says `Answer n.` Gives the ids of the answers. */
export const answersIn = async (bed: Testbed, { ada, workspace }: Trainers, count: number): Promise<string[]> => {
  const [organization, place, conversation] = [uuidOf(ada.organizationId), uuidOf(workspace), newId()];
  const pairs = Array.from({ length: count }, () => [newId(), newId()] as const);
  await tamper(
    bed,
    ada,
    sql`insert into conversations (organization_id, id, workspace_id, user_id, title, slug)
      values (${organization}, ${conversation}, ${place}, ${uuidOf(ada.userId)}, 'Roses', ${conversation})`,
  );
  for (const [number, [question, answer]] of pairs.entries()) {
    const at = sql`now() + ${number} * interval '1 second'`;
    await tamper(
      bed,
      ada,
      sql`insert into messages (organization_id, id, workspace_id, conversation_id, parent_id, role, content, confidence, created_at)
        values (${organization}, ${question}, ${place}, ${conversation}, null, 'USER', ${`Question ${number}?`}, null, ${at}),
          (${organization}, ${answer}, ${place}, ${conversation}, ${question}, 'ASSISTANT', ${`Answer ${number}.`}, 0.75, ${at})`,
    );
  }
  return pairs.map(([, answer]) => answer);
};

/** Feedback on an answer by somebody who is not there any more, given so many hours ago. */
export const judged = (
  bed: Testbed,
  { ada, workspace }: Trainers,
  answer: string,
  { score, scale = 'THUMBS', hoursAgo = 1 }: { score: number; scale?: 'THUMBS' | 'STARS'; hoursAgo?: number },
): Promise<void> =>
  tamper(
    bed,
    ada,
    sql`insert into feedback (organization_id, id, workspace_id, message_id, user_id, scale, score, created_at)
      values (${uuidOf(ada.organizationId)}, ${newId()}, ${uuidOf(workspace)}, ${answer}, ${newId()}, ${scale}, ${score},
        now() - ${hoursAgo} * interval '1 hour')`,
  );

/** What a handler of jobs works with, for an organization's owner. */
export const workOf = (bed: Testbed, { ada }: Trainers) => {
  const { services } = bed.server.installation;
  const origin = { requestId: 'test', address: null, userAgent: null };
  return {
    unit: new UnitOfWork(wholeOf(uuidOf(ada.organizationId), uuidOf(ada.userId)), { ...services, origin }),
    services,
  };
};

/** A run of a job that nobody queued; `keep` is told what is kept. */
export const runOf = (jobId: string, kept: Run['kept'], keep: (result: Record<string, unknown>) => void): Run => ({
  jobId,
  attempt: 1,
  signal: new AbortController().signal,
  kept,
  progress: async () => undefined,
  keep: async (_unit, result) => keep({ ...result }),
});
