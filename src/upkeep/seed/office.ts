import {
  officeDocumentComments,
  officeDocuments,
  officeDocumentShares,
  officeDocumentVersions,
} from '../../domains/content/office-tables.ts';
import { Chance, madeAt, momentOf, rows, sampleId } from './chance.ts';
import { organizationId, userOf } from './company.ts';
import type { Fill } from './fill.ts';

const idOf = (number: number) => sampleId('office document', number);

/** Office documents that their owners have shared with somebody, who wrote a remark. */
export const fillOffice = async ({ size, put }: Fill): Promise<void> => {
  const chance = new Chance('office');
  const count = Math.ceil(size.documents / 4);
  const [ownerOf, readerOf] = [
    (number: number) => userOf(number % size.users),
    (number: number) => userOf((number + 1) % size.users),
  ];
  const own = (number: number) => ({
    ...madeAt(number, count),
    organizationId,
    readers: [ownerOf(number), readerOf(number), organizationId],
  });
  const saved = Array.from({ length: count }, () => {
    const content = { text: chance.text(3) };
    return { title: chance.title(), content, size: Buffer.byteLength(JSON.stringify(content)) };
  });
  const savedOf = (number: number) => saved[number] ?? { title: '', content: {}, size: 2 };
  await put(
    officeDocuments,
    rows(count, (number) => ({
      ...own(number),
      ...savedOf(number),
      id: idOf(number),
      ownerId: ownerOf(number),
      kind: 'WORD' as const,
      savedById: ownerOf(number),
      savedAt: momentOf(number, count),
    })),
  );
  const part = (number: number) => ({ ...own(number), documentId: idOf(number) });
  await put(
    officeDocumentVersions,
    rows(count, (number) => ({
      ...part(number),
      ...savedOf(number),
      id: sampleId('office version', number),
      version: 1,
      savedById: ownerOf(number),
    })),
  );
  await put(
    officeDocumentShares,
    rows(count, (number) => ({
      ...part(number),
      id: sampleId('office share', number),
      userId: readerOf(number),
      level: 'VIEW' as const,
      sharedById: ownerOf(number),
    })),
  );
  await put(
    officeDocumentComments,
    rows(count, (number) => ({
      ...part(number),
      id: sampleId('office comment', number),
      authorId: readerOf(number),
      text: chance.text(1),
      version: 1,
    })),
  );
};
