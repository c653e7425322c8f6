import { desc, eq } from 'drizzle-orm';
import { generate } from 'otplib';
import { database } from '../src/database/client.ts';
import { nowhere, type UnitOfWork } from '../src/database/unit-of-work.ts';
import { twoFactors, users } from '../src/domains/identity/tables.ts';
import { events, platformEvents } from '../src/events/tables.ts';
import { hashWork } from '../src/secrets/passwords.ts';
import { unitOf, uuidOf } from './talk.ts';
import { Person, type Answer, type Testbed } from './testbed.ts';

/** What `testbed.signUp` gives everybody. */
export const password = 'correct horse battery';

const signInDocument =
  'mutation ($input: SignInInput!) { signIn(input: $input) { token user { id } organization { id } } }';

/** Tries to sign in. */
export const trySignIn = (bed: Testbed, input: object, headers: Record<string, string> = {}): Promise<Answer> =>
  bed.anonymous.ask(signInDocument, { input }, headers);

/** Signs in, which must succeed. */
export const signIn = async (bed: Testbed, input: object): Promise<Person & { readonly organizationId: string }> => {
  const { signIn }: { signIn: { token: string; organization: { id: string } } } = await bed.anonymous.want(
    signInDocument,
    { input },
  );
  return Object.assign(new Person(bed, signIn.token), { organizationId: signIn.organization.id });
};

/** A mutation with one input, as some selection of its payload. */
export const mutate = (
  person: Person,
  field: string,
  input: object | null,
  selection = '__typename',
): Promise<Answer> =>
  input === null
    ? person.ask(`mutation { ${field} { ${selection} } }`)
    : person.ask(
        `mutation ($input: ${field.charAt(0).toUpperCase()}${field.slice(1)}Input!) { ${field}(input: $input) { ${selection} } }`,
        { input },
      );

/** The errors as code, message and details, without places and ids of requests. */
export const refusals = ({ errors }: Answer): Record<string, unknown>[] =>
  errors.map(({ message, extensions }) => ({ message, ...extensions }));

/** Whether somebody's token still lets them in. */
export const isIn = async (person: Person): Promise<boolean> =>
  (await person.codes('{ viewer { user { id } } }')).length === 0;

/** The newest entries of the platform's log. */
export const platformLog = async (bed: Testbed, count: number) => {
  const unit = unitOf(bed, null);
  const rows = await unit.run(() =>
    database.select().from(platformEvents).orderBy(desc(platformEvents.id)).limit(count),
  );
  await unit.rest();
  return rows.map(({ action, targetId, data }) => ({ action, targetId, data }));
};

/** What happened to a target in an organization, oldest first. */
export const logOf = async (bed: Testbed, organizationId: string, id: string): Promise<string[]> => {
  const unit = unitOf(bed, organizationId);
  const rows = await unit.run(() =>
    database
      .select({ action: events.action })
      .from(events)
      .where(eq(events.targetId, uuidOf(id)))
      .orderBy(events.id),
  );
  await unit.rest();
  return rows.map(({ action }) => action);
};

/** Works on rows that belong to a user, or to nobody. */
export const asUser = async <Result>(bed: Testbed, userId: string, work: (unit: UnitOfWork) => Promise<Result>) => {
  const unit = unitOf(bed, null).as({ ...nowhere, userId: uuidOf(userId) });
  return unit.transact(() => work(unit));
};

/** Changes a user's row by hand. */
export const alter = (bed: Testbed, userId: string, values: Partial<typeof users.$inferInsert>): Promise<unknown> =>
  asUser(bed, userId, async () => {
    await database
      .update(users)
      .set(values)
      .where(eq(users.id, uuidOf(userId)));
  });

/** Code of an authenticator app, so many half minutes from now. */
export const codeOf = (secret: string, halfMinutes = 0): Promise<string> =>
  generate({ secret, epoch: Date.now() / 1000 + halfMinutes * 30 });

/** Lets every code be used again, as if half an hour had gone by. */
export const forgetSteps = (bed: Testbed, userId: string): Promise<unknown> =>
  asUser(bed, userId, async () => {
    await database
      .update(twoFactors)
      .set({ lastStep: 0 })
      .where(eq(twoFactors.userId, uuidOf(userId)));
  });

/** Enrols somebody's app and gives its secret and the recovery codes. */
export const enrol = async (person: Person): Promise<{ secret: string; recoveryCodes: string[] }> => {
  const { enableTwoFactor }: { enableTwoFactor: { secret: string } } = await person.want(
    'mutation { enableTwoFactor { secret } }',
  );
  const { secret } = enableTwoFactor;
  const { confirmTwoFactor }: { confirmTwoFactor: { recoveryCodes: string[] } } = await person.want(
    'mutation ($code: String!) { confirmTwoFactor(input: { code: $code }) { recoveryCodes } }',
    { code: await codeOf(secret) },
  );
  return { secret, recoveryCodes: confirmTwoFactor.recoveryCodes };
};

/** How many slow hashes some work took. */
export const hashesOf = async <Result>(
  work: () => Promise<Result>,
): Promise<[Result, { made: number; compared: number }]> => {
  const before = { ...hashWork };
  const result = await work();
  return [result, { made: hashWork.made - before.made, compared: hashWork.compared - before.compared }];
};
