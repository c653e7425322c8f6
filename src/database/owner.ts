import postgres from 'postgres';
import { keepText } from './pool.ts';

/** How the connection to the database is protected; `off` leaves it to the URL. */
export type Tls = 'off' | 'require' | 'verify';

/** Where the owner reaches a database. */
export interface OwnerAddress {
  readonly url: string;
  /** Path of the local socket that the embedded database listens on. */
  readonly socketPath?: string;
  readonly tls?: Tls;
}

/** One connection as the owner of the tables, without time limits, whose text is the same wherever it is read. Whoever opens it ends it. */
export const openOwner = ({ url, socketPath, tls = 'off' }: OwnerAddress): postgres.Sql => {
  const sql = postgres(url, {
    max: 1,
    ...(socketPath === undefined ? {} : { path: socketPath }),
    ...(tls === 'off' ? {} : { ssl: tls === 'require' ? 'require' : { rejectUnauthorized: true } }),
    onnotice: () => undefined,
    idle_timeout: 0,
    max_lifetime: null,
    connection: {
      application_name: 'tessera-operator',
      statement_timeout: 0,
      idle_in_transaction_session_timeout: 0,
      TimeZone: 'UTC',
      DateStyle: 'ISO, YMD',
      IntervalStyle: 'postgres',
      bytea_output: 'hex',
      extra_float_digits: 1,
    },
  });
  keepText(sql);
  return sql;
};
