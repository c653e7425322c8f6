import type { ZxcvbnFactory } from '@zxcvbn-ts/core';

/** A password that is guessed too easily, in words for its owner. */
export interface Weakness {
  readonly message: string;
}

/** Of 0 to 4; 3 takes more than 10^8 guesses (Wheeler, zxcvbn, USENIX Security 2016). */
const leastScore = 3;
/**
 * A password is as strong as what is looked at of it, at least. Without these bounds 60 characters of the right kind took the process a second
 * and a half; with them they take 0.03.
 */
const bounds = { maxLength: 64, l33tMaxSubstitutions: 5 };

let estimator: Promise<ZxcvbnFactory> | undefined;

/** Made for the first password: its dictionaries take 25 MB and a tenth of a second. */
const estimatorMade = async (): Promise<ZxcvbnFactory> => {
  const [{ ZxcvbnFactory }, common, english] = await Promise.all([
    import('@zxcvbn-ts/core'),
    import('@zxcvbn-ts/language-common'),
    import('@zxcvbn-ts/language-en'),
  ]);
  return new ZxcvbnFactory({
    ...bounds,
    dictionary: { ...common.dictionary, ...english.dictionary },
    graphs: common.adjacencyGraphs,
    translations: english.translations,
  });
};

/** What makes a password weak; null when it is strong enough. `about` is what others know of the person: name, address and the like. */
export const weaknessOf = async (password: string, about: readonly string[]): Promise<Weakness | null> => {
  const made = await (estimator ??= estimatorMade());
  const words = about.flatMap((text) => [text, ...text.split(/[^\p{L}\p{N}]+/u)]).filter((word) => word.length > 2);
  const { score, feedback } = made.check(
    password,
    words.map((word) => word.toLowerCase()),
  );
  if (score >= leastScore) return null;
  const [suggestion = ''] = feedback.suggestions;
  const message = [feedback.warning ?? 'This password is guessed too easily.', suggestion].join(' ').trim();
  return { message };
};
