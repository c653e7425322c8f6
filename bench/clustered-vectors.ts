/** Numbers in each vector, as in the product's table. */
export const dimensions = 1536;

/** How many subjects there are; the first are the largest. */
const clusters = 500;
/** Directions in which subjects and texts differ at all; learned embeddings have some tens, whatever their length. */
const latentDimensions = 64;
/** Length of what a text adds to its subject's centre, whose length is 1. */
const spread = 0.7;
/** Length of the noise in all dimensions, which no direction explains. */
const noise = 0.2;

/** Mulberry32: numbers from 0 to 1, the same for the same seed. */
const randomFrom = (seed: number) => {
  let state = seed;
  return (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
};

/** `count` normally distributed numbers (Box and Muller) whose squares sum to about `length` squared. */
const gaussian = (random: () => number, count: number, length: number): Float32Array =>
  Float32Array.from(
    { length: count },
    () => Math.sqrt((-2 * Math.log(1 - random())) / count) * Math.cos(2 * Math.PI * random()) * length,
  );

/** What the generator was set to, for a report. */
export const recipe = `${clusters} clusters whose size falls with their number, centres and members in ${latentDimensions} directions (a member is ${spread} off its centre, whose length is 1), noise of ${noise} in all ${dimensions} dimensions`;

/**
 * An endless source of unit vectors, the same for the same seed. All sources share centres and directions, so that vectors of one
 * seed are held-out neighbours of those of another.
 */
export const clusteredVectors = (seed: number): (() => Float32Array) => {
  const shared = randomFrom(1);
  const directions = Array.from({ length: latentDimensions }, () => gaussian(shared, dimensions, 1));
  const centres = Array.from({ length: clusters }, () => gaussian(shared, latentDimensions, 1));
  const random = randomFrom(seed);
  return () => {
    const centre = centres[Math.floor(clusters * random() ** 1.5)] ?? new Float32Array(latentDimensions);
    const member = gaussian(random, latentDimensions, spread).map((value, at) => value + (centre[at] ?? 0));
    return unitLength(projected(member, directions, random));
  };
};

const projected = (member: Float32Array, directions: readonly Float32Array[], random: () => number): Float32Array => {
  // Evenly distributed, because that is as good here and costs a tenth; its standard deviation is a twelfth's root of its width.
  const width = noise * Math.sqrt(12 / dimensions);
  const vector = Float32Array.from({ length: dimensions }, () => (random() - 0.5) * width);
  for (const [at, direction] of directions.entries()) {
    const factor = member[at] ?? 0;
    for (let each = 0; each < dimensions; each++) vector[each] = (vector[each] ?? 0) + factor * (direction[each] ?? 0);
  }
  return vector;
};

const unitLength = (vector: Float32Array): Float32Array => {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return vector.map((value) => value / length);
};
