import { and, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { nowhere, UnitOfWork, type Origin } from '../../database/unit-of-work.ts';
import { DomainError, NotFound } from '../../errors.ts';
import type { Services } from '../services.ts';
import { organizations, workspaces } from '../tenancy/tables.ts';
import { embedWidgetKeys, embedWidgets, type EmbedWidgetRow } from './embed-tables.ts';

/** A widget as a page of one of its origins finds it. */
export interface PageWidget {
  readonly widget: EmbedWidgetRow;
  /** The page's, one of those that the widget allows. */
  readonly pageOrigin: string;
  readonly archived: boolean;
}

/** The page may not use the widget. */
class ForeignOrigin extends DomainError {
  constructor(pageOrigin: string | undefined) {
    const why =
      pageOrigin === undefined
        ? 'The request carries no Origin, and a widget answers pages alone.'
        : `This widget is not allowed on ${pageOrigin.slice(0, 300)}. Its allowed origins say where it is.`;
    super('FORBIDDEN', why, { reason: 'ORIGIN_NOT_ALLOWED', until: null });
  }
}

const closures = {
  WIDGET_DISABLED: 'This chat is switched off at the moment.',
  WORKSPACE_ARCHIVED: 'This chat is closed.',
} as const;

/** The widget lets nobody in until somebody changes that, at a time that nobody knows. */
class WidgetClosed extends DomainError {
  constructor(reason: keyof typeof closures) {
    super('FORBIDDEN', closures[reason], { reason, until: null });
  }
}

/**
 * The widget of a public id for a page of this origin, whether it is open or not. Throws NotFound (no such widget, or its organization is
 * deleted or suspended), Forbidden (`reason` ORIGIN_NOT_ALLOWED).
 */
export const widgetOnPage = async (
  services: Services,
  origin: Origin,
  publicId: string,
  pageOrigin: string | undefined,
): Promise<PageWidget> => {
  const found = publicId.length <= 100 ? await lookedUp(services, origin, publicId) : undefined;
  if (found === undefined) throw new NotFound('EmbedWidget', publicId);
  if (pageOrigin === undefined || !found.widget.allowedOrigins.includes(pageOrigin))
    throw new ForeignOrigin(pageOrigin);
  return { ...found, pageOrigin };
};

/** Throws Forbidden (`reason` WIDGET_DISABLED, WORKSPACE_ARCHIVED). */
export const requireOpen = ({ widget, archived }: PageWidget): void => {
  if (!widget.enabled) throw new WidgetClosed('WIDGET_DISABLED');
  if (archived) throw new WidgetClosed('WORKSPACE_ARCHIVED');
};

const lookedUp = async (
  services: Services,
  origin: Origin,
  publicId: string,
): Promise<Omit<PageWidget, 'pageOrigin'> | undefined> => {
  const outside = new UnitOfWork(nowhere, { ...services, origin });
  const [key] = await readOnce(outside, () =>
    database.select().from(embedWidgetKeys).where(eq(embedWidgetKeys.publicId, publicId)),
  );
  if (key === undefined) return undefined;
  const { organizationId, widgetId } = key;
  // It reads the one widget, and nothing that visitors are shown.
  const inside = outside.as({ ...nowhere, organizationId, workspaces: '*' });
  const [row] = await readOnce(inside, () =>
    database
      .select({
        widget: embedWidgets,
        archivedAt: workspaces.archivedAt,
        gone: sql<boolean>`${organizations.deletedAt} is not null or ${organizations.suspendedAt} is not null`,
      })
      .from(embedWidgets)
      .innerJoin(
        workspaces,
        and(eq(workspaces.organizationId, organizationId), eq(workspaces.id, embedWidgets.workspaceId)),
      )
      .innerJoin(organizations, eq(organizations.id, organizationId))
      .where(and(eq(embedWidgets.organizationId, organizationId), eq(embedWidgets.id, widgetId))),
  );
  if (row === undefined || row.gone) return undefined;
  return { widget: row.widget, archived: row.archivedAt !== null };
};

/** Reads with one statement and gives the connection back. */
export const readOnce = async <Result>(unit: UnitOfWork, read: () => Promise<Result>): Promise<Result> => {
  try {
    return await unit.run(read);
  } finally {
    await unit.rest();
  }
};
