/** What a conversation is called until its first exchange gives it a title. */
export const standInTitle = 'New conversation';

const maxLength = 60;
/** A sentence shorter than this, such as a greeting, says too little. */
const minLength = 12;

const sentences = new Intl.Segmenter('und', { granularity: 'sentence' });
const words = new Intl.Segmenter('und', { granularity: 'word' });

/**
 * A title made of a question, in whatever language: its first sentence that says something, cut between words at 60 characters. No model is
 * asked, so that it costs nothing and is there at once.
 */
export const titleFrom = (question: string): string => {
  // A long text's beginning holds its first sentence.
  const text = question.slice(0, 1000).replace(/\s+/gu, ' ').trim();
  let title = '';
  for (const { segment } of sentences.segment(text)) {
    if (title.trim().length >= minLength) break;
    title += segment;
  }
  const whole = title.trim().replace(/[.。:;,]+$/u, '');
  if (whole.length === 0) return standInTitle;
  return whole.length <= maxLength ? whole : `${cut(whole)}…`;
};

/** The words that have room. A single word without a gap is cut between characters. */
const cut = (text: string): string => {
  let kept = '';
  for (const { segment } of words.segment(text)) {
    if (kept.length + segment.length >= maxLength) break;
    kept += segment;
  }
  const tidy = kept.replace(/[\s\p{P}]+$/u, '');
  return tidy === '' ? text.slice(0, maxLength - 1).replace(/[\ud800-\udbff]$/, '') : tidy;
};
