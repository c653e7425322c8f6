import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { Services } from '../services.ts';

/** What happens in a room, by ids; whoever is told reads the rows anew with their own rights. */
export type RoomNotice = { readonly roomId: string } & (
  | { readonly kind: 'sent' | 'edited' | 'deleted' | 'reacted'; readonly messageId: string }
  | { readonly kind: 'joined' | 'left' | 'typing'; readonly userId: string }
  /** Told to that one person alone. */
  | { readonly kind: 'read' | 'muted'; readonly userId: string }
  | { readonly kind: 'updated' | 'removed' }
);

/** Where is told what happens in the rooms of an organization. */
export const roomsTopic = (organizationId: string): string => `rooms:${organizationId}`;

/** Tells who follows a room, once the running transaction has committed. */
export const tellRoom = (unit: UnitOfWork, { bus }: Pick<Services, 'bus'>, ...notices: readonly RoomNotice[]): void =>
  unit.afterCommit(() => {
    for (const notice of notices) bus.publish(roomsTopic(unit.organizationId), notice);
  });
