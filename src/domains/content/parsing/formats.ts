import { readdir } from 'node:fs/promises';
import type { Format } from './format.ts';

const FOLDER = new URL('./formats/', import.meta.url);

let loaded: Promise<readonly Format[]> | undefined;

/** All kinds of documents that can be read, found by glob. */
export const formats = (): Promise<readonly Format[]> => (loaded ??= load());

const load = async (): Promise<readonly Format[]> => {
  const files = (await readdir(FOLDER)).filter((file) => file.endsWith('.ts')).toSorted();
  const modules = await Promise.all(files.map((file) => import(new URL(file, FOLDER).href) as Promise<unknown>));
  // Each file's type annotation on its export is what makes this sound.
  return modules.map((module) => (module as { format: Format }).format);
};
