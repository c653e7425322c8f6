import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { fillDemo } from '../src/demo.ts';
import { fingerprint, whole } from './access/cast.ts';
import { uuidOf } from './talk.ts';
import { Person, startTestbed, type Testbed } from './testbed.ts';

let bed: Testbed;
let owner: Awaited<ReturnType<Testbed['signUp']>>;
/** Without workers, so that nothing but the demo writes. */
beforeAll(async () => {
  bed = await startTestbed({ WORKERS: 'off' });
  owner = await bed.signUp('Admin');
}, 60_000);
afterAll(() => bed.stop());

const fill = () =>
  fillDemo(bed.server.installation, { organizationId: uuidOf(owner.organizationId), userId: uuidOf(owner.userId) });

const signedIn = async (email: string): Promise<Person> => {
  const data: { signIn: { token: string } } = await bed.anonymous.want(
    'mutation ($input: SignInInput!) { signIn(input: $input) { token } }',
    { input: { email, password: 'correct horse battery' } },
  );
  return new Person(bed, data.signIn.token);
};

const workspace = (slug: string, viewerRole: string, totalCount: number) => ({
  node: {
    slug,
    viewerRole,
    settings: { tone: expect.stringMatching(/^Friendly/), welcomeMessage: expect.stringMatching(/^Welcome to /) },
    members: { totalCount },
  },
});
const seen = (person: Person): Promise<unknown> =>
  person.want(
    '{ viewer { role } workspaces { edges { node { slug viewerRole settings { tone welcomeMessage } members { totalCount } } } } }',
  );

test('the demo has people with roles, two workspaces, a group and an invite, once', async () => {
  await fill();
  const first = await fingerprint(bed, owner.organizationId);
  await fill();
  expect(await fingerprint(bed, owner.organizationId)).toEqual(first);

  expect(await seen(owner)).toEqual({
    viewer: { role: 'OWNER' },
    // The guide's comes first: it is what the README asks for.
    workspaces: { edges: [workspace('demo', 'ADMIN', 3), workspace('field-notes', 'ADMIN', 2)] },
  });
  expect(await seen(await signedIn('editor@example.com'))).toEqual({
    viewer: { role: 'MEMBER' },
    workspaces: { edges: [workspace('demo', 'EDITOR', 3), workspace('field-notes', 'ADMIN', 2)] },
  });
  expect(await seen(await signedIn('guest@example.com'))).toEqual({
    viewer: { role: 'GUEST' },
    workspaces: { edges: [workspace('demo', 'VIEWER', 3)] },
  });

  const unit = whole(bed, owner.organizationId);
  const rows = await unit.run(() =>
    database.execute(sql`select
      (select json_agg(g.name || ': ' || u.name) from groups g join group_memberships m on m.group_id = g.id
        join users u on u.id = m.user_id) as groups,
      (select json_agg(i.email || ' ' || i.role || ' ' || i.status) from invites i) as invites,
      (select count(*)::int from api_keys) as keys`),
  );
  await unit.rest();
  expect([...rows]).toEqual([
    { groups: ['Writers: Edith'], invites: ['newcomer@example.com MEMBER PENDING'], keys: 0 },
  ]);
});
