import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { Bus } from '../../events/bus.ts';
import type { DocumentRow } from './tables.ts';

/** Where is told that something happened to a document of a workspace. */
export const documentsTopic = (workspaceId: string): string => `documents:${workspaceId}`;

/** That something happened to a document; whoever is told reads it anew with their own rights. */
export type DocumentNotice =
  | { readonly kind: 'changed'; readonly id: string }
  /** Nothing is left to ask who may hear of it, so that it says who could see the document. */
  | { readonly kind: 'removed'; readonly id: string; readonly readers: readonly string[] | null };

/** What is told of a document: whatever changes one calls this in the transaction of the change. */
type Told = Pick<DocumentRow, 'id' | 'workspaceId'>;

/** Tells who listens that a document came or changed, once the running transaction has committed. */
export const announceChange = (unit: UnitOfWork, bus: Bus, { id, workspaceId }: Told): void =>
  announce(unit, bus, workspaceId, { kind: 'changed', id });

/** Tells who listens that a document is gone, once the running transaction has committed. */
export const announceRemoval = (
  unit: UnitOfWork,
  bus: Bus,
  { id, workspaceId, readers }: Told & Pick<DocumentRow, 'readers'>,
): void => announce(unit, bus, workspaceId, { kind: 'removed', id, readers });

const announce = (unit: UnitOfWork, bus: Bus, workspaceId: string, notice: DocumentNotice): void =>
  unit.afterCommit(() => bus.publish(documentsTopic(workspaceId), notice));
