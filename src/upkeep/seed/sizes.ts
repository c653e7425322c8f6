/** How many rows of each kind there are; further rows hang on them. */
export interface Size {
  readonly users: number;
  readonly groups: number;
  readonly workspaces: number;
  readonly documents: number;
  readonly conversations: number;
  readonly rooms: number;
  readonly roomMessages: number;
  readonly emailThreads: number;
  readonly orders: number;
  readonly projects: number;
  readonly entries: number;
  readonly activities: number;
}

export const sizes = {
  demo: {
    users: 8,
    groups: 2,
    workspaces: 2,
    documents: 12,
    conversations: 20,
    rooms: 3,
    roomMessages: 60,
    emailThreads: 15,
    orders: 30,
    projects: 3,
    entries: 10,
    activities: 200,
  },
  large: {
    users: 200,
    groups: 10,
    workspaces: 12,
    documents: 800,
    conversations: 2000,
    rooms: 40,
    roomMessages: 6000,
    emailThreads: 1200,
    orders: 4000,
    projects: 100,
    entries: 300,
    activities: 15_000,
  },
} as const satisfies Readonly<Record<string, Size>>;
