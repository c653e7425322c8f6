import { createHash } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { dimensions, embedText } from '../src/search/hashing-embedding.ts';

const cosine = (left: readonly number[], right: readonly number[]) =>
  left.reduce((sum, value, index) => sum + value * (right[index] ?? 0), 0);
const embed = (text: string) => embedText(text, 'en');

test('an embedding has 1536 numbers and unit length', () => {
  const vector = embed('The boundary layer separates from the wing.');
  expect(vector).toHaveLength(dimensions);
  expect(cosine(vector, vector)).toBeCloseTo(1, 4);
});

test('a text without terms has the zero vector', () => {
  expect(embed('the of and — 🚀').every((value) => value === 0)).toBe(true);
});

test('the recipe is pinned, since stored vectors depend on it', () => {
  const digest = createHash('sha256')
    .update(JSON.stringify(embed('Heated high speed aircraft, 3.14')))
    .digest('hex');
  expect(digest.slice(0, 16)).toBe('d1efad7231b4329b');
});

test('endings, order and a typing error leave texts close, other matters are far', () => {
  const query = embed('separation of boundary layers');
  expect(cosine(query, embed('The boundary layer separated'))).toBeGreaterThan(0.7);
  expect(cosine(query, embed('boundry layer'))).toBeGreaterThan(0.3);
  expect(Math.abs(cosine(query, embed('invoice payment reminder')))).toBeLessThan(0.1);
});

const backwards = (text: string) => embedText(text, 'en', (feature) => 1 / feature.length ** 3);

test('rare words outweigh common ones, by length or by a rarity of the caller', () => {
  const both = embed('use thermoelasticity');
  expect(cosine(both, embed('thermoelasticity'))).toBeGreaterThan(cosine(both, embed('use')));
  expect(cosine(backwards('use thermoelasticity'), backwards('use'))).toBeGreaterThan(0.6);
});

test('a repeated word counts less each time', () => {
  const query = embed('wing');
  const [once, often] = [cosine(query, embed('wing fuselage')), cosine(query, embed('wing wing wing wing fuselage'))];
  expect(often).toBeGreaterThan(once);
  expect(often).toBeLessThan(1);
});
