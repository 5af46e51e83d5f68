/** The ways in which Durable Objects use SQLite. All of it is synchronous. */
export function queriesOf({ sql }: Pick<DurableObjectStorage, 'sql'>) {
  const all = <T>(query: string, ...values: unknown[]): T[] =>
    sql.exec<T & Record<string, SqlStorageValue>>(query, ...values).toArray()
  return {
    all,
    run: (query: string, ...values: unknown[]): void => void sql.exec(query, ...values),
    /** The column `n` of the only row. */
    count: (query: string, ...values: unknown[]): number => all<{ n: number }>(query, ...values)[0]?.n ?? 0,
  }
}
