import { and, eq, getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import { devices, extensionKeys } from './tables.ts';

// The row policies show each row to the one user it belongs to; these look at those of the organization that the viewer is in.

export const extensionKeyById = loadOne(
  () =>
    database
      .select()
      .from(extensionKeys)
      .where(
        and(eq(extensionKeys.organizationId, bound.organizationId), sql`${extensionKeys.id} = any(${bound.keys})`),
      ),
  (key) => key.id,
);

export const extensionKeyList = listOf({
  from: extensionKeys,
  columns: getTableColumns(extensionKeys),
  orders: { CREATED_AT: extensionKeys.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
});

export const deviceById = loadOne(
  () =>
    database
      .select()
      .from(devices)
      .where(and(eq(devices.organizationId, bound.organizationId), sql`${devices.id} = any(${bound.keys})`)),
  (device) => device.id,
);

export const deviceList = listOf({
  from: devices,
  columns: getTableColumns(devices),
  orders: { CREATED_AT: devices.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
});
