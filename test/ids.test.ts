import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { fromUUID } from 'typeid-js';
import { version } from 'uuid';
import { globalId, newId, parseGlobalId } from '../src/ids.ts';

test('a global id is the TypeID of its UUID, and leads back to it', () => {
  fc.assert(
    fc.property(fc.uuid(), (uuid) => {
      const id = globalId('DocumentChunk', uuid);
      expect(id).toBe(fromUUID(uuid, 'document_chunk'));
      expect(parseGlobalId(id)).toEqual({ prefix: 'document_chunk', uuid });
    }),
  );
});

test.each([
  '',
  '_',
  'message_',
  'message_8zzzzzzzzzzzzzzzzzzzzzzzzz',
  'message_01KDVDNA007GXGEX2K3RP2K5BS',
  'x'.repeat(1000),
])('what is no TypeID (%j) leads nowhere', (text) => {
  expect(parseGlobalId(text)).toBeNull();
});

test('new ids are of version 7, all different, and in the order in which they were made', () => {
  const made = Array.from({ length: 20_000 }, newId);
  expect(new Set(made).size).toBe(made.length);
  expect(made.toSorted()).toEqual(made);
  expect(new Set(made.map(version))).toEqual(new Set([7]));
});
