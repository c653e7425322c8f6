import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestbed, type Testbed } from './testbed.ts';

let bed: Testbed;
beforeAll(async () => {
  bed = await startTestbed();
});
afterAll(() => bed.stop());

test('a new account signs in and sees itself', async () => {
  const ada = await bed.signUp('Ada');
  const { data, errors } = await ada.ask(
    '{ viewer { user { id email name } organization { id name slug } role permissions } }',
  );
  expect(errors).toEqual([]);
  expect(data).toMatchObject({
    viewer: {
      user: { id: ada.userId, email: ada.email },
      organization: { id: ada.organizationId, name: "Ada's" },
      role: 'OWNER',
    },
  });
});
